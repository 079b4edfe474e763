"""What the verdict of sites goes by, read for any number of sites with the same few queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session, load_only

from services.api.overview.verdict import Facts, RunFacts
from shared.database.tables import (
    WHOLE_RUNS,
    BindingRow,
    FindingRow,
    OwedSteps,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SettingsVersion,
    SnapshotPart,
)
from shared.domain.plan import Severity
from shared.language import declared
from shared.runs.history import ended_well
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.runs.verdict import waiting_counts
from shared.settings.documents import Section

_SECTIONS = (Section.DIRECTORY.value, Section.PHONE_SYSTEM.value, Section.SCHEDULE.value)
Documents = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The facts of one site, when it was last in sync, and the stored documents they were read from, by section."""

    facts: Facts
    last_good_at: datetime | None
    documents: Documents
    # What the phone system said when it was last read.
    version: str = ""
    free_extensions: int | None = None


def carried_out() -> ColumnElement[bool]:
    """Of a run, that it was no mere preview: a full one, or one whose plan was approved."""
    return or_(Run.kind == RunKind.FULL.value, Run.approved_at.is_not(None))


def read_facts(session: Session, site_ids: Sequence[str]) -> dict[str, SiteFacts]:
    """The facts of each site."""
    newest, good = _newest(session, site_ids)
    wanted = {run_id for found in newest.values() for run_id in found.values()}
    seen = load_only(
        Run.state, Run.error_code, Run.error_message, Run.counts, Run.hold_reasons, Run.people, raiseload=True
    )
    runs = {run.id: run for run in session.scalars(select(Run).options(seen).where(Run.id.in_(wanted)))}
    findings: dict[int, dict[Severity, int]] = {}
    for run_id, severity, count in session.execute(
        select(FindingRow.run_id, FindingRow.severity, func.count())
        .where(FindingRow.run_id.in_(newest["planned"].values()))
        .group_by(FindingRow.run_id, FindingRow.severity)
    ):
        findings.setdefault(run_id, {})[Severity(severity)] = count
    unread: dict[int, list[str]] = {}
    for run_id, why in session.execute(
        select(SnapshotPart.run_id, SnapshotPart.error_message).where(
            SnapshotPart.run_id.in_(newest["read"].values()),
            SnapshotPart.state != PartState.COMPLETE.value,
            SnapshotPart.kind.in_([PartKind.UNIT.value, PartKind.EXTENSIONS.value]),
        )
    ):
        unread.setdefault(run_id, []).append(why or "")
    phone_systems = _phone_systems(session, newest["read"].values())
    managed = _counts(session, BindingRow.site_id, site_ids)
    owed = _counts(session, OwedSteps.site_id, site_ids)
    documents = _documents(session, site_ids)

    def _of(site_id: str) -> SiteFacts:
        def _run(which: str) -> Run | None:
            return runs.get(newest[which].get(site_id, 0))

        planned, read = _run("planned"), _run("read")
        gaps = unread.get(read.id, []) if read is not None else []
        stored = documents.get(site_id, {})
        return SiteFacts(
            Facts(
                missing=missing_of(stored),
                active=_facts_of(_run("active")),
                waiting=_facts_of(_run("waiting")),
                carried_out=_facts_of(_run("carried_out")),
                planned=_facts_of(planned),
                findings=findings.get(planned.id, {}) if planned is not None else {},
                unread=len(gaps),
                unread_why=next(filter(None, gaps), ""),
                unread_run_id=read.id if read is not None else None,
                people=planned.people if planned is not None else 0,
                managed=managed.get(site_id, 0),
                owed=owed.get(site_id, 0),
                is_schedule_on=bool(stored.get(Section.SCHEDULE.value, {}).get("is_enabled")),
            ),
            good.get(site_id),
            stored,
            *(phone_systems.get(read.id, ("", None)) if read is not None else ("", None)),
        )

    return {site_id: _of(site_id) for site_id in site_ids}


def missing_of(documents: Documents) -> list[tuple[str, str]]:
    """What must be configured before a first run, with the tab of the settings where that is done."""
    directory = documents.get(Section.DIRECTORY.value, {})
    phone_system = documents.get(Section.PHONE_SYSTEM.value, {})
    needed = (
        ("directory", declared("a domain controller of Active Directory"), directory.get("servers")),
        ("units", declared("an organizational unit"), directory.get("units")),
        ("phone-system", declared("the phone system's address"), phone_system.get("base_url")),
        ("phone-system", declared("the phone system's API client"), phone_system.get("client_id")),
    )
    return [(tab, what) for tab, what, given in needed if not given]


def _phone_systems(session: Session, run_ids: Iterable[int]) -> dict[int, tuple[str, int | None]]:
    """By run, the version of 3CX and how many extensions its licence had left; not all of the proof, which may be long."""
    proof = SnapshotPart.proof
    rows = session.execute(
        select(
            SnapshotPart.run_id,
            proof["version"].as_string(),
            proof["used_extensions"].as_integer(),
            proof["max_extensions"].as_integer(),
        ).where(
            SnapshotPart.run_id.in_(run_ids),
            SnapshotPart.kind == PartKind.EXTENSIONS.value,
            SnapshotPart.state == PartState.COMPLETE.value,
        )
    )
    return {
        run_id: (version or "", None if most is None else max(0, most - (used or 0)))
        for run_id, version, used, most in rows
    }


def _newest(
    session: Session, site_ids: Iterable[str]
) -> tuple[dict[str, dict[str, int]], dict[str, datetime | None]]:
    """The newest run of each sort by site, and when each site was last in sync: in one look at the runs."""
    whole = Run.kind.in_(WHOLE_RUNS)
    sorts: dict[str, ColumnElement[bool]] = {
        "active": Run.state.in_(ACTIVE_STATES),
        "waiting": Run.state.in_(WAITING_STATES),
        "carried_out": and_(whole, carried_out()),
        "planned": and_(whole, Run.planned_at.is_not(None)),
        # A cancelled run may have been stopped before anything was asked.
        "read": and_(
            Run.kind.not_in([RunKind.CHANGES.value, RunKind.WHAT_IF.value, RunKind.UNDO.value]),
            Run.state.not_in([RunState.COLLECTING.value, RunState.CANCELLED.value]),
        ),
    }
    rows = session.execute(
        select(
            Run.site_id,
            func.max(case((and_(ended_well(), whole, carried_out()), Run.finished_at))),
            *(func.max(case((is_one, Run.id))) for is_one in sorts.values()),
        )
        .where(Run.site_id.in_(site_ids))
        .group_by(Run.site_id)
    ).all()
    newest = {
        sort: {row[0]: row[place] for row in rows if row[place] is not None}
        for place, sort in enumerate(sorts, start=2)
    }
    return newest, {row[0]: row[1] for row in rows}


def _counts(session: Session, site: Any, site_ids: Iterable[str]) -> dict[str, int]:
    rows = session.execute(select(site, func.count()).where(site.in_(site_ids)).group_by(site))
    return {site_id: count for site_id, count in rows}  # noqa: C416  (as above)


def _documents(session: Session, site_ids: Iterable[str]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The newest documents as they are stored: what is asked of them here is no secret."""
    newest = (
        select(
            SettingsVersion.site_id,
            SettingsVersion.section,
            func.max(SettingsVersion.version).label("version"),
        )
        .where(SettingsVersion.site_id.in_(site_ids), SettingsVersion.section.in_(_SECTIONS))
        .group_by(SettingsVersion.site_id, SettingsVersion.section)
        .subquery()
    )
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in session.execute(
        select(SettingsVersion.site_id, SettingsVersion.section, SettingsVersion.document).join(
            newest,
            (SettingsVersion.site_id == newest.c.site_id)
            & (SettingsVersion.section == newest.c.section)
            & (SettingsVersion.version == newest.c.version),
        )
    ):
        found.setdefault(row.site_id, {})[row.section] = row.document
    return found


def _facts_of(run: Run | None) -> RunFacts | None:
    if run is None:
        return None
    waiting = waiting_counts(run) if run.state == RunState.HELD else dict(run.counts)
    return RunFacts(run.id, RunState(run.state), run.error_code, run.error_message, waiting)
