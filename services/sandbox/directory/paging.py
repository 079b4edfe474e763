"""The paged results control (RFC 2696) of one connection.

A cookie is good only on the connection it was given on, and a connection keeps only so many unfinished
searches (both observed on a real AD, where the second is the policy MaxResultSetsPerConn).
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from services.sandbox.directory.entry import Entry
from services.sandbox.directory.messages import Control
from shared import ber
from shared.ber import BerError

PAGED_RESULTS = "1.2.840.113556.1.4.319"
MAX_PAGE_SIZE = 1000
MAX_UNFINISHED = 10


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the client asks for: a page of this size, the first one or the one behind a cookie."""

    size: int
    cookie: bytes


@dataclass(slots=True)
class ResultSet:
    """What a paged search found, how much of it went out, and on how many pages."""

    entries: list[Entry]
    sent: int = 0
    pages: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left."""
        return self.sent >= len(self.entries)

    def take(self, size: int) -> list[Entry]:
        """The next page."""
        page = self.entries[self.sent : self.sent + size]
        self.sent += len(page)
        return page


class ResultSets:
    """The unfinished paged searches of one connection, by cookie."""

    def __init__(self) -> None:
        self._by_cookie: OrderedDict[bytes, ResultSet] = OrderedDict()

    def keep(self, results: ResultSet) -> bytes:
        """A cookie for the rest of these results; the oldest ones make room."""
        cookie = secrets.token_bytes(16)
        self._by_cookie[cookie] = results
        if len(self._by_cookie) > MAX_UNFINISHED:
            self._by_cookie.popitem(last=False)
        return cookie

    def resume(self, cookie: bytes) -> ResultSet | None:
        """The results behind a cookie, which is used up; None when it is not of this connection."""
        return self._by_cookie.pop(cookie, None)


def read(control: Control) -> PageRequest:
    """The page a control asks for."""
    parts = ber.element(control.value).expect(ber.SEQUENCE).children()
    if len(parts) != 2:
        raise BerError("a paged results control without size and cookie")
    size = parts[0].integer()
    if size < 0:
        raise BerError("a page of less than nothing")
    return PageRequest(size, parts[1].expect(ber.OCTET_STRING).content)


def write(cookie: bytes) -> bytes:
    """The controls of an answer; the size stays 0, for AD gives no estimate."""
    value = ber.sequence(ber.integer(0), ber.octets(cookie))
    return ber.sequence(ber.sequence(ber.octets(PAGED_RESULTS), ber.octets(value)), tag=0xA0)
