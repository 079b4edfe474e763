"""One entry of the directory, as it stands between two changes.

Entries never change: a change puts a new one in the old one's place. So a search may walk a list of them
without a lock, and each may remember its own encoded form.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from services.sandbox.directory import names, syntax
from shared import ber

Value = str | int | bytes
Values = Value | Iterable[Value] | None


class Attribute(NamedTuple):
    """The name as the schema spells it, and its values as they go over the wire."""

    name: str
    values: tuple[bytes, ...]


class Entry:
    """A name, a GUID and attributes by lower-case name. ``stamps`` say which change each of them is of (``dirsync``)."""

    def __init__(
        self,
        dn: str,
        guid: uuid.UUID,
        attributes: Mapping[str, Attribute],
        stamps: Mapping[str, int] | None = None,
    ) -> None:
        self.dn = dn
        self.key = names.key(dn)
        self.guid = guid
        self.attributes = attributes
        self.stamps = stamps or {}
        self._comparables: dict[str, tuple[syntax.Comparable, ...]] = {}
        self._encoded: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Entry({self.dn!r})"

    def values(self, attribute: str) -> tuple[bytes, ...]:
        """The raw values; empty when the entry does not have the attribute."""
        found = self.attributes.get(attribute.lower())
        return found.values if found else ()

    def text(self, attribute: str) -> str | None:
        """The first value as text, or None."""
        values = self.values(attribute)
        return values[0].decode() if values else None

    def number(self, attribute: str) -> int:
        """The first value as a number; an absent one counts as 0."""
        return int(self.text(attribute) or 0)

    def comparables(self, attribute: str) -> tuple[syntax.Comparable, ...]:
        """The values (attribute in lower case) in the form in which filters compare them."""
        known = self._comparables.get(attribute)
        if known is None:
            found = (syntax.comparable(attribute, value) for value in self.values(attribute))
            known = self._comparables[attribute] = tuple(value for value in found if value is not None)
        return known

    def encoded(self, attribute: str) -> bytes:
        """The PartialAttribute of RFC 4511 section 4.1.7, encoded once; empty when there is no such attribute."""
        known = self._encoded.get(attribute)
        if known is None:
            found = self.attributes.get(attribute)
            known = encode_attribute(found.name, found.values) if found else b""
            self._encoded[attribute] = known
        return known

    @cached_property
    def encoded_dn(self) -> bytes:
        """The LDAPDN of the entry."""
        return ber.octets(self.dn)

    @property
    def is_deleted(self) -> bool:
        """Whether this is what a deletion left behind."""
        return "isdeleted" in self.attributes


def encode_attribute(name: str, values: Iterable[bytes]) -> bytes:
    """A PartialAttribute with these values."""
    return ber.sequence(ber.octets(name), ber.sequence(*(ber.octets(value) for value in values), tag=ber.SET))


def raw_values(values: Values) -> tuple[bytes, ...]:
    """Values as a caller likes to write them, as bytes; None and an empty list mean "no such attribute"."""
    if values is None:
        return ()
    if isinstance(values, str | int | bytes):
        values = (values,)
    return tuple(value if isinstance(value, bytes) else str(value).encode() for value in values)


def generalized_time(moment: datetime) -> str:
    """The time format of whenCreated and whenChanged."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S.0Z")
