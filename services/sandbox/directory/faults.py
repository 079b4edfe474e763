"""What a test can make the running directory do wrong.

One :class:`Faults` belongs to one running server, so that of two servers of one domain one can fail. A fault
stays until :meth:`Faults.clear`, or until it has struck ``times`` times. Thread-safe.
"""

import threading
from dataclasses import dataclass
from enum import Enum


class Break(Enum):
    """How a connection ends in the middle of an answer."""

    DIE = "die"
    FREEZE = "freeze"


@dataclass(slots=True)
class _Armed:
    threshold: int
    times: int | None
    code: int = 0
    kind: Break = Break.DIE


class Faults:
    """The switches; all off at first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._break: _Armed | None = None
        self._empty: _Armed | None = None
        self._page: _Armed | None = None
        self._sent = 0

    def die_after(self, entries: int, times: int | None = None) -> None:
        """Close the socket when so many more entries were sent, counted over all connections."""
        self._arm_break(_Armed(entries, times, kind=Break.DIE))

    def freeze_after(self, entries: int, times: int | None = None) -> None:
        """Fall silent, with the socket open, when so many more entries were sent."""
        self._arm_break(_Armed(entries, times, kind=Break.FREEZE))

    def answer_empty(self, times: int | None = None) -> None:
        """Answer searches below the rootDSE with success and no entry."""
        with self._lock:
            self._empty = _Armed(0, times)

    def fail_page(self, page: int, code: int, times: int | None = None) -> None:
        """Answer page number ``page`` (from 1) of a search with a result code such as 51, 52 or 53."""
        with self._lock:
            self._page = _Armed(page, times, code)

    def clear(self) -> None:
        """All switches off; a connection that fell silent stays so until the server stops."""
        with self._lock:
            self._break = self._empty = self._page = None

    def _arm_break(self, armed: _Armed) -> None:
        with self._lock:
            self._break, self._sent = armed, 0

    # Asked by the server

    def allowance(self, wanted: int) -> tuple[int, Break | None]:
        """How many of ``wanted`` entries may go out, and what happens to the connection behind them."""
        with self._lock:
            armed = self._break
            if armed is None or self._sent + wanted < armed.threshold:
                self._sent += wanted
                return wanted, None
            allowed = max(armed.threshold - self._sent, 0)
            self._sent = 0 if armed.times else armed.threshold
            if self._spent(armed):
                self._break = None
            return allowed, armed.kind

    def strikes_empty(self) -> bool:
        """Whether this search finds nothing."""
        with self._lock:
            armed = self._empty
            if armed is not None and self._spent(armed):
                self._empty = None
            return armed is not None

    def page_code(self, page: int) -> int | None:
        """The result code in place of this page, or None."""
        with self._lock:
            armed = self._page
            if armed is None or armed.threshold != page:
                return None
            if self._spent(armed):
                self._page = None
            return armed.code

    @staticmethod
    def _spent(armed: _Armed) -> bool:
        if armed.times is not None:
            armed.times -= 1
        return armed.times == 0
