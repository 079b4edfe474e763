"""LDAP messages between bytes and values (RFC 4511 section 4).

A message whose envelope cannot be read is a :class:`BerError` and ends the connection; one with a readable
envelope and a broken body is a :class:`BrokenRequest`, which can still be answered.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.sandbox.directory import filters
from services.sandbox.directory.results import Result
from shared import ber
from shared.ber import BerError, Element

BIND, UNBIND, SEARCH, MODIFY, ADD, DELETE, RENAME, COMPARE, ABANDON, EXTENDED = (
    0x60, 0x42, 0x63, 0x66, 0x68, 0x4A, 0x6C, 0x6E, 0x50, 0x77,
)  # fmt: skip
SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE, EXTENDED_ANSWER = 0x64, 0x65, 0x73, 0x78
ANSWERS = {
    BIND: 0x61, SEARCH: SEARCH_DONE, MODIFY: 0x67, ADD: 0x69, DELETE: 0x6B, RENAME: 0x6D, COMPARE: 0x6F,
    EXTENDED: EXTENDED_ANSWER,
}  # fmt: skip

START_TLS = "1.3.6.1.4.1.1466.20037"
NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"


@dataclass(frozen=True, slots=True)
class Control:
    """A control as it came (RFC 4511 section 4.1.11)."""

    oid: str
    is_critical: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class BindRequest:
    """A simple bind; ``password`` is None when another method was asked for."""

    version: int
    name: str
    password: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search; ``attributes`` as they were asked for."""

    base: str
    scope: int
    size_limit: int
    types_only: bool
    filter: filters.Filter
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExtendedRequest:
    """An extended operation; no value of one is ever needed here."""

    oid: str


@dataclass(frozen=True, slots=True)
class OtherRequest:
    """An operation that is only refused or ignored."""

    tag: int


Request = BindRequest | SearchRequest | ExtendedRequest | OtherRequest


@dataclass(frozen=True, slots=True)
class Message:
    """One request with its number and controls."""

    id: int
    tag: int
    request: Request
    controls: tuple[Control, ...]


class BrokenRequest(Exception):
    """The request cannot be understood, but its number and kind can: it is answered with protocolError."""

    def __init__(self, message_id: int, tag: int, reason: str) -> None:
        super().__init__(reason)
        self.message_id = message_id
        self.tag = tag


def read(data: bytes) -> Message:
    """The request in one LDAPMessage."""
    parts = ber.element(data).expect(ber.SEQUENCE).children()
    if not 2 <= len(parts) <= 3:
        raise BerError(f"a message of {len(parts)} parts")
    number, operation = parts[0].integer(), parts[1]
    if not 0 < number < 2**31:
        raise BerError(f"the message number {number}")
    try:
        controls = tuple(_control(part) for part in parts[2].expect(0xA0).children()) if parts[2:] else ()
        return Message(number, operation.tag, _request(operation), controls)
    except BerError as exc:
        if operation.tag not in ANSWERS:
            raise
        raise BrokenRequest(number, operation.tag, str(exc)) from exc


def _request(operation: Element) -> Request:
    if operation.tag == BIND:
        version, name, authentication = _parts(operation, 3)
        simple = authentication.content if authentication.tag == 0x80 else None
        return BindRequest(version.integer(), name.text(), simple)
    if operation.tag == SEARCH:
        return _search(operation)
    if operation.tag == EXTENDED:
        return ExtendedRequest(_parts(operation, 1)[0].text(0x80))
    if operation.tag in ANSWERS or operation.tag in (UNBIND, ABANDON):
        return OtherRequest(operation.tag)
    raise BerError(f"no request has the tag 0x{operation.tag:02x}")


def _search(operation: Element) -> SearchRequest:
    base, scope, aliases, size, seconds, types_only, condition, attributes = _parts(operation, 8)
    aliases.integer(ber.ENUMERATED)
    seconds.integer()
    level = scope.integer(ber.ENUMERATED)
    if level not in (0, 1, 2):
        raise BerError(f"the scope {level}")
    return SearchRequest(
        base.text(),
        level,
        size.integer(),
        types_only.boolean(),
        filters.parse(condition),
        tuple(part.text() for part in attributes.expect(ber.SEQUENCE).children()),
    )


def _parts(operation: Element, at_least: int) -> list[Element]:
    """The fields in front; RFC 4511 section 4 has unknown trailing ones ignored."""
    children = operation.children()
    if len(children) < at_least:
        raise BerError(f"a request of {len(children)} parts where {at_least} belong")
    return children[:at_least]


def _control(element: Element) -> Control:
    parts = element.expect(ber.SEQUENCE).children()
    if not parts:
        raise BerError("an empty control")
    rest = {part.tag: part for part in parts[1:]}
    critical = rest[ber.BOOLEAN].boolean() if ber.BOOLEAN in rest else False
    value = rest[ber.OCTET_STRING].content if ber.OCTET_STRING in rest else b""
    return Control(parts[0].text(), critical, value)


def write(message_id: int, operation: bytes, controls: bytes = b"") -> bytes:
    """An LDAPMessage around an encoded operation."""
    return ber.sequence(ber.integer(message_id), operation, controls)


def write_result(
    message_id: int, tag: int, result: Result, *, controls: bytes = b"", extra: bytes = b""
) -> bytes:
    """An answer that is an LDAPResult (RFC 4511 section 4.1.9)."""
    body = ber.integer(result.code, ber.ENUMERATED) + ber.octets(result.matched_dn) + ber.octets(result.text)
    return write(message_id, ber.encode(tag, body + extra), controls)


def write_entry(message_id: int, encoded_dn: bytes, attributes: Iterable[bytes]) -> bytes:
    """A SearchResultEntry of parts that are encoded already."""
    return write(message_id, ber.sequence(encoded_dn, ber.sequence(*attributes), tag=SEARCH_ENTRY))


def write_reference(message_id: int, url: str) -> bytes:
    """A SearchResultReference."""
    return write(message_id, ber.sequence(ber.octets(url), tag=SEARCH_REFERENCE))


def write_notice(result: Result) -> bytes:
    """The notice of disconnection (RFC 4511 section 4.4.1): message number 0."""
    return write_result(0, EXTENDED_ANSWER, result, extra=ber.octets(NOTICE_OF_DISCONNECTION, 0x8A))
