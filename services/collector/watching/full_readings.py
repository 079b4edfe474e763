"""Sees to it that what only a full reading can tell gets one: starts a run, and forgets the reason when it was read.

Called by ``watcher``. Whoever asks for one leaves the reason with the watches of the site (``shared.runs.full_reading``).
"""

import structlog
from kombu.exceptions import OperationalError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, load_only

from shared.database.sentences import with_sentences
from shared.database.tables import PartKind, PartState, Run, RunKind, SnapshotPart, WatchRow
from shared.domain.reading import Freshness, Reading, is_at_least_as_fresh
from shared.errors import RollcallError, StorageUnavailable
from shared.language import read_back
from shared.runs.changes import was_stopped
from shared.runs.full_reading import may_start, start_full_reading
from shared.work.publishing import publish_due
from shared.worker.context import Context

log = structlog.get_logger(__name__)


def see_to_full_readings(context: Context) -> list[int]:
    """Start a run for each site that needs a full reading and may have one now; the runs started."""
    # By site: the runs that read what is needed, and the first reason.
    needed: dict[str, tuple[set[int | None], str]] = {}
    with context.database.glance() as session:
        for row in session.execute(
            select(
                WatchRow.site_id,
                WatchRow.full_run_id,
                WatchRow.needs_full_reading,
                WatchRow.needs_full_reading_sentence,
            ).where(WatchRow.needs_full_reading.is_not(None))
        ):
            reason = read_back(row.needs_full_reading, row.needs_full_reading_sentence)
            reading, _ = needed.setdefault(row.site_id, (set(), reason))
            reading.add(row.full_run_id)
        newest = _newest_full_runs(session) if needed else {}
    started = []
    for site_id, (reading, reason) in needed.items():
        run = newest.get(site_id)
        has_read = run is not None and reading == {run.id} and run.planned_at is not None
        if run is not None and has_read and not was_stopped(run) and _is_read(context, run):
            continue
        if run is None or may_start(run.created_at):
            run_id = _start(context, site_id, reason)
            if run_id is not None:
                started.append(run_id)
    return started


def _newest_full_runs(session: Session) -> dict[str, Run]:
    """By site: one question, however many sites there are."""
    newest = select(func.max(Run.id)).where(Run.kind == RunKind.FULL.value).group_by(Run.site_id)
    seen = load_only(Run.site_id, Run.created_at, Run.planned_at, Run.state, Run.error_code, raiseload=True)
    return {run.site_id: run for run in session.scalars(select(Run).options(seen).where(Run.id.in_(newest)))}


def _is_read(context: Context, run: Run) -> bool:
    """Whether this run has read every unit, each from a controller that had what the watch's had; what needed it is then forgotten."""
    with context.database.glance() as session:
        if _has_unread(session, run.id) or _is_behind(session, run):
            return False
    with context.database.begin() as session:
        session.execute(
            update(WatchRow)
            .where(WatchRow.site_id == run.site_id, WatchRow.full_run_id == run.id)
            .values(**with_sentences(WatchRow, {"needs_full_reading": None}))
            .execution_options(synchronize_session=False)
        )
    return True


def _has_unread(session: Session, run_id: int) -> bool:
    unread = select(SnapshotPart.id).where(
        SnapshotPart.run_id == run_id,
        SnapshotPart.kind == PartKind.UNIT.value,
        SnapshotPart.state != PartState.COMPLETE.value,
    )
    return session.scalar(unread.limit(1)) is not None


def _is_behind(session: Session, run: Run) -> bool:
    """Whether a unit was read from a controller that may lack what the watched one had when the reading was asked for."""
    units = SnapshotPart.run_id == run.id, SnapshotPart.kind == PartKind.UNIT.value
    proofs = session.scalars(select(SnapshotPart.proof).where(*units)).all()
    readings = [Reading.from_document(proof.get("controller") or {}) for proof in proofs]
    needed = WatchRow.site_id == run.site_id, WatchRow.needs_full_reading.is_not(None)
    watches = {row.directory: row for row in session.scalars(select(WatchRow).where(*needed))}
    return any(
        is_at_least_as_fresh(reading, Reading(invocation_id=watch.invocation_id, usn=watch.needed_usn))
        is not Freshness.PROVEN
        for reading in readings
        if (watch := watches.get(reading.directory)) is not None and watch.invocation_id
    )


def _start(context: Context, site_id: str, reason: str) -> int | None:
    try:
        with context.database.begin() as session:
            run = start_full_reading(session, site_id, reason, context.encryption)
    except RollcallError as error:
        log.warning("full_reading_not_started", site=site_id, code=error.code, error=error.message)
        return None
    if run is None:
        return None
    try:
        publish_due(context, run.id)
    except (OperationalError, StorageUnavailable) as error:
        # ``sweep`` publishes again.
        log.warning("run_not_published", run_id=run.id, error=type(error).__name__)
    return run.id
