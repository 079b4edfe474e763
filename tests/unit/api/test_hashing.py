"""Passwords are hashed a few at a time: so many at once can take so much memory, and no more."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.api.access.passwords import hashing
from shared.errors import TooBusy


def _peak_kib(work: Callable[[], object]) -> int:
    """How much the memory of this process grew at its highest while the work was done."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def test_sixty_at_once_take_no_more_memory_than_is_documented_and_the_rest_is_turned_away() -> None:
    stored = hashing.compute("quiet river stone")
    together = threading.Barrier(60)

    def _try(_number: int) -> bool | None:
        together.wait()
        try:
            return hashing.matches("quiet river stone", stored)
        except TooBusy:
            return None

    with ThreadPoolExecutor(60) as pool:
        answers: list[bool | None] = []
        grown = _peak_kib(lambda: answers.extend(pool.map(_try, range(60))))
    assert answers.count(True) >= 8
    assert answers.count(None) >= 30
    # 19 MiB each, and what the allocator keeps beside them. Unbounded it would be 1.1 GiB.
    assert grown < 64 * 1024


def test_whoever_was_turned_away_is_let_in_afterwards() -> None:
    taken = hashing.AT_ONCE + hashing.IN_QUEUE
    with ExitStack() as stack:
        for _ in range(taken):
            stack.enter_context(hashing.admitted())
        with pytest.raises(TooBusy):
            hashing.compute("quiet river stone")
    stored = hashing.compute("quiet river stone")
    assert hashing.matches("quiet river stone", stored)
    assert not hashing.matches("quiet river stones", stored)
