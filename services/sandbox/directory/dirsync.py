"""The DirSync control (MS-ADTS 3.1.1.3.4.1.3): what has changed since a cookie, as an ordinary account is told.

Answers hold only what changed: a cleared attribute without values, members as those that came and those that went, a deleted
entry under its mangled name. What is below a renamed unit changes silently. Measured on a real controller.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.sandbox.directory import names, paging
from services.sandbox.directory.entry import Attribute, Entry, encode_attribute
from services.sandbox.directory.messages import Control
from shared import ber
from shared.ber import BerError

OID = "1.2.840.113556.1.4.841"
_OBJECT_SECURITY = 0x1
_COOKIE = struct.Struct(">4s16sQQ")
_MARK = b"MSDS"
_ALWAYS = ("objectguid", "instancetype")
_PARENT = "parentguid"
_MEMBER = "member"
# Each controller's own, or worked out from the other end of a link.
_NOT_REPLICATED = {
    "uSNChanged", "uSNCreated", "whenChanged", "memberOf", "directReports", "distinguishedName",
}  # fmt: skip
_SILENT = {name.lower() for name in _NOT_REPLICATED}


class Source(Protocol):
    """What an answer is made from."""

    invocation_id: UUID

    @property
    def highest_usn(self) -> int:
        """The number of the last change."""

    def entries(self) -> tuple[Entry, ...]:
        """All entries, those of deleted objects included."""

    def find(self, dn: str) -> Entry | None:
        """The entry of this name."""


class ForeignCookie(Exception):
    """The cookie was not given by any controller."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: ``since`` a change, of which everything up to ``sent`` was told in earlier answers."""

    may_ask: bool
    most_bytes: int
    since: int
    sent: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Entries with their encoded attributes, and the value of the control behind them."""

    entries: list[tuple[bytes, list[bytes]]]
    control: bytes


def stamps(
    before: Entry | None, dn_is_new: bool, attributes: Mapping[str, Attribute], usn: int
) -> dict[str, int]:
    """By attribute, the number of the change that it has its values from; gone ones too, and members that came or (below 0) went."""
    found = dict(before.stamps) if before is not None else {}
    known = before.attributes if before is not None else {}
    for name in {*known, *attributes} - _SILENT:
        if known.get(name) != attributes.get(name):
            found[name] = usn
    if dn_is_new:
        found[_PARENT] = found["name"] = usn
    had, has = (set(each[_MEMBER].values) if _MEMBER in each else set() for each in (known, attributes))
    found |= {_of_member(value): usn for value in has - had}
    found |= {_of_member(value): -usn for value in had - has}
    return found


def read(control: Control, source: Source) -> Request:
    """The question of a control.

    :raises ForeignCookie: the cookie is none.
    :raises BerError: it is malformed.
    """
    parts = ber.element(control.value).expect(ber.SEQUENCE).children()
    if len(parts) != 3:
        raise BerError("a DirSync control without flags, size and cookie")
    may_ask = bool(parts[0].integer() & _OBJECT_SECURITY)
    cookie = parts[2].expect(ber.OCTET_STRING).content
    since = sent = 0
    if cookie:
        if len(cookie) != _COOKIE.size or not cookie.startswith(_MARK):
            raise ForeignCookie
        _mark, invocation_id, since, sent = _COOKIE.unpack(cookie)
        if invocation_id != source.invocation_id.bytes:
            # Of another controller: everything, and no error.
            since = sent = 0
    return Request(may_ask, parts[1].integer(), since, sent)


def answer(
    source: Source, request: Request, found: Sequence[Entry], asked: Sequence[str], highest: int
) -> Answer:
    """What has changed of these entries; ``highest`` is the newest change when they were looked at."""
    chosen: list[tuple[bytes, list[bytes]]] = []
    size, sent = 0, request.sent
    for entry in sorted(found, key=lambda each: each.number("uSNChanged")):
        usn = entry.number("uSNChanged")
        if usn <= request.sent:
            continue
        if len(chosen) >= paging.MAX_PAGE_SIZE or size >= max(request.most_bytes, 1):
            return Answer(chosen, _value(source, 1, request.since, sent))
        sent = usn
        attributes = _changed(source, entry, request.since, asked)
        if attributes:
            always = [entry.encoded(name) for name in _ALWAYS]
            chosen.append((ber.octets(f"<GUID={entry.guid}>;{entry.dn}"), [*always, *attributes]))
            size += sum(map(len, attributes))
    return Answer(chosen, _value(source, 0, highest, highest))


def _changed(source: Source, entry: Entry, since: int, asked: Sequence[str]) -> list[bytes]:
    everything = not asked or "*" in asked
    wanted = (
        {name: name for name in entry.stamps if ":" not in name}
        if everything
        else {name.lower(): name for name in asked}
    )
    found: list[bytes] = []
    for name, spelt in wanted.items():
        if name in _ALWAYS or entry.stamps.get(name, 0) <= since:
            continue
        if name == _PARENT:
            parent = source.find(names.parent(entry.dn))
            found += [encode_attribute("parentGUID", [parent.guid.bytes_le])] if parent is not None else []
        elif name == _MEMBER:
            found += _members(entry, since)
        elif name in entry.attributes:
            found.append(entry.encoded(name))
        elif not entry.is_deleted:
            found.append(encode_attribute(spelt, ()))
    return found


def _members(entry: Entry, since: int) -> list[bytes]:
    prefix = _of_member(b"")
    told = {
        name.removeprefix(prefix).encode(): usn
        for name, usn in entry.stamps.items()
        if name.startswith(prefix)
    }
    came = [value for value, usn in told.items() if usn > since]
    went = [value for value, usn in told.items() if -usn > since]
    parts = (("1-1", came), ("0-0", went))
    return [encode_attribute(f"member;range={which}", values) for which, values in parts if values]


def _of_member(value: bytes) -> str:
    return f"{_MEMBER}:{value.decode()}"


def _value(source: Source, more: int, since: int, sent: int) -> bytes:
    cookie = _COOKIE.pack(_MARK, source.invocation_id.bytes, since, sent)
    value = ber.sequence(ber.integer(more), ber.integer(0), ber.octets(cookie))
    return ber.sequence(ber.sequence(ber.octets(OID), ber.octets(value)), tag=0xA0)
