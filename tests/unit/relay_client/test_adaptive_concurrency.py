"""Fewer at once when the phone system is busy, more as it recovers."""

import threading
import time

import pytest

from services.relay_client.execution.adaptive_concurrency import AdaptiveConcurrency


def _succeed(concurrency: AdaptiveConcurrency, times: int) -> None:
    for _time in range(times):
        concurrency.enter()
        concurrency.leave(succeeded=True)


def test_no_more_than_allowed_are_inside_and_one_who_waits_comes_in_when_one_leaves() -> None:
    concurrency = AdaptiveConcurrency(2)
    concurrency.enter()
    concurrency.enter()
    came_in = threading.Event()

    def _come_in() -> None:
        concurrency.enter()
        came_in.set()

    third = threading.Thread(target=_come_in)
    third.start()
    assert not came_in.wait(0.05)
    concurrency.leave(succeeded=True)
    assert came_in.wait(60)
    third.join()


def test_a_busy_answer_halves_the_width_and_closes_the_gate_for_as_long_as_was_asked() -> None:
    concurrency = AdaptiveConcurrency(8)
    closed_at = time.monotonic()
    concurrency.slow_down(0.1)
    assert concurrency.width == 4
    concurrency.enter()
    assert time.monotonic() - closed_at >= 0.1


def test_many_busy_answers_at_the_same_time_count_as_one_and_the_longest_pause_holds() -> None:
    concurrency = AdaptiveConcurrency(8)
    began = time.monotonic()
    for seconds in (0.05, 0.15, 0.1):
        concurrency.slow_down(seconds)
    assert concurrency.width == 4
    concurrency.enter()
    assert time.monotonic() - began >= 0.15


def test_busy_again_after_the_pause_halves_again_but_one_may_always_work() -> None:
    concurrency = AdaptiveConcurrency(8)
    widths = []
    for _time in range(5):
        concurrency.slow_down(0.001)
        concurrency.enter()
        concurrency.leave(succeeded=False)
        widths.append(concurrency.width)
    assert widths == [4, 2, 1, 1, 1]


@pytest.mark.parametrize("most", [2, 8])
def test_successes_widen_it_one_by_one_but_never_beyond_what_is_allowed(most: int) -> None:
    concurrency = AdaptiveConcurrency(most)
    concurrency.slow_down(0.001)
    narrow = concurrency.width
    _succeed(concurrency, 20)
    assert concurrency.width == narrow + 1
    _succeed(concurrency, 20 * most)
    assert concurrency.width == most


def test_failures_do_not_count_as_recovery() -> None:
    concurrency = AdaptiveConcurrency(4)
    concurrency.slow_down(0.001)
    for _time in range(50):
        concurrency.enter()
        concurrency.leave(succeeded=False)
    assert concurrency.width == 2


def test_all_who_waited_at_a_closed_gate_come_through_it_a_width_at_a_time() -> None:
    concurrency = AdaptiveConcurrency(4)
    concurrency.slow_down(0.1)
    inside = most = 0
    lock = threading.Lock()

    def _pass() -> None:
        nonlocal inside, most
        concurrency.enter()
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1
        concurrency.leave(succeeded=True)

    threads = [threading.Thread(target=_pass) for _thread in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert 1 <= most <= 2
