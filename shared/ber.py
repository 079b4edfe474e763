"""The little of BER that LDAP needs: definite lengths, tag numbers below 31 (RFC 4511 section 5.1).

Used by the collector and by the stand-in directory. Written by hand instead of with pyasn1 because a page of 1,000
entries must be read, and answered, in milliseconds.
Whatever bytes come in, the only exception that leaves this module is :class:`BerError`.
"""

import sys
from dataclasses import dataclass

BOOLEAN, INTEGER, OCTET_STRING, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
TRUE = b"\x01\x01\xff"

# A longer INTEGER than this has no place in LDAP; int() of megabytes would only cost time.
_MAX_INTEGER_BYTES = 8


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
        return read_integer(self.content, 0, len(self.content))

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


def header(data: bytes, position: int, limit: int) -> tuple[int, int, int]:
    """Tag, and start and end of the content of the element at a position.

    :raises BerError: it is cut short or reaches beyond ``limit``.
    """
    try:
        tag = data[position]
        length = data[position + 1]
        start = position + 2
        if length >= 0x80:
            size = length & 0x7F
            if not 0 < size <= 4:
                raise BerError("a length of a form that LDAP does not use")
            length = int.from_bytes(data[start : start + size], "big")
            start += size
    except IndexError:
        raise BerError("an element is cut short") from None
    end = start + length
    if end > limit:
        raise BerError("an element reaches beyond what holds it")
    return tag, start, end


def expect(tag: int, data: bytes, position: int, limit: int) -> tuple[int, int]:
    """Start and end of the content of an element that must have this tag."""
    found, start, end = header(data, position, limit)
    if found != tag:
        raise BerError(f"tag 0x{found:02x} where 0x{tag:02x} belongs")
    return start, end


def read_integer(data: bytes, start: int, end: int) -> int:
    """The value of an INTEGER or ENUMERATED."""
    if not 0 < end - start <= _MAX_INTEGER_BYTES:
        raise BerError(f"an integer of {end - start} bytes")
    return int.from_bytes(data[start:end], "big", signed=True)


def measure(data: bytes) -> tuple[int, int] | None:
    """``(header bytes, content bytes)`` of the element that begins here, or None when more bytes are needed."""
    if len(data) < 2 or (data[1] > 0x80 and len(data) < 2 + (data[1] & 0x7F) <= 6):
        return None
    tag, start, end = header(data, 0, sys.maxsize)
    _check_tag(tag)
    return start, end - start


def elements(data: bytes) -> list[Element]:
    """All elements of ``data``, which must hold nothing else."""
    found = []
    position = 0
    while position < len(data):
        tag, start, position = header(data, position, len(data))
        _check_tag(tag)
        found.append(Element(tag, data[start:position]))
    return found


def element(data: bytes) -> Element:
    """The one element that ``data`` is."""
    found = elements(data)
    if len(found) != 1:
        raise BerError(f"{len(found)} elements where one belongs")
    return found[0]


def _check_tag(tag: int) -> None:
    if tag & 0x1F == 0x1F:
        raise BerError("a tag number above 30")


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
