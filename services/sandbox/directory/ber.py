"""The little of BER that LDAP needs: definite lengths, tag numbers below 31 (RFC 4511 section 5.1).

Written by hand instead of with pyasn1 because a page of 1,000 entries must be answered in milliseconds.
Whatever bytes come in, the only exception that leaves this module is :class:`BerError`.
"""

from dataclasses import dataclass

BOOLEAN, INTEGER, OCTET_STRING, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31

# A longer INTEGER than this has no place in LDAP; int() of megabytes would only cost time.
_MAX_INTEGER_BYTES = 9


class BerError(ValueError):
    """The bytes are not the BER that LDAP allows."""


@dataclass(frozen=True, slots=True)
class Element:
    """One tag and its content."""

    tag: int
    content: bytes

    def children(self) -> "list[Element]":
        """The elements inside a constructed element."""
        return elements(self.content)

    def expect(self, tag: int) -> "Element":
        """This element, or an error when it has another tag."""
        if self.tag != tag:
            raise BerError(f"tag 0x{self.tag:02x} where 0x{tag:02x} belongs")
        return self

    def integer(self, tag: int = INTEGER) -> int:
        """The value of an INTEGER or ENUMERATED."""
        self.expect(tag)
        if not 1 <= len(self.content) <= _MAX_INTEGER_BYTES:
            raise BerError(f"an integer of {len(self.content)} bytes")
        return int.from_bytes(self.content, "big", signed=True)

    def boolean(self, tag: int = BOOLEAN) -> bool:
        """The value of a BOOLEAN; every non-zero octet counts as true, as BER has it."""
        self.expect(tag)
        if len(self.content) != 1:
            raise BerError(f"a boolean of {len(self.content)} bytes")
        return self.content != b"\0"

    def text(self, tag: int = OCTET_STRING) -> str:
        """The value of an LDAPString (RFC 4511 section 4.1.2: UTF-8)."""
        self.expect(tag)
        try:
            return self.content.decode()
        except UnicodeDecodeError as exc:
            raise BerError("a string that is not UTF-8") from exc


def header(data: bytes) -> tuple[int, int] | None:
    """``(header bytes, content bytes)`` of the element that begins here, or None when more bytes are needed."""
    if len(data) < 2:
        return None
    if data[0] & 0x1F == 0x1F:
        raise BerError("a tag number above 30")
    first = data[1]
    if first < 0x80:
        return 2, first
    count = first & 0x7F
    if not 1 <= count <= 4:
        raise BerError("an indefinite or absurd length")
    if len(data) < 2 + count:
        return None
    return 2 + count, int.from_bytes(data[2 : 2 + count], "big")


def elements(data: bytes) -> list[Element]:
    """All elements of ``data``, which must hold nothing else."""
    found = []
    position = 0
    while position < len(data):
        measured = header(data[position : position + 6])
        if measured is None:
            raise BerError("an element that ends in its header")
        start = position + measured[0]
        end = start + measured[1]
        if end > len(data):
            raise BerError("an element longer than what holds it")
        found.append(Element(data[position], data[start:end]))
        position = end
    return found


def element(data: bytes) -> Element:
    """The one element that ``data`` is."""
    found = elements(data)
    if len(found) != 1:
        raise BerError(f"{len(found)} elements where one belongs")
    return found[0]


def encode(tag: int, content: bytes) -> bytes:
    """One element with the shortest length form."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """An INTEGER or ENUMERATED in its shortest form."""
    return encode(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes | str, tag: int = OCTET_STRING) -> bytes:
    """An OCTET STRING; text goes out as UTF-8."""
    return encode(tag, value.encode() if isinstance(value, str) else value)


def sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    """A constructed element of parts that are encoded already."""
    return encode(tag, b"".join(parts))
