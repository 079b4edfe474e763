"""Writes down who is who as a run's readings show it: in the transaction that stores its plan."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from services.reconciler.evidence import Evidence
from services.reconciler.roll_entries import entries_of
from shared.database.tables import WHOLE_RUNS, Run, RunKind
from shared.domain.plan import FindingCode, Plan
from shared.domain.rules import RunFacts
from shared.domain.seen import Seen
from shared.roll import queries
from shared.roll.entry import Entry
from shared.roll.reading import gone_since, take_part, take_reading

log = structlog.get_logger(__name__)


def take_up(
    session: Session,
    run: Run,
    plan: Plan,
    seen: Seen,
    facts: RunFacts,
    homes: Mapping[str, str | None],
    now: datetime,
) -> None:
    """Rebuild the site's roll by a run that looked at everybody; of a run for one person take up that person, of a change run
    whomever it has read.
    """
    if run.kind not in WHOLE_RUNS:
        seen = replace(seen, in_sync=())
    entries = entries_of(plan, seen, homes)
    if run.kind == RunKind.CHANGES:
        take_part(session, run.site_id, [*entries, *_no_longer_there(session, run.site_id, seen)], now)
        return
    if run.kind not in WHOLE_RUNS:
        mine = [entry for entry in entries if entry.guid is not None and entry.guid == run.person_guid]
        take_part(session, run.site_id, mine, now)
        return
    proof = Evidence.of(facts.units, (), len(seen.people) + len(seen.in_sync))
    # What a reading does not show that may be older than the last one is not gone.
    is_behind = any(finding.code is FindingCode.CONTROLLER_BEHIND for finding in plan.findings)
    in_doubt = {guid for guid in seen.bindings if guid not in seen.people and guid not in seen.absent}

    def _proves_absence(entry: Entry) -> bool:
        if is_behind or entry.holder in in_doubt:
            return False
        return proof.proves_of_unit(entry.person.unit if entry.person is not None else "")

    differences = take_reading(session, run.site_id, run.id, entries, _proves_absence, now)
    if differences:
        log.info("roll_differs", run_id=run.id, site_id=run.site_id, rows=differences)


def _no_longer_there(session: Session, site_id: str, seen: Seen) -> Iterator[Entry]:
    """People without an extension whom the roll knows and a directory does not select any more."""
    absent = [guid for guid in seen.absent if guid not in seen.bindings]
    for row in queries.rows_of(session, site_id, absent).values():
        gone = gone_since(row, lambda _entry: True)
        if gone is not None:
            yield gone
