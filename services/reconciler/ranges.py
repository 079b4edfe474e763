"""The number ranges of a site: which numbers a unit's people may be given, in which order, and how many are left. Pure."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.rules import NumberOrder, NumberRange
from shared.language import enumerated

# Fewer than one in so many left is said in time.
LOW = 10
_FIRST_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.-]*\s*=\s*((?:\\.|[^,\\])*)")


@dataclass(frozen=True, slots=True)
class Stock:
    """How much of the ranges of some units is left: of ``total`` numbers ``left``, and ``resting`` in quarantine."""

    label: str
    total: int
    left: int
    resting: int

    @property
    def is_low(self) -> bool:
        """Whether it is time for more numbers."""
        return self.left * LOW < self.total


class Pool:
    """The ranges of one kind of unit: gives each number once, in the order of the ranges."""

    def __init__(
        self,
        ranges: tuple[NumberRange, ...],
        is_allowed: Callable[[str], bool],
        released: Mapping[str, datetime],
    ) -> None:
        """``is_allowed`` is whether anybody may have the number; ``released`` when it became nobody's, if it was somebody's."""
        self.label = enumerated(dict.fromkeys(label(item) for item in ranges))
        self._numbers = {number: item for item in ranges for number in numbers_of(item) if is_allowed(number)}
        self._queue = (number for item in ranges for number in self._in_order(item, released))

    def __contains__(self, number: str) -> bool:
        """Whether its people may have the number at all."""
        return number in self._numbers

    def next(self, taken: Collection[str]) -> str | None:
        """The next number that is not taken, ``None`` when there is none left."""
        return next((number for number in self._queue if number not in taken), None)

    def label_of(self, number: str) -> str:
        """How the range of one of the numbers is called."""
        return label(self._numbers[number])

    def stock(self, taken: Collection[str], resting: Collection[str]) -> Stock:
        """What is left when these are taken, some of them only for a time."""
        free = sum(number not in taken for number in self._numbers)
        return Stock(self.label, len(self._numbers), free, sum(number in resting for number in self._numbers))

    def _in_order(self, item: NumberRange, released: Mapping[str, datetime]) -> Iterator[str]:
        own = [number for number in numbers_of(item) if self._numbers.get(number) is item]
        if item.order is NumberOrder.LEAST_RECENTLY_USED:
            # Never used comes first, and sorting keeps the order of those.
            own.sort(key=lambda number: released[number].timestamp() if number in released else float("-inf"))
        yield from own


def numbers_of(item: NumberRange) -> Iterator[str]:
    """Every number of the range that is not skipped, upwards."""
    width, skipped = len(item.first), [skip.partition("-") for skip in item.skip]
    for value in range(int(item.first), int(item.last) + 1):
        number = f"{value:0{width}}"
        if not any(len(low) == width and low <= number <= (high or low) for low, _dash, high in skipped):
            yield number


def ranges_of(unit: str, ranges: tuple[NumberRange, ...]) -> tuple[NumberRange, ...]:
    """The ranges for a unit's people, in the order of the rules."""
    return tuple(item for item in ranges if not item.unit or item.unit.casefold() == unit.casefold())


def label(item: NumberRange) -> str:
    """What the range is called in a sentence: "200-299 (Sales)"."""
    numbers = f"{item.first}-{item.last}"
    found = _FIRST_NAME.match(item.unit)
    unit = re.sub(r"\\(.)", r"\1", found[1]).strip() if found else item.unit
    return f"{numbers} ({unit})" if unit else numbers
