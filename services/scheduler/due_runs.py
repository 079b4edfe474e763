"""The clock and the memory of Rollcall: ``tick`` starts what schedules say is due, ``sweep`` publishes again
whatever waits for a worker. Both are called by beat, may run twice or late, and decide from the database alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from services.scheduler.copies import copy_database
from services.scheduler.retention import apply_retention
from shared.database import audit_chain, given_numbers
from shared.database.tables import Run, RunKind, SettingsVersion
from shared.database.watches import watch_statuses
from shared.domain.slots import latest_due, slot_text
from shared.domain.watching import is_watched
from shared.errors import Conflict, RollcallError
from shared.messages import Message, Notify, TakeChanges, WriteNumbers
from shared.runs.changes import sites_with_pending
from shared.runs.start import RunRequest, start_run
from shared.settings import store
from shared.settings.documents import ScheduleSettings, Section
from shared.work import leases
from shared.work.due import SCHEDULER, due_messages
from shared.work.publishing import publish_due
from shared.worker.context import Context

log = structlog.get_logger(__name__)

# Far below the most parameters that a database takes in one statement.
_SITES_AT_ONCE = 200
# After so many ticks without a word the scheduler counts as dead (`rollcall doctor`).
_TICKS_MISSED = 4


@dataclass(frozen=True, slots=True)
class _Saved:
    """A site's schedule, and when it was saved."""

    schedule: ScheduleSettings
    at: datetime


def tick(context: Context, now: datetime | None = None) -> list[int]:
    """Start a run on every site whose schedule is due; returns the runs started.

    A slot is due when no run of the site was started since it and the schedule was saved before it. So a slot
    missed (the host was off, a blackout held) is made up for once, and a new schedule waits for its first slot.
    """
    moment = now or datetime.now(UTC)
    with context.database.read() as session:
        due = dict(_due_slots(session, moment))
        untaken = _without_taken(session, due)
    started = []
    for site_id, slot in untaken.items():
        run_id = _start_if_due(context, site_id, slot)
        if run_id is not None:
            started.append(run_id)
            publish_due(context, run_id)
    # Last, so that a look that fails every time does not count as one.
    leases.take(context.database, SCHEDULER, "beat", _TICKS_MISSED * context.settings.tick_seconds)
    return started


def sweep(context: Context) -> int:
    """Publish a message for everything that waits for a worker and that nobody is at; returns how many.

    Housekeeping comes after it, when it is time for that.
    """
    with context.database.read() as session:
        now = datetime.now(UTC)
        messages: list[Message] = [*due_messages(session, now)]
        messages += [WriteNumbers(site_id=site) for site in given_numbers.sites_with_due(session, now)]
        messages += [TakeChanges(site_id=site) for site in sites_with_pending(session)]
        messages += [Notify(site_id=site) for site in _with_notifications(session)]
    context.publish(messages)
    copy_database(context)
    apply_retention(context)
    _log_audit_head(context)
    return len(messages)


def _with_notifications(session: Session) -> list[str]:
    """The sites whose notifications were ever set up: what waits for a channel that is none any more is ended too."""
    of_section = SettingsVersion.section == Section.NOTIFICATIONS.value
    return list(session.scalars(select(SettingsVersion.site_id).where(of_section).distinct()))


def _log_audit_head(context: Context) -> None:
    """The signed head of the audit in the log stream, whenever it has moved: whoever can write the database cannot
    take it back from there (`rollcall audit verify --head`).
    """
    with context.database.glance() as session:
        head = audit_chain.head_of(session)
    if head and head != getattr(context.app, "rollcall_audit_head", ""):
        context.app.rollcall_audit_head = head
        log.info("audit_head", head=head)


def _due_slots(session: Session, now: datetime) -> Iterator[tuple[str, datetime]]:
    """The newest slot of each site with a schedule, if it came after the schedule was saved.

    Of a site whose changes are noticed it is once a day; from when they are not any more, the interval counts again.
    """
    watches = watch_statuses(session)
    for site_id, saved in _schedules(session):
        if not saved.schedule.is_enabled or saved.schedule.blackout_at(now) is not None:
            continue
        schedule = saved.schedule.to_schedule(is_watched=is_watched(watches.get(site_id, ()), now))
        slot = latest_due(schedule, now)
        if slot is not None and slot > saved.at:
            yield site_id, slot


def _schedules(session: Session) -> Iterator[tuple[str, _Saved]]:
    # One question for all sites, however many: nearly always there is nothing to do.
    newest = (
        select(func.max(SettingsVersion.id))
        .where(SettingsVersion.section == Section.SCHEDULE.value)
        .group_by(SettingsVersion.site_id)
    )
    rows = session.scalars(
        select(SettingsVersion).where(SettingsVersion.id.in_(newest)).order_by(SettingsVersion.site_id)
    )
    for row in rows:
        try:
            schedule = store.validate(Section.SCHEDULE, row.document)
        except RollcallError as error:
            log.error("schedule_unreadable", site=row.site_id, code=error.code, error=error.message)
            continue
        assert isinstance(schedule, ScheduleSettings)
        yield row.site_id, _Saved(schedule, row.created_at)


def _without_taken(session: Session, due: Mapping[str, datetime]) -> dict[str, datetime]:
    """Those whose slot has not had its run yet."""
    taken: set[str] = set()
    pairs = list(due.items())
    for first in range(0, len(pairs), _SITES_AT_ONCE):
        chosen = [
            and_(Run.site_id == site_id, Run.schedule_slot == slot_text(slot))
            for site_id, slot in pairs[first : first + _SITES_AT_ONCE]
        ]
        taken.update(session.scalars(select(Run.site_id).where(or_(*chosen))))
    return {site_id: slot for site_id, slot in due.items() if site_id not in taken}


def _start_if_due(context: Context, site_id: str, slot: datetime) -> int | None:
    try:
        with context.database.read() as session:
            last_run_at = session.scalar(
                select(func.max(Run.created_at)).where(Run.site_id == site_id, Run.kind == RunKind.FULL.value)
            )
        if last_run_at is not None and last_run_at >= slot:
            return None
        with context.database.begin() as session:
            request = RunRequest(site_id, trigger="schedule", actor="schedule", schedule_slot=slot_text(slot))
            return start_run(session, request, context.encryption).id
    except Conflict as conflict:
        log.info("scheduled_run_waits", site=site_id, reason=conflict.message)
    except RollcallError as error:
        log.error("scheduled_run_not_started", site=site_id, code=error.code, error=error.message)
    return None
