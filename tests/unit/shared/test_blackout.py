"""When nothing is to be changed, above all where clocks change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.domain.blackout import Window, blackout_at, leaves_time, may_change
from shared.domain.schedule import BeginningDay, EndingDay
from shared.errors import SettingsInvalid
from shared.settings.documents import ScheduleSettings, Section
from shared.settings.store import validate
from tests.unit.shared.test_schedule import ZONES, hours, moments

WEEKEND = Window(BeginningDay.FRIDAY, "18:00", EndingDay.MONDAY, "07:00")
OFFICE = Window(BeginningDay.WORKDAYS, "08:00", EndingDay.WITHIN_A_DAY, "17:00")
windows = st.lists(
    st.builds(Window, st.sampled_from(BeginningDay), hours, st.sampled_from(EndingDay), hours),
    min_size=1,
    max_size=3,
).map(tuple)


def _berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("window", "moment", "until"),
    [
        (WEEKEND, "2026-12-04T17:59:59", None),
        (WEEKEND, "2026-12-04T18:00", "2026-12-07T07:00"),
        (WEEKEND, "2026-12-07T06:59:59", "2026-12-07T07:00"),
        (WEEKEND, "2026-12-07T07:00", None),
        (OFFICE, "2026-12-07T08:00", "2026-12-07T17:00"),
        (OFFICE, "2026-12-05T12:00", None),
        # Until a time that is earlier: the next day.
        (Window(BeginningDay.SUNDAY, "22:00", EndingDay.WITHIN_A_DAY, "05:00"), "2026-12-07T04:00", "2026-12-07T05:00"),
        # It begins where the clock jumps to 03:00, and ends when it shows 02:30 for the last time.
        (Window(BeginningDay.SUNDAY, "02:30", EndingDay.WITHIN_A_DAY, "04:00"), "2026-03-29T03:00", "2026-03-29T04:00"),
        (Window(BeginningDay.SUNDAY, "01:00", EndingDay.WITHIN_A_DAY, "02:30"), "2026-10-25T02:00", "2026-10-25T02:30:00+01:00"),
    ],
)  # fmt: skip
def test_a_window_holds_from_its_beginning_until_its_end(
    window: Window, moment: str, until: str | None
) -> None:
    found = blackout_at((window,), "Europe/Berlin", _berlin(moment))
    if until is None:
        assert found is None
    else:
        expected = datetime.fromisoformat(until)
        assert found is not None
        assert found.end == (expected if expected.tzinfo else _berlin(until))


def test_windows_that_touch_are_one_blackout() -> None:
    night = Window(BeginningDay.DAILY, "17:00", EndingDay.WITHIN_A_DAY, "20:00")
    found = blackout_at((OFFICE, night), "UTC", datetime(2026, 12, 7, 9, tzinfo=UTC))
    assert found is not None
    assert (found.begin.hour, found.end.hour) == (8, 20)


@given(windows, st.sampled_from(ZONES), moments)
def test_nothing_is_changed_while_a_clock_in_the_zone_shows_a_time_within_a_window(
    rows: tuple[Window, ...], zone: str, now: datetime
) -> None:
    assume(leaves_time(rows))
    wall = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    shown = any(
        begin <= wall < begin + timedelta(minutes=length)
        for row in rows
        for back in range(8)
        if (day := wall.date() - timedelta(days=back)).weekday() in row.days.positions
        for minutes, length in [row.length(day.weekday())]
        for begin in [datetime.combine(day, time()) + timedelta(minutes=minutes)]
    )
    if shown:
        assert not may_change(rows, zone, now)


@given(windows, st.sampled_from(ZONES), moments)
def test_a_blackout_is_the_same_for_every_moment_within_it_and_over_at_its_end(
    rows: tuple[Window, ...], zone: str, now: datetime
) -> None:
    assume(leaves_time(rows))
    found = blackout_at(rows, zone, now)
    if found is not None:
        assert found.begin <= now < found.end
        assert blackout_at(rows, zone, found.begin) == found
        assert blackout_at(rows, zone, found.end - timedelta(microseconds=1)) == found
        assert may_change(rows, zone, found.end)
        assert may_change(rows, zone, found.begin - timedelta(microseconds=1))


def test_windows_that_leave_no_time_are_refused() -> None:
    rows = [
        {"days": "daily", "begin": "08:00", "end_day": "within_a_day", "end": "20:00"},
        {"days": "daily", "begin": "20:00", "end_day": "within_a_day", "end": "08:00"},
    ]
    with pytest.raises(SettingsInvalid, match="cover the whole week"):
        validate(Section.SCHEDULE, {"blackout": rows})
    assert validate(Section.SCHEDULE, {"blackout": rows[:1]})


def test_a_run_that_is_due_in_a_blackout_is_due_at_its_end() -> None:
    row = {"days": "friday", "begin": "18:00", "end_day": "monday", "end": "07:00"}
    schedule = ScheduleSettings.model_validate(
        {"is_enabled": True, "mode": "times", "times": ["02:00"], "blackout": [row]}
    )
    monday = datetime(2026, 12, 7, 7, tzinfo=UTC)
    for day, hour in ((4, 12), (4, 19), (6, 12), (7, 3)):
        assert schedule.next_run_at(datetime(2026, 12, day, hour, tzinfo=UTC)) == monday
    assert schedule.next_run_at(monday) == datetime(2026, 12, 8, 2, tzinfo=UTC)
    # What the window left alone is not due again at its end.
    late = schedule.model_copy(update={"times": ("12:00",), "weekdays": schedule.weekdays[:5]})
    assert late.next_run_at(datetime(2026, 12, 5, 12, tzinfo=UTC)) == datetime(2026, 12, 7, 12, tzinfo=UTC)


def test_a_schedule_needs_a_day_of_the_week() -> None:
    with pytest.raises(SettingsInvalid, match="Choose at least one day"):
        validate(Section.SCHEDULE, {"is_enabled": True, "weekdays": []})
