"""Sees to it that what only a full reading can tell gets one: starts a run, and forgets the reason when it was read.

Called by ``watcher``. At most one such run of a site is started in some minutes; runs by schedule and by hand count too.
"""

from datetime import UTC, datetime, timedelta

import structlog
from kombu.exceptions import OperationalError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shared.database.tables import PartKind, PartState, Run, RunKind, SnapshotPart, WatchRow
from shared.errors import Conflict, RollcallError, StorageUnavailable
from shared.runs.start import RunRequest, start_run
from shared.work.publishing import publish_due
from shared.worker.context import Context

log = structlog.get_logger(__name__)

TRIGGER = "watch"
_AT_MOST_ONCE_IN = timedelta(minutes=5)


def see_to_full_readings(context: Context, now: datetime | None = None) -> list[int]:
    """Start a run for each site that needs a full reading and may have one now; the runs started."""
    moment = now or datetime.now(UTC)
    with context.database.glance() as session:
        rows = session.execute(
            select(WatchRow.site_id, func.max(WatchRow.needed_since).label("since"))
            .where(WatchRow.needs_full_reading.is_not(None))
            .group_by(WatchRow.site_id)
        )
        needed: dict[str, datetime | None] = {row.site_id: row.since for row in rows}
    started = []
    for site_id, since in needed.items():
        if since is None or _is_read(context, site_id, since):
            continue
        run_id = _start(context, site_id, moment)
        if run_id is not None:
            started.append(run_id)
    return started


def _is_read(context: Context, site_id: str, since: datetime) -> bool:
    """Whether a run that began later has read every unit and was planned; what needed it is then forgotten."""
    with context.database.glance() as session:
        run = session.scalars(
            select(Run)
            .where(Run.site_id == site_id, Run.kind == RunKind.FULL.value, Run.created_at > since)
            .where(Run.planned_at.is_not(None))
            .order_by(Run.id.desc())
            .limit(1)
        ).first()
        if run is None or _has_unread(session, run.id):
            return False
    with context.database.begin() as session:
        session.execute(
            update(WatchRow)
            .where(WatchRow.site_id == site_id, WatchRow.needed_since < run.created_at)
            .values(needs_full_reading=None, needed_since=None)
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


def _start(context: Context, site_id: str, now: datetime) -> int | None:
    with context.database.glance() as session:
        last = session.scalar(
            select(func.max(Run.created_at)).where(Run.site_id == site_id, Run.trigger == TRIGGER)
        )
    if last is not None and now - last < _AT_MOST_ONCE_IN:
        return None
    try:
        with context.database.begin() as session:
            request = RunRequest(site_id, trigger=TRIGGER, actor=TRIGGER)
            run_id = start_run(session, request, context.encryption).id
    except Conflict as conflict:
        log.debug("full_reading_waits", site=site_id, reason=conflict.message)
        return None
    except RollcallError as error:
        log.warning("full_reading_not_started", site=site_id, code=error.code, error=error.message)
        return None
    try:
        publish_due(context, run_id)
    except (OperationalError, StorageUnavailable) as error:
        # ``sweep`` publishes again.
        log.warning("run_not_published", run_id=run_id, error=type(error).__name__)
    return run_id
