"""Asks for a full run because live changes cannot tell what there is to do. Called by whoever notices that."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.sentences import with_sentences
from shared.database.tables import Run, RunKind, WatchRow
from shared.encryption import Encryption
from shared.errors import Conflict
from shared.language import phrase
from shared.runs import changes
from shared.runs.start import RunRequest, start_run

WATCH = "watch"
# However much changes, and however often something asks.
_AT_MOST_EVERY = timedelta(minutes=5)


def ask_full_reading(session: Session, site_id: str, reason: str, encryption: Encryption) -> Run | None:
    """Start a full run for this reason (a whole sentence), or remember the wish where none may be started now.

    :raises SettingsInvalid: the site is not configured yet.
    """
    wanted = update(WatchRow).where(WatchRow.site_id == site_id).execution_options(synchronize_session=False)
    needed = with_sentences(WatchRow, {"needs_full_reading": reason})
    session.execute(wanted.where(WatchRow.needs_full_reading.is_(None)).values(**needed))
    # What a run has read that began before now does not count.
    session.execute(wanted.values(needed_usn=WatchRow.usn_after, full_run_id=None))
    return start_full_reading(session, site_id, reason, encryption)


def may_start(last_full_run_at: datetime) -> bool:
    """Whether the last full run was started long enough ago."""
    return datetime.now(UTC) - last_full_run_at >= _AT_MOST_EVERY


def start_full_reading(session: Session, site_id: str, reason: str, encryption: Encryption) -> Run | None:
    """Start the full run that was asked for, unless one is active, was started less than five minutes ago, or a plan waits for an
    approval: whoever reads it shall not lose it to each new change.

    :raises SettingsInvalid: the site is not configured yet.
    """
    if changes.plan_waiting(session, site_id) is not None:
        return None
    last = session.scalar(
        select(Run.created_at)
        .where(Run.site_id == site_id, Run.kind == RunKind.FULL.value)
        .order_by(Run.id.desc())
        .limit(1)
    )
    if last is not None and not may_start(last):
        return None
    try:
        run = start_run(session, RunRequest(site_id, trigger=WATCH, actor=WATCH), encryption)
    except Conflict:
        return None
    message = phrase(
        "Live changes need a full run. {reason} Run {run} was started.", reason=reason, run=run.id
    )
    events.record(session, site_id, events.LogEntry("watch.full_run", message, run_id=run.id))
    return run
