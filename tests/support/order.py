"""The order in which the workers are given the tests: what takes longest first."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

# Of whatever is not listed, on a quiet machine.
_SECONDS_EACH = 0.15
LISTED = Path(__file__).parents[1] / "longest.txt"


def longest() -> dict[str, float]:
    """Seconds by group of tests, or by function where its tests are of none."""
    lines = LISTED.read_text(encoding="utf-8").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    return {name: float(seconds) for seconds, name in pairs}


def longest_first(items: list[pytest.Item]) -> None:
    """Sort the tests by the time of what must run on one worker together; else they stay as they are."""
    parts = {item: part_of(item.nodeid) for item in items}
    counted = Counter(parts.values())
    known = longest()
    items.sort(key=lambda item: -_seconds(parts[item], counted, known))


def part_of(name: str) -> str:
    """What xdist gives to one worker: a group, which it reads from the end of the name, or the test alone."""
    test, _, group = name.rpartition("@")
    return group if test and "]" not in group else name


def _seconds(part: str, counted: Mapping[str, int], known: Mapping[str, float]) -> float:
    return known.get(part.partition("[")[0], _SECONDS_EACH * counted[part])
