"""Finds the shortest plan that still fails: delta debugging (Zeller and Hildebrandt, 2002, ddmin) over its steps."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shortest(
    items: Sequence[T], fails: Callable[[Sequence[T]], bool], is_time_over: Callable[[], bool] = lambda: False
) -> list[T]:
    """The items of which none can be left out, as far as the time allows. ``fails`` is true of all of them."""
    left, parts = list(items), 2
    while len(left) > 1 and not is_time_over():
        size = -(-len(left) // parts)
        without = [left[:start] + left[start + size :] for start in range(0, len(left), size)]
        smaller = next((fewer for fewer in without if not is_time_over() and fails(fewer)), None)
        if smaller is not None:
            left, parts = smaller, max(parts - 1, 2)
        elif parts >= len(left):
            break
        else:
            parts = min(2 * parts, len(left))
    return left
