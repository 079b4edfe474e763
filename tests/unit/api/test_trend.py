"""What is shown of the last days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.api.overview.trend import (
    CHANGED,
    CREATED,
    DAYS,
    HEIGHT,
    HELD,
    REMOVED,
    WIDTH,
    Done,
    bars,
    days_of,
)

NOW = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_day_is_one_of_the_readers_time_zone() -> None:
    days = days_of([Done(NOW, "create_extension", 3)], [], NOW, BERLIN)
    assert len(days) == DAYS
    assert days[-1].day == date(2026, 12, 1)
    assert days[-1].counts == {CREATED: 3}
    assert days_of([Done(NOW, "create_extension", 3)], [], NOW, ZoneInfo("UTC"))[-1].day == date(2026, 11, 30)


def test_kinds_are_told_in_four_figures_and_what_waits_all_day_counts_once() -> None:
    done = [
        Done(NOW, "create_extension", 1),
        Done(NOW, "update_extension", 2),
        Done(NOW, "of_a_newer_version", 4),
        Done(NOW, "disable_extension", 8),
        Done(NOW, "archive_extension", 100),
        Done(NOW, "delete_extension", 16),
        Done(NOW - timedelta(days=DAYS), "create_extension", 1000),
    ]
    held = [(NOW - timedelta(minutes=minutes), 24) for minutes in (0, 5, 10)]
    days = days_of(done, held, NOW, ZoneInfo("UTC"))
    assert days[-1].counts == {CREATED: 1, CHANGED: 6, REMOVED: 24, HELD: 24}
    assert sum(day.total for day in days) == 55


def test_the_first_run_does_not_dwarf_the_others_and_no_bar_leaves_the_picture() -> None:
    done = [Done(NOW - timedelta(days=3), "create_extension", 10_000), Done(NOW, "update_extension", 25)]
    first, last = bars(days_of(done, [], NOW, ZoneInfo("UTC")))
    assert first.height == HEIGHT
    assert last.height >= HEIGHT / 25
    many = bars(days_of([*done, Done(NOW, "create_extension", 1)], [(NOW, 1)], NOW, ZoneInfo("UTC")))
    assert all(0 <= bar.y <= HEIGHT and bar.x + bar.width <= WIDTH for bar in many)
