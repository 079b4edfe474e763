"""The answers to a paged search (RFC 4511 section 4.5.2, RFC 2696), decoded to bytes and nothing more.

Called by ``reader`` only. Own code and not ldap3's decoder, because decoding every string of every entry to
text took two thirds again of what the server needs. Whatever bytes come in, only ``BerError`` comes out.
"""

from dataclasses import dataclass

from shared.ber import ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, expect, header, read_integer

CONTROLS = 0xA0
MAX_MESSAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Envelope:
    """An LDAPMessage taken apart only so far: whose answer it is, of which kind, and where its parts lie."""

    message_id: int
    operation: int
    start: int
    end: int
    controls_start: int
    controls_end: int


@dataclass(frozen=True, slots=True)
class Result:
    """An LDAPResult (RFC 4511 section 4.1.9)."""

    code: int
    matched_dn: str
    message: str


def envelope(data: bytes) -> Envelope:
    """The outside of an LDAPMessage."""
    start, end = expect(SEQUENCE, data, 0, len(data))
    id_start, id_end = expect(INTEGER, data, start, end)
    operation, operation_start, operation_end = header(data, id_end, end)
    controls_start = controls_end = operation_end
    if operation_end < end:
        controls_start, controls_end = expect(CONTROLS, data, operation_end, end)
    message_id = read_integer(data, id_start, id_end)
    return Envelope(message_id, operation, operation_start, operation_end, controls_start, controls_end)


def entry(data: bytes, start: int, end: int, keys: dict[bytes, str]) -> tuple[bytes, dict[str, list[bytes]]]:
    """Distinguished name and attributes (lower-case names) of a SearchResultEntry.

    ``keys`` remembers the names met so far, so that each is decoded once and not once per entry.
    """
    name_start, name_end = expect(OCTET_STRING, data, start, end)
    position, stop = expect(SEQUENCE, data, name_end, end)
    attributes: dict[str, list[bytes]] = {}
    while position < stop:
        inner, position = expect(SEQUENCE, data, position, stop)
        type_start, type_end = expect(OCTET_STRING, data, inner, position)
        raw = data[type_start:type_end]
        key = keys.get(raw)
        if key is None:
            key = keys[raw] = raw.decode("ascii", "replace").lower()
        value, values_end = expect(SET, data, type_end, position)
        values = attributes.setdefault(key, [])
        while value < values_end:
            value_start, value = expect(OCTET_STRING, data, value, values_end)
            values.append(data[value_start:value])
    return data[name_start:name_end], attributes


def result(data: bytes, start: int, end: int) -> Result:
    """The LDAPResult at the front of a response."""
    code_start, code_end = expect(ENUMERATED, data, start, end)
    name_start, name_end = expect(OCTET_STRING, data, code_end, end)
    text_start, text_end = expect(OCTET_STRING, data, name_end, end)
    return Result(
        read_integer(data, code_start, code_end),
        data[name_start:name_end].decode("utf-8", "replace"),
        data[text_start:text_end].decode("utf-8", "replace"),
    )


def control_value(data: bytes, start: int, end: int, oid: bytes) -> bytes | None:
    """The value of the control with this object identifier, ``None`` when it is not there."""
    while start < end:
        inner, start = expect(SEQUENCE, data, start, end)
        oid_start, position = expect(OCTET_STRING, data, inner, start)
        if data[oid_start:position] != oid:
            continue
        while position < start:
            tag, value_start, position = header(data, position, start)
            if tag == OCTET_STRING:
                return data[value_start:position]
        return b""
    return None


def page_cookie(value: bytes) -> bytes:
    """The cookie in the value of a paged results control (RFC 2696)."""
    start, end = expect(SEQUENCE, value, 0, len(value))
    _, size_end = expect(INTEGER, value, start, end)
    cookie_start, cookie_end = expect(OCTET_STRING, value, size_end, end)
    return value[cookie_start:cookie_end]
