"""Numbers as people, addresses and forms write them. Pure."""


def is_digits(text: str) -> bool:
    """Whether it is ASCII digits alone, at least one: ``int`` takes signs, spaces and the digits of other scripts too."""
    return text.isascii() and text.isdecimal()


def whole_number(text: str, most_digits: int) -> int | None:
    """The number that at most so many ASCII digits write, ``None`` for anything else."""
    return int(text) if is_digits(text) and len(text) <= most_digits else None
