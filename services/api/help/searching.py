"""Finds parts of the help by words. Pure.

Every word must be in a part, its heading or the page's title; what has them in its heading comes first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.api.help.documents import Document, Part

MOST = 30
_AROUND = 80


@dataclass(frozen=True, slots=True)
class Hit:
    """A part that was found, and the line of it that says most."""

    page: str
    language: str
    title: str
    anchor: str
    heading: str
    excerpt: str


def search(documents: Iterable[Document], words: str) -> list[Hit]:
    """The best parts for the words, at most ``MOST``; none for no words."""
    wanted = words.casefold().split()[:10]
    if not wanted:
        return []
    found = [
        (rank, order, _hit(document, part, wanted))
        for order, document in enumerate(documents)
        for part in document.parts
        if (rank := _rank(document, part, wanted)) is not None
    ]
    return [hit for _, _, hit in sorted(found, key=lambda item: item[:2])[:MOST]]


def _hit(document: Document, part: Part, wanted: list[str]) -> Hit:
    return Hit(
        document.name, document.language, document.title, part.anchor, part.heading, _excerpt(part, wanted)
    )


def _rank(document: Document, part: Part, wanted: list[str]) -> int | None:
    """How far down a part stands; ``None``: not all words are in it."""
    heading, title = part.heading.casefold(), document.title.casefold()
    text = " ".join(part.lines).casefold()
    if not all(word in heading or word in title or word in text for word in wanted):
        return None
    in_heading = sum(word in heading for word in wanted)
    return -3 * in_heading - max((_worth(line, wanted) for line in part.lines), default=0)


def _worth(line: str, wanted: list[str]) -> int:
    """How much a line says of the words; a row of a table that begins with one explains it."""
    text = line.casefold()
    return 2 * sum(word in text for word in wanted) + 3 * text.startswith(wanted[0])


def _excerpt(part: Part, wanted: list[str]) -> str:
    line = max(part.lines, key=lambda line: _worth(line, wanted), default="")
    places = [place for word in wanted if (place := line.casefold().find(word)) >= 0]
    begin = max(0, min(places, default=0) - _AROUND)
    end = begin + 3 * _AROUND
    return ("… " if begin else "") + line[begin:end].strip() + (" …" if end < len(line) else "")
