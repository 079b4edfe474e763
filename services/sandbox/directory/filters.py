"""Search filters as they come over the wire (RFC 4511 section 4.5.1.7), as values.

Only reads; what a filter means for an entry is said in ``matching``. A filter nested deeper than any person
writes is refused, so that garbage cannot exhaust the stack.
"""

from dataclasses import dataclass

from shared.ber import BerError, Element

MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; no parts at all is true (RFC 4526)."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """One part holds; no parts at all is false (RFC 4526)."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class Presence:
    """The entry has the attribute."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The attribute has a value ``=``, ``>=`` or ``<=`` the given one; "approximately" is taken as equal, as AD does."""

    operator: str
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Substrings:
    """The attribute has a value of this beginning, these inner parts in order, and this end."""

    attribute: str
    initial: bytes
    inner: tuple[bytes, ...]
    final: bytes


@dataclass(frozen=True, slots=True)
class Extensible:
    """A matching rule named by its OID decides."""

    rule: str
    attribute: str
    value: bytes


Filter = And | Or | Not | Presence | Comparison | Substrings | Extensible

_COMPARISONS = {0xA3: "=", 0xA5: ">=", 0xA6: "<=", 0xA8: "="}


def parse(element: Element, depth: int = 0) -> Filter:
    """The filter an element holds; anything else is a :class:`BerError`."""
    if depth > MAX_DEPTH:
        raise BerError("a filter nested too deeply")
    match element.tag:
        case 0xA0:
            return And(tuple(parse(part, depth + 1) for part in element.children()))
        case 0xA1:
            return Or(tuple(parse(part, depth + 1) for part in element.children()))
        case 0xA2:
            (part,) = _exactly(1, element)
            return Not(parse(part, depth + 1))
        case 0x87:
            return Presence(_attribute(element, 0x87))
        case 0xA3 | 0xA5 | 0xA6 | 0xA8:
            attribute, value = _exactly(2, element)
            return Comparison(_COMPARISONS[element.tag], _attribute(attribute), value.expect(0x04).content)
        case 0xA4:
            return _substrings(element)
        case 0xA9:
            return _extensible(element)
    raise BerError(f"no filter has the tag 0x{element.tag:02x}")


def _exactly(count: int, element: Element) -> list[Element]:
    children = element.children()
    if len(children) != count:
        raise BerError(f"a filter of {len(children)} parts where {count} belong")
    return children


def _attribute(element: Element, tag: int = 0x04) -> str:
    """The attribute in lower case, without options such as ``;binary``."""
    return element.text(tag).partition(";")[0].lower()


def _substrings(element: Element) -> Substrings:
    attribute, parts = _exactly(2, element)
    pieces = parts.expect(0x30).children()
    tags = [piece.tag for piece in pieces]
    # RFC 4511: at least one piece, "initial" only first, "final" only last.
    if not tags or 0x80 in tags[1:] or 0x82 in tags[:-1] or not set(tags) <= {0x80, 0x81, 0x82}:
        raise BerError("substrings out of order")
    return Substrings(
        _attribute(attribute),
        pieces[0].content if tags[0] == 0x80 else b"",
        tuple(piece.content for piece in pieces if piece.tag == 0x81),
        pieces[-1].content if tags[-1] == 0x82 else b"",
    )


def _extensible(element: Element) -> Extensible:
    parts = {part.tag: part for part in element.children()}
    if 0x83 not in parts:
        raise BerError("a matching rule without a value")
    return Extensible(
        parts[0x81].text(0x81) if 0x81 in parts else "",
        _attribute(parts[0x82], 0x82) if 0x82 in parts else "",
        parts[0x83].content,
    )
