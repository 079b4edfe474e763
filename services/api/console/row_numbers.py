"""Rows of a plan as people write them: ``3,7-9``. Pure."""

from collections.abc import Iterable

from shared.errors import NotFound

# More than any plan has; keeps a mistyped range from filling the memory.
_MOST = 1_000_000


def parse_rows(text: str) -> set[int]:
    """The numbers that the text names.

    :raises NotFound: a part of it names none.
    """
    rows: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, dash, last = part.partition("-")
        numbers = (first, last) if dash else (first, first)
        if not all(number.isascii() and number.isdecimal() and len(number) < 8 for number in numbers):
            raise NotFound(f"'{part[:40]}' names no row. Rows are written like 3,7-9.")
        chosen = range(int(numbers[0]), int(numbers[1]) + 1)
        if not 0 < len(chosen) <= _MOST:
            raise NotFound(f"'{part[:40]}' names no row. Rows are written like 3,7-9.")
        rows.update(chosen)
    return rows


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
