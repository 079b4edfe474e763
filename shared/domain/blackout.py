"""When nothing is to be changed: weekly windows in a time zone, right across its clock changes. Pure.

A window holds whenever a clock in the zone shows a time within it: its beginning is the first, its end the last moment at
which the clock shows that time. Where the clock jumps over one of them, it is the first moment after the gap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.domain.schedule import BeginningDay, EndingDay, Weekday
from shared.domain.slots import first_moment

_DAY = timedelta(days=1)
_MINUTES_OF_DAY = 24 * 60
_MINUTES_OF_WEEK = 7 * _MINUTES_OF_DAY


@dataclass(frozen=True, slots=True)
class Window:
    """From ``begin`` on each of the days until ``end`` (HH:MM) on the ``end_day`` that follows."""

    days: BeginningDay
    begin: str
    end_day: EndingDay
    end: str

    def length(self, weekday: int) -> tuple[int, int]:
        """Of the window that begins on this day of the week, minutes of the day at its beginning, and how long it is."""
        begin, end = _minutes(self.begin), _minutes(self.end)
        if self.end_day is EndingDay.WITHIN_A_DAY:
            length = (end - begin) % _MINUTES_OF_DAY or _MINUTES_OF_DAY
        else:
            days = Weekday(self.end_day.value).position - weekday
            length = (days * _MINUTES_OF_DAY + end - begin) % _MINUTES_OF_WEEK or _MINUTES_OF_WEEK
        return begin, length


@dataclass(frozen=True, slots=True)
class Blackout:
    """A time (UTC, its end excluded) in which nothing is to be changed; windows that touch are one."""

    begin: datetime
    end: datetime


def may_change(windows: Sequence[Window], time_zone: str, now: datetime) -> bool:
    """Whether changes are to be made at the moment (aware)."""
    return blackout_at(windows, time_zone, now) is None


def blackout_at(windows: Sequence[Window], time_zone: str, now: datetime) -> Blackout | None:
    """The blackout that holds at the moment (aware), ``None`` when there is none.

    ``windows`` must leave some time of the week free (``leaves_time``).
    """
    spans = sorted(_spans(windows, ZoneInfo(time_zone), now), key=lambda span: span.begin)
    found: Blackout | None = None
    for span in spans:
        if found is not None and span.begin <= found.end:
            found = Blackout(found.begin, max(found.end, span.end))
        elif found is not None and found.end > now:
            break
        else:
            found = span
    return found if found is not None and found.begin <= now < found.end else None


def leaves_time(windows: Sequence[Window]) -> bool:
    """Whether there is any minute of the week that no window covers."""
    covered = bytearray(_MINUTES_OF_WEEK)
    for window in windows:
        for weekday in window.days.positions:
            begin, length = window.length(weekday)
            for minute in range(
                weekday * _MINUTES_OF_DAY + begin, weekday * _MINUTES_OF_DAY + begin + length
            ):
                covered[minute % _MINUTES_OF_WEEK] = 1
    return not all(covered)


def _spans(windows: Sequence[Window], zone: ZoneInfo, now: datetime) -> Iterator[Blackout]:
    # A blackout lasts less than a week; one day more for zones that leave out a day, one for the zone's offset.
    today = now.astimezone(zone).date()
    for shift in range(-16, 17):
        day = today + shift * _DAY
        for window in windows:
            if day.weekday() not in window.days.positions:
                continue
            begin, length = window.length(day.weekday())
            wall = datetime.combine(day, time()) + timedelta(minutes=begin)
            span = Blackout(first_moment(wall, zone), _last_moment(wall + timedelta(minutes=length), zone))
            if span.begin < span.end:
                yield span


def _last_moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The last moment (UTC) at which a clock in the zone shows this time, or the first after it has jumped over it."""
    moment = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == wall else first_moment(wall, zone)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
