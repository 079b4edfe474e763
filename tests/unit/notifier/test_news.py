"""What is told: once when something begins, once when it is over, and nothing while it lasts or cannot be known."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.news import Condition, Facts, RunSeen, look, news
from services.notifier.timing import due_at, pause_seconds
from shared.domain.notifying import KINDS, Level, Notification
from shared.domain.watching import WatchState, WatchStatus
from shared.settings.sections.notifications import NotificationsSettings

NOW = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
SETTINGS = NotificationsSettings()
FAILED = RunSeen(7, is_failed=True, reason="No answer.")


def _told(before: Facts, after: Facts, settings: NotificationsSettings = SETTINGS) -> list[str]:
    """The kinds that are told when one state follows the other."""
    known = {kind: [item.key for item in found] for kind, found in look(before, settings, NOW).items()}
    return [notice.kind.value for notice in news(known, look(after, settings, NOW))]


def _watch(minutes: float) -> WatchStatus:
    return WatchStatus("", WatchState.LIVE, last_answer_at=NOW - timedelta(minutes=minutes))


def _behind(hours: float, *, is_scheduled: bool = True, due_hours_ago: float = 20) -> Facts:
    return Facts(
        is_scheduled=is_scheduled,
        behind_since=NOW - timedelta(hours=hours),
        due_at=NOW - timedelta(hours=due_hours_ago),
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (Facts(), Facts(held=RunSeen(1)), ["plan_waits"]),
        (Facts(held=RunSeen(1)), Facts(held=RunSeen(2)), []),
        (Facts(held=RunSeen(1)), Facts(), []),
        (Facts(ended=RunSeen(1)), Facts(ended=FAILED), ["run_failed"]),
        (Facts(ended=FAILED), Facts(ended=RunSeen(8)), ["run_failed"]),
        (_behind(1), _behind(27), ["sync_overdue"]),
        (_behind(27), _behind(1), ["sync_overdue"]),
        # No run was due since then: a weekend without runs, or a blackout window.
        (_behind(1), _behind(60, due_hours_ago=-3), []),
        (_behind(1), _behind(60, due_hours_ago=0.5), []),
        (_behind(1), _behind(60, due_hours_ago=1.5), ["sync_overdue"]),
        # Nobody is told that all is well again because the schedule was turned off.
        (_behind(27), _behind(27, is_scheduled=False), []),
        (Facts(is_live=True, watches=[_watch(0)]), Facts(is_live=True, watches=[_watch(6)]), ["live_interrupted"]),
        (Facts(is_live=True, watches=[_watch(6)]), Facts(is_live=True, watches=[_watch(0)]), ["live_interrupted"]),
        # Reconnecting is no interruption, nor the end of one.
        (Facts(is_live=True, watches=[_watch(0)]), Facts(is_live=True, watches=[_watch(3)]), []),
        (Facts(is_live=True, watches=[_watch(6)]), Facts(is_live=True, watches=[_watch(3)]), []),
        (Facts(licence=(90, 100)), Facts(licence=(96, 100)), ["licence"]),
        (Facts(licence=(96, 100)), Facts(licence=(97, 100)), []),
        (Facts(conflicts={"a": "A"}), Facts(conflicts={"a": "A", "b": "B"}), ["conflicts"]),
        (Facts(conflicts={"a": "A"}), Facts(conflicts=None), []),
        (Facts(ends=[("c", NOW + timedelta(days=20))]), Facts(ends=[("c", NOW + timedelta(days=13))]), ["expiry"]),
        (Facts(ends=[("c", NOW + timedelta(days=13))]), Facts(ends=[("c", NOW - timedelta(days=1))]), []),
    ],
)  # fmt: skip
def test_only_what_begins_and_what_is_over_is_told(before: Facts, after: Facts, told: list[str]) -> None:
    assert _told(before, after) == told
    assert _told(after, after) == []


def test_a_plan_that_is_replaced_while_a_run_reads_still_waits() -> None:
    assert Notification.PLAN_WAITS not in look(Facts(is_reading=True), SETTINGS, NOW)
    assert look(Facts(), SETTINGS, NOW)[Notification.PLAN_WAITS] == []


def test_a_licence_that_comes_and_goes_by_one_is_told_of_once() -> None:
    almost = look(Facts(licence=(95, 100)), SETTINGS, NOW)
    assert Notification.LICENCE not in almost
    assert look(Facts(licence=(93, 100)), SETTINGS, NOW)[Notification.LICENCE] == []


@given(
    st.lists(
        st.dictionaries(st.sampled_from(list(Notification)), st.sets(st.sampled_from("abc"))), max_size=8
    )
)
def test_nothing_is_told_twice_unless_it_was_over(looks: list[dict[Notification, set[str]]]) -> None:
    known: dict[Notification, list[str]] = {}
    for found in looks:
        conditions = {kind: [Condition(key, key) for key in keys] for kind, keys in found.items()}
        for notice in news(known, conditions):
            if notice.lines:
                assert not set(notice.lines) & set(known.get(notice.kind, ()))
            else:
                assert known[notice.kind]
        known |= {kind: sorted(keys) for kind, keys in found.items()}


def _due(
    kind: Notification, settings: NotificationsSettings, zone: str = "UTC", severity: str = ""
) -> datetime:
    (notice,) = news({}, {kind: [Condition("x", "x")]})
    if severity:
        (notice,) = news({kind: ["x"]}, {kind: []})
    return due_at(notice, settings, zone, NOW)


def test_quiet_hours_hold_back_all_but_failures_in_the_time_zone_of_the_schedule() -> None:
    quiet = NotificationsSettings(quiet_from="22:00", quiet_until="07:00")
    assert _due(Notification.PLAN_WAITS, quiet) == datetime(2026, 12, 1, 7, tzinfo=UTC)
    assert _due(Notification.PLAN_WAITS, quiet, "Europe/Berlin") == datetime(2026, 12, 1, 6, tzinfo=UTC)
    # 16:30 in Denver.
    assert _due(Notification.PLAN_WAITS, quiet, "America/Denver") == NOW
    assert _due(Notification.RUN_FAILED, quiet) == NOW
    assert _due(Notification.RUN_FAILED, quiet, severity="info") > NOW
    assert _due(Notification.PLAN_WAITS, SETTINGS) == NOW


def test_the_summary_waits_for_its_hour() -> None:
    assert _due(Notification.REMOVALS, SETTINGS) == datetime(2026, 12, 1, 8, tzinfo=UTC)


def test_pauses_grow_to_an_hour() -> None:
    assert [pause_seconds(attempts) for attempts in (1, 2, 3, 7, 28)] == [60, 120, 240, 3600, 3600]


def test_every_kind_is_declared_and_failures_alone_are_urgent() -> None:
    assert set(KINDS) == set(Notification)
    assert {kind.value for kind, about in KINDS.items() if about.is_urgent} == {"run_failed", "sync_overdue"}
    assert {about.severity for about in KINDS.values()} == set(Level)
