"""When runs are due, above all where clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.schedule import ScheduleMode
from shared.domain.slots import Schedule, latest_due, next_due, slot_text
from shared.settings.documents import ScheduleSettings

# Zones with every kind of change: an hour, half an hour, at midnight, to the west of Greenwich, a skipped day, none.
ZONES = (
    "Europe/Berlin", "America/Denver", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "Africa/Cairo",
    "Asia/Kathmandu", "Pacific/Apia", "Atlantic/Azores", "Pacific/Chatham", "UTC",
)  # fmt: skip
# Around changes of the zones above, where chance alone would seldom lead.
CHANGES = tuple(
    datetime(*moment, tzinfo=UTC)
    for moment in (
        (2026, 3, 29, 1), (2026, 10, 25, 1), (2026, 3, 8, 9), (2026, 11, 1, 8), (2026, 4, 4, 15), (2026, 10, 3, 15),
        (2026, 3, 8, 5), (2026, 11, 1, 5), (2026, 3, 28, 22), (2026, 10, 24, 21), (2026, 4, 23, 22),
        (2026, 10, 29, 21), (2011, 12, 30, 10), (2026, 4, 4, 14), (2026, 9, 26, 14),
    )
)  # fmt: skip
moments = st.one_of(
    # Hypothesis wants the limits without a zone.
    st.datetimes(datetime(2011, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.builds(
        lambda change, minutes: change + timedelta(minutes=minutes),
        st.sampled_from(CHANGES),
        st.integers(-1500, 1500),
    ),
)
hours = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))
schedules = st.builds(
    Schedule,
    mode=st.sampled_from(ScheduleMode),
    every_minutes=st.integers(1, 1440),
    times=st.lists(hours, min_size=1, max_size=4).map(tuple),
    time_zone=st.sampled_from(ZONES),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1) | st.just(frozenset(range(7))),
)


def _times(zone: str, *times: str) -> Schedule:
    return Schedule(ScheduleMode.TIMES, times=times, time_zone=zone)


def _slots(schedule: Schedule, day: date, days: int = 1) -> list[str]:
    """The slots of some local days, as local wall clock with offset."""
    zone = ZoneInfo(schedule.time_zone)
    now = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) - timedelta(microseconds=1)
    found = []
    while (slot := next_due(schedule, now)) is not None:
        local = slot.astimezone(zone)
        if local.date() >= day + timedelta(days=days):
            break
        found.append(local.strftime("%d %H:%M %z"))
        now = slot
    return found


def test_every_quarter_of_an_hour_is_counted_from_midnight() -> None:
    schedule = Schedule(ScheduleMode.EVERY, 15, time_zone="Europe/Berlin")
    now = datetime(2026, 3, 1, 12, 7, tzinfo=UTC)
    assert latest_due(schedule, now) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert next_due(schedule, now) == datetime(2026, 3, 1, 12, 15, tzinfo=UTC)


def test_an_interval_that_does_not_divide_the_day_begins_again_at_midnight() -> None:
    assert _slots(Schedule(ScheduleMode.EVERY, 600, time_zone="Asia/Kathmandu"), date(2026, 3, 1), 2) == [
        "01 00:00 +0545", "01 10:00 +0545", "01 20:00 +0545",
        "02 00:00 +0545", "02 10:00 +0545", "02 20:00 +0545",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        # Spring: 02:30 does not exist and is due at the first moment after the gap.
        ("Europe/Berlin", date(2026, 3, 29), ["29 03:00 +0200"]),
        ("America/Denver", date(2026, 3, 8), ["08 03:00 -0600"]),
        # Autumn: 02:30 occurs twice and is due the first time only.
        ("Europe/Berlin", date(2026, 10, 25), ["25 02:30 +0200"]),
        ("America/Denver", date(2026, 11, 1), ["01 02:30 -0700"]),
        # Lord Howe moves by half an hour: 02:00 to 02:30 does not exist in October.
        ("Australia/Lord_Howe", date(2026, 10, 4), ["04 02:30 +1100"]),
        ("UTC", date(2026, 3, 29), ["29 02:30 +0000"]),
    ],
)
def test_half_past_two_is_due_once_on_the_days_the_clock_changes(
    zone: str, day: date, expected: list[str]
) -> None:
    assert _slots(_times(zone, "02:30"), day) == expected


def test_a_time_that_occurs_twice_is_due_the_first_time() -> None:
    assert _slots(_times("America/Denver", "01:30"), date(2026, 11, 1)) == ["01 01:30 -0600"]


def test_two_times_inside_one_gap_are_one_slot() -> None:
    schedule = _times("Europe/Berlin", "02:10", "02:50", "03:00")
    assert _slots(schedule, date(2026, 3, 29)) == ["29 03:00 +0200"]


def test_a_midnight_that_does_not_exist_is_due_when_the_day_begins() -> None:
    assert _slots(_times("Asia/Beirut", "00:00"), date(2026, 3, 29)) == ["29 01:00 +0300"]


def test_a_day_that_a_zone_left_out_has_no_slot_of_its_own() -> None:
    # Samoa went from 29 to 31 December 2011; the time of the 30th is due at the first moment of the 31st.
    slots = _slots(_times("Pacific/Apia", "12:00"), date(2011, 12, 28), 4)
    assert slots == ["28 12:00 -1000", "29 12:00 -1000", "31 00:00 +1400", "31 12:00 +1400"]


@pytest.mark.parametrize(
    ("zone", "day", "minutes", "count"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 30, 46),
        ("Europe/Berlin", date(2026, 10, 25), 30, 50),
        ("Australia/Lord_Howe", date(2026, 10, 4), 30, 47),
        ("America/Havana", date(2026, 11, 1), 60, 25),
    ],
)
def test_an_interval_goes_on_through_a_change_of_the_clock(
    zone: str, day: date, minutes: int, count: int
) -> None:
    assert len(_slots(Schedule(ScheduleMode.EVERY, minutes, time_zone=zone), day)) == count


def test_without_times_nothing_is_ever_due() -> None:
    empty = Schedule(ScheduleMode.TIMES, times=())
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert (latest_due(empty, now), next_due(empty, now)) == (None, None)


def test_a_slot_has_one_name_in_every_zone() -> None:
    slot = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (
        slot_text(slot)
        == slot_text(slot.astimezone(ZoneInfo("Asia/Kathmandu")))
        == "2026-03-01T12:00:00+00:00"
    )


@given(schedules, moments)
def test_now_lies_between_the_last_slot_and_the_next(schedule: Schedule, now: datetime) -> None:
    last, following = latest_due(schedule, now), next_due(schedule, now)
    assert last is not None
    assert following is not None
    assert last <= now < following


@given(schedules, moments)
def test_slots_follow_each_other_without_a_gap_and_without_a_repetition(
    schedule: Schedule, now: datetime
) -> None:
    following = next_due(schedule, now)
    assert following is not None
    assert latest_due(schedule, following) == following
    assert latest_due(schedule, following - timedelta(microseconds=1)) == latest_due(schedule, now)
    assert next_due(schedule, following - timedelta(microseconds=1)) == following


@given(schedules, moments, st.integers(0, 100_000))
def test_later_moments_have_later_slots(schedule: Schedule, now: datetime, seconds: int) -> None:
    later = now + timedelta(seconds=seconds)
    for due in (latest_due, next_due):
        early, late = due(schedule, now), due(schedule, later)
        assert early is not None
        assert late is not None
        assert early <= late


@given(schedules, moments)
def test_a_slot_of_a_time_of_day_shows_that_time_or_follows_a_gap(schedule: Schedule, now: datetime) -> None:
    if schedule.mode is ScheduleMode.TIMES:
        slot = next_due(schedule, now)
        assert slot is not None
        local = slot.astimezone(ZoneInfo(schedule.time_zone))
        before = (slot - timedelta(seconds=1)).astimezone(ZoneInfo(schedule.time_zone))
        assert local.strftime("%H:%M") in schedule.times or before.utcoffset() != local.utcoffset()


def test_the_next_run_is_that_of_the_schedule_when_it_is_on() -> None:
    now = datetime(2026, 11, 24, 12, 1, tzinfo=UTC)
    schedule = ScheduleSettings(is_enabled=True, every_minutes=15)
    assert schedule.next_run_at(now) == datetime(2026, 11, 24, 12, 15, tzinfo=UTC)
    assert ScheduleSettings().next_run_at(now) is None
