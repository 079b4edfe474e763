"""Rows of a plan as people write them: ``3,7-9``. Pure."""

from collections.abc import Iterable

from shared.errors import NotFound


def parse_rows(text: str, most: int) -> set[int]:
    """The numbers that the text names, at most as many as the plan has rows: nothing is expanded beyond that.

    :raises NotFound: a part of it names none, or all together name more than ``most``.
    """
    ranges: list[range] = []
    named = 0
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, dash, last = part.partition("-")
        numbers = (first, last) if dash else (first, first)
        if not all(number.isascii() and number.isdecimal() and len(number) < 8 for number in numbers):
            raise NotFound(f"'{part[:40]}' names no row. Rows are written like 3,7-9.")
        chosen = range(int(numbers[0]), int(numbers[1]) + 1)
        if not chosen:
            raise NotFound(f"'{part[:40]}' names no row. Rows are written like 3,7-9.")
        named += len(chosen)
        if named > most:
            raise NotFound(f"More rows are named than the plan has ({most}). Rows are written like 3,7-9.")
        ranges.append(chosen)
    return {row for chosen in ranges for row in chosen}


def show_rows(rows: Iterable[int]) -> str:
    """The rows in their shortest form."""
    shown: list[str] = []
    first = last = None
    for row in [*sorted(rows), None]:
        if last is not None and row == last + 1:
            last = row
            continue
        if first is not None:
            shown.append(str(first) if first == last else f"{first}-{last}")
        first = last = row
    return ",".join(shown)
