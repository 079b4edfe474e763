"""The clock and the memory of Rollcall: ``tick`` starts what schedules say is due, ``sweep`` publishes again
whatever waits for a worker. Both are called by beat, may run twice or late, and decide from the database alone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from sqlalchemy import func, select

from services.collector.schedule import Schedule, latest_due, slot_text
from shared.database.pages import forget_pages_of_old_runs
from shared.database.tables import Run, RunKind, SettingsVersion, Site
from shared.errors import Conflict, RollcallError
from shared.runs.due import due_messages
from shared.runs.start import RunRequest, start_run
from shared.settings import store
from shared.settings.documents import ScheduleSettings, Section
from shared.worker.context import Context

log = structlog.get_logger(__name__)

# Snapshots are big; what a removal rested on stays in words with its command.
RUNS_WITH_PAGES = 20


def tick(context: Context, now: datetime | None = None) -> list[int]:
    """Start a run on every site whose schedule is due; returns the runs started.

    A slot is due when no run of the site was started since it and the schedule was saved before it. So a slot
    missed (the host was off) is made up for once, and a new schedule waits for its first slot.
    """
    moment = now or datetime.now(UTC)
    with context.database.read() as session:
        sites = session.scalars(select(Site.id).order_by(Site.id)).all()
    started = [run_id for site_id in sites if (run_id := _start_if_due(context, site_id, moment)) is not None]
    for run_id in started:
        context.publish_due(run_id)
    return started


def sweep(context: Context) -> int:
    """Publish a message for everything that waits for a worker and that nobody is at; returns how many."""
    with context.database.read() as session:
        messages = due_messages(session, datetime.now(UTC))
    context.publish(messages)
    with context.database.begin() as session:
        forget_pages_of_old_runs(session, RUNS_WITH_PAGES)
    return len(messages)


def schedule_of(settings: ScheduleSettings) -> Schedule:
    """The settings as plain values for the arithmetic."""
    return Schedule(settings.mode, settings.every_minutes, settings.times, settings.time_zone)


def _start_if_due(context: Context, site_id: str, now: datetime) -> int | None:
    try:
        with context.database.read() as session:
            settings = store.read(session, site_id, context.encryption).settings.schedule
            if not settings.is_enabled:
                return None
            slot = latest_due(schedule_of(settings), now)
            saved_at, last_run_at = session.execute(
                select(
                    select(func.max(SettingsVersion.created_at))
                    .where(
                        SettingsVersion.site_id == site_id,
                        SettingsVersion.section == Section.SCHEDULE.value,
                    )
                    .scalar_subquery(),
                    select(func.max(Run.created_at))
                    .where(Run.site_id == site_id, Run.kind == RunKind.FULL.value)
                    .scalar_subquery(),
                )
            ).one()
        if slot is None or not _after_all(slot, (saved_at, last_run_at)):
            return None
        with context.database.begin() as session:
            request = RunRequest(site_id, trigger="schedule", actor="schedule", schedule_slot=slot_text(slot))
            return start_run(session, request, context.encryption).id
    except Conflict as conflict:
        log.info("scheduled_run_waits", site=site_id, reason=conflict.message)
    except RollcallError as error:
        log.error("scheduled_run_not_started", site=site_id, code=error.code, error=error.message)
    return None


def _after_all(slot: datetime, moments: Sequence[datetime | None]) -> bool:
    return all(moment is None or slot > moment for moment in moments)
