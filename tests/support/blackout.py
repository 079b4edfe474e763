"""A blackout window that holds now, whatever the time is, and for some hours to come."""

from datetime import datetime, timedelta
from typing import Any

from shared.domain.schedule import Weekday


def blackout_now(now: datetime) -> list[dict[str, Any]]:
    """The rows of the schedule, in its own time zone UTC."""
    begin, end = now - timedelta(hours=2), now + timedelta(hours=48)
    days = list(Weekday)
    return [
        {
            "days": days[begin.weekday()].value,
            "begin": f"{begin:%H:%M}",
            "end_day": days[end.weekday()].value,
            "end": f"{end:%H:%M}",
        }
    ]
