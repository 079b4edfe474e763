"""Rows of a plan as people write them: ``3,7-9``. Pure."""

from collections.abc import Iterable

from shared.errors import NotFound
from shared.language import phrase
from shared.values.digits import whole_number


def parse_rows(text: str, most: int) -> set[int]:
    """The numbers that the text names, at most as many as the plan has rows: nothing is expanded beyond that.

    :raises NotFound: a part of it names none, or all together name more than ``most``.
    """
    ranges: list[range] = []
    named = 0
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, dash, last = part.partition("-")
        low = whole_number(first, 7)
        high = whole_number(last, 7) if dash else low
        if low is None or high is None or low > high:
            raise NotFound(phrase("'{part}' is not a row. Write rows like 3,7-9.", part=part[:40]))
        chosen = range(low, high + 1)
        named += len(chosen)
        if named > most:
            raise NotFound(
                phrase(
                    "These are more rows than the plan has ({maximum}). Write rows like 3,7-9.", maximum=most
                )
            )
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
