"""When a notification is sent: at once, after the quiet hours, or with the daily summary. Pure."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from services.notifier.news import Notice
from shared.domain.notifying import KINDS
from shared.domain.schedule import ScheduleMode
from shared.domain.slots import Schedule, next_due
from shared.settings.sections.notifications import NotificationsSettings

_LONGEST_PAUSE_SECONDS = 3600.0


def due_at(notice: Notice, settings: NotificationsSettings, time_zone: str, now: datetime) -> datetime:
    """When it is to be sent. What has failed is sent at any hour; that it works again can wait."""
    about = KINDS[notice.kind]
    if about.is_digest:
        return _next(settings.digest_at, time_zone, now)
    is_urgent = about.is_urgent and notice.severity is about.severity
    if is_urgent or settings.quiet_from is None or settings.quiet_until is None:
        return now
    begins, ends = time.fromisoformat(settings.quiet_from), time.fromisoformat(settings.quiet_until)
    local = now.astimezone(ZoneInfo(time_zone)).time()
    is_quiet = begins <= local < ends if begins <= ends else local >= begins or local < ends
    return _next(settings.quiet_until, time_zone, now) if is_quiet else now


def _next(time_of_day: str, time_zone: str, now: datetime) -> datetime:
    return next_due(Schedule(ScheduleMode.TIMES, times=(time_of_day,), time_zone=time_zone), now) or now


def pause_seconds(attempts: int) -> float:
    """How long to wait after so many attempts that failed: a minute, doubled each time, at most an hour."""
    return min(60.0 * 2.0 ** (attempts - 1), _LONGEST_PAUSE_SECONDS)
