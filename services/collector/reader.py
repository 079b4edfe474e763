"""Reads searches page by page from a signed-in connection, straight from its socket.

Called by ``active_directory``. The next page is asked for before this one is decoded, so that the server never
waits for us; one page is in memory at a time (two while a ranged attribute is completed). Every search carries
the paged results control (RFC 2696), because a Windows controller cuts others off at 1,000 entries. A search has
ended only when the server says success with an empty cookie; anything else raises.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

import ldap3
from ldap3.operation.search import search_operation
from pyasn1.codec.ber.encoder import encode

from services.collector import answers
from services.collector.errors import failure_of, translated
from shared import ber
from shared.errors import DirectoryUnavailable, InvalidEntry
from shared.language import declared, phrase

PAGED_RESULTS = b"1.2.840.113556.1.4.319"
_ENTRY, _REFERENCE, _DONE, _EXTENDED = 0x64, 0x73, 0x65, 0x78
_DEREF_NEVER = "NEVER"
_BUFFER_BYTES = 256 * 1024
# "member;range=0-1499", the last part "member;range=1500-*" (MS-ADTS 3.1.1.3.1.3.3).
_RANGED = re.compile(r"(?P<name>[^;]+);range=(?P<first>[0-9]+)-(?P<last>[0-9]+|\*)", re.IGNORECASE)


class Scope(IntEnum):
    """How far below the base a search looks."""

    BASE = 0
    LEVEL = 1
    SUBTREE = 2


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked. ``filter`` must be escaped already; ``attributes`` are asked for by name."""

    base: str
    filter: str
    attributes: tuple[str, ...]
    scope: Scope = Scope.SUBTREE
    page_size: int = 1000


@dataclass(frozen=True, slots=True)
class RawEntry:
    """One entry as sent: attributes by lower-case name, values as bytes."""

    distinguished_name: bytes
    attributes: dict[str, list[bytes]]

    @property
    def dn(self) -> str:
        """The distinguished name as text, as the server writes it."""
        return self.distinguished_name.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Question:
    """A search that is asked again and again: encoded once. ``control`` is the object identifier of one, or empty."""

    request: bytes
    control: bytes


@dataclass(frozen=True, slots=True)
class _RawPage:
    messages: list[tuple[bytes, answers.Envelope]]
    control: bytes | None
    # Without it nobody can tell whether the page was all there is.
    cookie: bytes | None


class Reader:
    """Searches on one connection, one after the other. ``page_seconds`` bounds how long one page may take."""

    def __init__(self, connection: ldap3.Connection, server: str, user: str, page_seconds: float) -> None:
        self._socket = connection.socket
        self._stream: BinaryIO = connection.socket.makefile("rb", buffering=_BUFFER_BYTES)
        self._server = server
        self._user = user
        self._page_seconds = page_seconds
        self._message_id = 1_000_000
        self._keys: dict[bytes, str] = {}

    def close(self) -> None:
        """Let go of the socket, which otherwise stays open as long as anyone remembers the reader."""
        with suppress(OSError):
            self._stream.close()

    def pages(self, search: Search) -> Iterator[list[RawEntry]]:
        """The entries, page by page; the iterator ends only when the server has said that it is the end.

        A page is the caller's to use up: taking its entries out while working through them saves memory.

        :raises DirectoryUnavailable: the controller stopped answering, or answered what is no LDAP.
        :raises RollcallError: it refused; the same as ``errors.translate`` gives.
        """
        request = self._encode(search)
        # The one entry of a base search needs no pages.
        size = None if search.scope is Scope.BASE else search.page_size
        page = self._receive(self._send(request, size, b""))
        while True:
            # One entry is all there can be below a base; the rootDSE is not answered in pages.
            if page.cookie is None and search.scope is not Scope.BASE:
                raise self._unavailable(
                    declared("it did not answer in pages, so completeness cannot be verified")
                )
            awaited = self._send(request, size, page.cookie) if page.cookie else None
            entries = self._decode(page)
            # Decoded, the bytes of the page are not needed any more, however long the caller takes over it.
            del page
            following: _RawPage | None = None
            if any(";range=" in name for entry in entries for name in entry.attributes):
                # The answer that is on its way must be off the line before another question.
                following = self._receive(awaited) if awaited is not None else None
                self._complete_all(entries)
            yield entries
            if awaited is None:
                return
            page = following or self._receive(awaited)

    def entries(self, search: Search) -> Iterator[RawEntry]:
        """As ``pages``, entry by entry."""
        for page in self.pages(search):
            yield from page

    def question(self, search: Search, control: bytes = b"") -> Question:
        """The search, to be asked with this control; nothing is sent yet."""
        return Question(self._encode(search), control)

    def ask(self, question: Question, value: bytes = b"") -> tuple[list[RawEntry], bytes | None]:
        """All entries of one answer that does not come in pages, and the value of the control in it.

        The control is critical. ``None`` in place of its value: the server left it out.

        :raises RollcallError: as ``pages``; the server does not know the control, or refuses it.
        """
        control = _control(question.control, value) if question.control else b""
        page = self._receive(self._send_with(question.request, control), question.control)
        return self._decode(page), page.control

    def _encode(self, search: Search) -> bytes:
        with translated(self._server, self._user):
            request = search_operation(
                search.base, search.filter, int(search.scope), _DEREF_NEVER, list(search.attributes), 0, 0, False,
                True, False,
            )  # fmt: skip
        encoded: bytes = encode(request)
        return encoded

    def _send(self, request: bytes, page_size: int | None, cookie: bytes) -> int:
        return self._send_with(request, b"" if page_size is None else _page_control(page_size, cookie))

    def _send_with(self, request: bytes, controls: bytes) -> int:
        self._message_id += 1
        message = ber.integer(self._message_id) + request
        if controls:
            message += ber.encode(answers.CONTROLS, controls)
        with translated(self._server, self._user):
            self._socket.sendall(ber.encode(ber.SEQUENCE, message))
        return self._message_id

    def _receive(self, message_id: int, control: bytes = PAGED_RESULTS) -> _RawPage:
        """All messages of one page, not decoded yet, and the value of this control in its end."""
        until = time.monotonic() + self._page_seconds
        messages: list[tuple[bytes, answers.Envelope]] = []
        try:
            while True:
                data = self._read_message()
                envelope = answers.envelope(data)
                if envelope.message_id == 0 and envelope.operation == _EXTENDED:
                    raise self._unavailable(declared("it ended the connection (notice of disconnection)"))
                if envelope.message_id != message_id:
                    raise ber.BerError(
                        phrase(
                            "an answer to question {message_id}, which was not asked",
                            message_id=envelope.message_id,
                        )
                    )
                if envelope.operation == _ENTRY:
                    messages.append((data, envelope))
                elif envelope.operation == _DONE:
                    value = self._control_value(data, envelope, control)
                    is_paged = control == PAGED_RESULTS and value is not None
                    return _RawPage(messages, value, answers.page_cookie(value or b"") if is_paged else None)
                elif envelope.operation != _REFERENCE:
                    raise ber.BerError(
                        phrase("an answer of kind 0x{operation:02x}", operation=envelope.operation)
                    )
                if time.monotonic() > until:
                    raise self._unavailable(
                        phrase(
                            "one page took more than {page_seconds:.0f} s", page_seconds=self._page_seconds
                        )
                    )
        except ber.BerError as error:
            raise self._unavailable(phrase("it sent {error}", error=error)) from error

    def _read_message(self) -> bytes:
        with translated(self._server, self._user):
            head = self._stream.read(2)
            if len(head) == 2 and head[1] >= 0x80:
                head += self._stream.read(head[1] & 0x7F)
            if len(head) < 2 or len(head) < 2 + (head[1] & 0x7F if head[1] >= 0x80 else 0):
                raise self._unavailable(declared("it closed the connection in the middle of an answer"))
            length = head[1] if head[1] < 0x80 else int.from_bytes(head[2:], "big")
            if head[0] != ber.SEQUENCE or length > answers.MAX_MESSAGE_BYTES:
                raise ber.BerError(declared("something that is no LDAP message"))
            body = self._stream.read(length)
        if len(body) < length:
            raise self._unavailable(declared("it closed the connection in the middle of an answer"))
        return head + body

    def _control_value(self, data: bytes, envelope: answers.Envelope, control: bytes) -> bytes | None:
        result = answers.result(data, envelope.start, envelope.end)
        if result.code != 0:
            with translated(self._server, self._user):
                raise failure_of(result.code, result.matched_dn, result.message)
        return answers.control_value(data, envelope.controls_start, envelope.controls_end, control)

    def _decode(self, page: _RawPage) -> list[RawEntry]:
        keys = self._keys
        try:
            return [
                RawEntry(*answers.entry(data, envelope.start, envelope.end, keys))
                for data, envelope in page.messages
            ]
        except ber.BerError as error:
            raise self._unavailable(
                phrase("it sent an entry that cannot be read: {error}", error=error)
            ) from error

    def _complete_all(self, entries: Sequence[RawEntry]) -> None:
        for entry in entries:
            self._complete(entry)

    def _complete(self, entry: RawEntry) -> None:
        """Fetch the rest of the values of every attribute that came in part."""
        for key in [name for name in entry.attributes if ";range=" in name]:
            values = entry.attributes.pop(key)
            part = _RANGED.fullmatch(key)
            while part is not None and part["last"] != "*":
                part, more = self._next_range(entry, part["name"], int(part["last"]) + 1)
                values += more
            if part is None:
                raise self._unavailable(
                    phrase("it sent the attribute option '{key}', which is not known", key=key)
                )
            entry.attributes.setdefault(part["name"], []).extend(values)

    def _next_range(self, entry: RawEntry, name: str, first: int) -> tuple[re.Match[str] | None, list[bytes]]:
        guid = entry.attributes.get("objectguid", [b""])[0]
        base = f"<GUID={guid.hex()}>" if guid else entry.dn
        request = self._encode(Search(base, "(objectClass=*)", (f"{name};range={first}-*",), Scope.BASE))
        for found in self._decode(self._receive(self._send(request, None, b""))):
            for key, values in found.attributes.items():
                part = _RANGED.fullmatch(key)
                if part is not None and part["name"] == name and int(part["first"]) == first and values:
                    return part, values
        raise InvalidEntry(
            phrase(
                "The values of {name} from {first} on of {dn} could not be read; they changed meanwhile. The "
                "next run reads them again.",
                name=name,
                first=first,
                dn=entry.dn,
            )
        )

    def _unavailable(self, what: str) -> DirectoryUnavailable:
        return DirectoryUnavailable(
            phrase(
                "Domain controller {server}: {what}. This reading is discarded and repeated.",
                server=self._server,
                what=what,
            ),
            server=self._server,
        )


def first_value(entry: RawEntry, name: str) -> bytes:
    """The first value of an attribute, empty when there is none."""
    values: Sequence[bytes] = entry.attributes.get(name.lower(), ())
    return values[0] if values else b""


def _page_control(size: int, cookie: bytes) -> bytes:
    """The paged results control, critical: a server that cannot page must say so (RFC 2696)."""
    value = ber.encode(ber.SEQUENCE, ber.integer(size) + ber.encode(ber.OCTET_STRING, cookie))
    return _control(PAGED_RESULTS, value)


def _control(identifier: bytes, value: bytes) -> bytes:
    """A critical control (RFC 4511 section 4.1.11)."""
    return ber.encode(
        ber.SEQUENCE,
        ber.encode(ber.OCTET_STRING, identifier) + ber.TRUE + ber.encode(ber.OCTET_STRING, value),
    )
