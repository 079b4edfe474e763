"""When runs are due: slot arithmetic in a time zone, right across its clock changes. Pure.

``every``: each N minutes of elapsed time, counted from local midnight. ``times``: times of day; one that does not
exist on a day (spring) is due once, at the first valid moment after the gap; one that occurs twice (autumn) is
due the first time only. On days of the week that are not chosen there is none. Called by ``due_runs``; slots are UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.domain.schedule import ScheduleMode

_DAY = timedelta(days=1)
_ALL_WEEK = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Schedule:
    """``times`` are HH:MM in ``time_zone`` (an IANA name), used in mode times; ``every_minutes`` in mode every."""

    mode: ScheduleMode = ScheduleMode.EVERY
    every_minutes: int = 15
    times: tuple[str, ...] = ()
    time_zone: str = "UTC"
    # As ``date.weekday()`` counts.
    weekdays: frozenset[int] = _ALL_WEEK


def latest_due(schedule: Schedule, now: datetime) -> datetime | None:
    """The last slot that is not after ``now`` (aware); ``None`` when there is never one."""
    return max((slot for slot in _slots_around(schedule, now) if slot <= now), default=None)


def next_due(schedule: Schedule, now: datetime) -> datetime | None:
    """The first slot after ``now`` (aware); ``None`` when there is never one."""
    return min((slot for slot in _slots_around(schedule, now) if slot > now), default=None)


def slot_text(slot: datetime) -> str:
    """The slot's stable name: one name starts one run only."""
    return slot.astimezone(UTC).isoformat()


def _slots_around(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    """Slots among which the last one before and the first one after ``now`` are sure to be."""
    zone = ZoneInfo(schedule.time_zone)
    today = now.astimezone(zone).date()
    # Two days to each side, because a zone may leave out a whole day (Samoa, 30 December 2011).
    most = 2 if schedule.weekdays == _ALL_WEEK else 9
    for shift in range(-most, most + 1):
        day = today + shift * _DAY
        if day.weekday() not in schedule.weekdays:
            continue
        if schedule.mode is ScheduleMode.EVERY:
            yield from _every(timedelta(minutes=schedule.every_minutes), zone, day, now)
        else:
            for text in schedule.times:
                yield first_moment(datetime.combine(day, time.fromisoformat(text)), zone)


def _every(step: timedelta, zone: ZoneInfo, day: date, now: datetime) -> Iterator[datetime]:
    """Of the slots of a day the first, the last, and those around ``now``."""
    midnight = first_moment(datetime.combine(day, time()), zone)
    length = first_moment(datetime.combine(day + _DAY, time()), zone) - midnight
    if length <= timedelta():
        return
    last = (length - timedelta(microseconds=1)) // step
    around = (now - midnight) // step
    yield from (midnight + count * step for count in {0, last, around, around + 1} if 0 <= count <= last)


def first_moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment (UTC) at which a clock in the zone shows this time, or has jumped over it."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # PEP 495: within a gap, fold=1 gives a moment before the change of the clock and fold=0 one after it.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset_before = before.astimezone(zone).utcoffset()
    while moment - before > timedelta(seconds=1):
        middle = (before + (moment - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset_before:
            before = middle
        else:
            moment = middle
    return moment
