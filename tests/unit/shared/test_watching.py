"""When a site counts as watched, and what of its schedule is left then."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.schedule import ScheduleMode
from shared.domain.watching import WatchState, WatchStatus, is_watched
from shared.settings.sections.schedule import ScheduleSettings

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FRESH = WatchStatus("", WatchState.LIVE, last_answer_at=NOW - timedelta(seconds=20))
# Its connection is made anew: nothing is late yet.
RECONNECTING = WatchStatus("", WatchState.STARTING, last_answer_at=NOW - timedelta(seconds=20))
SILENT = WatchStatus("emea", WatchState.LIVE, last_answer_at=NOW - timedelta(seconds=91))
NEVER = WatchStatus("emea", WatchState.STARTING)


@pytest.mark.parametrize(
    ("statuses", "watched"),
    [
        ([], False),
        ([FRESH], True),
        ([RECONNECTING], True),
        ([FRESH, FRESH], True),
        ([FRESH, SILENT], False),
        ([FRESH, NEVER], False),
    ],
)
def test_a_site_is_watched_while_each_of_its_directories_answers(
    statuses: list[WatchStatus], watched: bool
) -> None:
    assert is_watched(statuses, NOW) is watched


def test_while_changes_are_noticed_an_interval_becomes_one_run_a_night() -> None:
    live = ScheduleSettings(is_enabled=True, live=True, every_minutes=15, times=("03:30", "15:00"))
    nightly = live.to_schedule(is_watched=True)
    assert (nightly.mode, nightly.times) == (ScheduleMode.TIMES, ("03:30",))
    assert live.next_run_at(NOW, is_watched=True) == datetime(2026, 12, 1, 3, 30, tzinfo=UTC)
    assert live.to_schedule().mode is ScheduleMode.EVERY
    assert live.model_copy(update={"times": ()}).to_schedule(is_watched=True).times == ("02:00",)


def test_times_of_day_stay_and_a_site_without_live_changes_keeps_its_interval() -> None:
    times = ScheduleSettings(is_enabled=True, live=True, mode=ScheduleMode.TIMES, times=("03:30", "15:00"))
    assert times.to_schedule(is_watched=True).times == ("03:30", "15:00")
    off = ScheduleSettings(is_enabled=True, live=False)
    assert off.to_schedule(is_watched=True).mode is ScheduleMode.EVERY


def test_changes_are_live_only_where_runs_start_by_themselves() -> None:
    assert not ScheduleSettings(live=True).is_live
    assert not ScheduleSettings(is_enabled=True).is_live
    assert ScheduleSettings(is_enabled=True, live=True).is_live
