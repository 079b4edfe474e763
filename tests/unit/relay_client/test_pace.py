"""Fewer at once when the phone system is busy, more as it recovers."""

import threading
import time

import pytest

from services.relay_client.execution.pace import Pace


def _succeed(pace: Pace, times: int) -> None:
    for _time in range(times):
        pace.enter()
        pace.leave(succeeded=True)


def test_no_more_than_allowed_are_inside_and_one_who_waits_comes_in_when_one_leaves() -> None:
    pace = Pace(2)
    pace.enter()
    pace.enter()
    came_in = threading.Event()

    def _come_in() -> None:
        pace.enter()
        came_in.set()

    third = threading.Thread(target=_come_in)
    third.start()
    assert not came_in.wait(0.05)
    pace.leave(succeeded=True)
    assert came_in.wait(5)
    third.join()


def test_a_busy_answer_halves_the_width_and_closes_the_gate_for_as_long_as_was_asked() -> None:
    pace = Pace(8)
    closed_at = time.monotonic()
    pace.slow_down(0.1)
    assert pace.width == 4
    pace.enter()
    assert time.monotonic() - closed_at >= 0.1


def test_many_busy_answers_at_the_same_time_count_as_one_and_the_longest_pause_holds() -> None:
    pace = Pace(8)
    began = time.monotonic()
    for seconds in (0.05, 0.15, 0.1):
        pace.slow_down(seconds)
    assert pace.width == 4
    pace.enter()
    assert time.monotonic() - began >= 0.15


def test_busy_again_after_the_pause_halves_again_but_one_may_always_work() -> None:
    pace = Pace(8)
    widths = []
    for _time in range(5):
        pace.slow_down(0.001)
        pace.enter()
        pace.leave(succeeded=False)
        widths.append(pace.width)
    assert widths == [4, 2, 1, 1, 1]


@pytest.mark.parametrize("most", [2, 8])
def test_successes_widen_it_one_by_one_but_never_beyond_what_is_allowed(most: int) -> None:
    pace = Pace(most)
    pace.slow_down(0.001)
    narrow = pace.width
    _succeed(pace, 20)
    assert pace.width == narrow + 1
    _succeed(pace, 20 * most)
    assert pace.width == most


def test_failures_do_not_count_as_recovery() -> None:
    pace = Pace(4)
    pace.slow_down(0.001)
    for _time in range(50):
        pace.enter()
        pace.leave(succeeded=False)
    assert pace.width == 2


def test_all_who_waited_at_a_closed_gate_come_through_it_a_width_at_a_time() -> None:
    pace = Pace(4)
    pace.slow_down(0.1)
    inside = most = 0
    lock = threading.Lock()

    def _pass() -> None:
        nonlocal inside, most
        pace.enter()
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1
        pace.leave(succeeded=True)

    threads = [threading.Thread(target=_pass) for _thread in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in threads)
    assert 1 <= most <= 2
