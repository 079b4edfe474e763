"""Reads the pages of docs/ and turns them into HTML: links lead to other pages of the help, anchors are GitHub's.

A page in another language has the anchors of the English one, so that links lead to it in every language.

Only text that is part of Rollcall comes here, never text of a user; raw HTML in it is escaped all the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from posixpath import basename

from markdown_it import MarkdownIt
from markdown_it.token import Token

from services.api.help.contents import TRANSLATED, placed
from shared.language import ENGLISH

FOLDER = Path(__file__).parent / "docs"
IMAGES = FOLDER / "images"
_LINK = re.compile(r"^(?:\.\./)?([a-z-]+)\.md(#.*)?$")
_IMAGE = re.compile(r"^(?:\.\./)?images/([\w-]+\.(?:png|svg))$")
_NO_WORD = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Part:
    """What stands below one heading: for the search."""

    anchor: str
    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A page: its name in addresses, the language it is in, title, HTML and parts."""

    name: str
    language: str
    title: str
    html: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where pages and images of the help are: ``{}`` stands for the name."""

    page: str
    image: str


@cache
def document(name: str, addresses: Addresses, language: str = ENGLISH) -> Document | None:
    """The page, in English where the language does not have it; ``None`` when the help has none of this name."""
    if name not in names():
        return None
    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": False}).enable("table")
    tokens = parser.parse((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    parts = _parts(tokens)
    translation = FOLDER / language / f"{name}.md"
    if language not in TRANSLATED or not translation.is_file():
        language = ENGLISH
    else:
        tokens = parser.parse(translation.read_text(encoding="utf-8"))
        parts = _parts(tokens, [part.anchor for part in parts])
    _lead_links(tokens, addresses)
    # Long lines are scrolled to, by keyboard too. All other < of the text are escaped.
    html = str(parser.renderer.render(tokens, parser.options, {})).replace("<pre>", '<pre tabindex="0">')
    return Document(name, language, parts[0].heading, html, parts)


@cache
def names() -> tuple[str, ...]:
    """The names of all pages, in the order of the contents."""
    return tuple(name for _, pages in by_subject() for name in pages)


@cache
def by_subject() -> list[tuple[str, list[str]]]:
    """The names of all pages by subject, as the contents show them."""
    return placed(file.stem for file in FOLDER.glob("*.md"))


def anchor_of(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return _NO_WORD.sub("", heading.casefold()).replace(" ", "-")


def _parts(tokens: Sequence[Token], anchors: Sequence[str] = ()) -> tuple[Part, ...]:
    """The parts of a page; its headings are given these anchors on the way, their own where there is none."""
    given = iter(anchors)
    parts: list[Part] = []
    heading, anchor, lines = "", "", list[str]()
    cells: list[str] | None = None
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "inline" and before is not None and before.type == "heading_open":
            if heading:
                parts.append(Part(anchor, heading, tuple(lines)))
            heading, lines = _plain(token), []
            anchor = next(given, "") or anchor_of(heading)
            before.attrSet("id", anchor)
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            lines.append(" · ".join(filter(None, cells or ())))
            cells = None
        elif token.type == "inline":
            (lines if cells is None else cells).append(_plain(token))
        elif token.type in ("fence", "code_block"):
            lines += token.content.splitlines()
    return (*parts, Part(anchor, heading, tuple(lines)))


def _plain(inline: Token) -> str:
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content for child in inline.children or ()
    )


def _lead_links(tokens: Sequence[Token], addresses: Addresses) -> None:
    for token in tokens:
        link = None
        for child in token.children or ():
            if child.type == "link_open":
                _lead(child, addresses)
                link = child
            elif child.type == "link_close" and link is not None:
                # Links are not within each other.
                child.tag = link.tag
            elif child.type == "image" and (image := _IMAGE.match(str(child.attrGet("src")))):
                child.attrSet("src", addresses.image.format(image[1]))
                child.attrSet("loading", "lazy")


def _lead(link: Token, addresses: Addresses) -> None:
    """Let a link lead to a page of the help; what is only in the checkout is named and leads nowhere."""
    target = str(link.attrGet("href"))
    found = _LINK.match(target)
    if found and found[1] in names():
        link.attrSet("href", addresses.page.format(found[1]) + (found[2] or ""))
    elif not target.startswith(("#", "https://")):
        link.tag = "span"
        link.attrs.pop("href", None)
        link.attrSet("title", basename(target.rstrip("/")))
