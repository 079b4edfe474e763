"""What came over the broker and was refused: counted in the database, and logged now and then."""

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

import structlog
from sqlalchemy import insert, update

from shared.database.engine import Database
from shared.database.rows import rows_of
from shared.database.tables import Refusal
from shared.errors import RollcallError, RowRefused

log = structlog.get_logger(__name__)
# Whoever can write to the broker must not be able to fill the log's disk.
_A_LINE_SECONDS = 60.0


class Refused(StrEnum):
    """What was refused."""

    ANSWER = "answer"
    QUESTION = "question"
    MESSAGE = "message"


class _Lines:
    """A line of each kind now and then, with how many were left out since the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[tuple[Refused, str], float] = {}
        self._silent: dict[tuple[Refused, str], int] = {}

    def due(self, what: Refused, task: str) -> int | None:
        """How many there were since the last line; ``None`` when it is too early for the next."""
        key, now = (what, task), time.monotonic()
        with self._lock:
            if now - self._told.get(key, float("-inf")) < _A_LINE_SECONDS:
                self._silent[key] = self._silent.get(key, 0) + 1
                return None
            self._told[key] = now
            return self._silent.pop(key, 0) + 1


_lines = _Lines()


class _Messages:
    """Counts refused messages beside the worker's loop, which must not wait for a database: those that come while
    some are being written are written together, and the thread ends when there are none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database: Callable[[], Database] | None = None
        self._waiting = 0
        self._writer: tuple[int, threading.Thread] | None = None

    def are_counted_in(self, database: Callable[[], Database]) -> None:
        self._database = database

    def add(self) -> None:
        if self._database is None:
            return
        with self._lock:
            self._waiting += 1
            # A forked child has the variable and not the thread.
            if self._writer is None or self._writer[0] != os.getpid():
                thread = threading.Thread(target=self._write, name="refusals", daemon=True)
                self._writer = (os.getpid(), thread)
                thread.start()

    def _write(self) -> None:
        while True:
            with self._lock:
                many, self._waiting = self._waiting, 0
                if not many or self._database is None:
                    self._writer = None
                    return
            _try_to_count(self._database, Refused.MESSAGE, many)


_messages = _Messages()


def count_messages_in(database: Callable[[], Database]) -> None:
    """Where this process, a worker, counts the messages that it refuses."""
    _messages.are_counted_in(database)


def refuse_message(reason: str) -> None:
    """Count and log that a message was dropped; waits for nothing. ``reason`` must hold nothing of what it said."""
    _messages.add()
    _report(Refused.MESSAGE, reason, "")


def refuse(database: Database, what: Refused, reason: str, task: str) -> None:
    """Count and log that something was refused. ``reason`` and ``task`` must hold nothing of what it said.

    A database that is away costs the count, nothing else.
    """
    _try_to_count(lambda: database, what, 1)
    _report(what, reason, task)


def _report(what: Refused, reason: str, task: str) -> None:
    since = _lines.due(what, task)
    if since is not None:
        log.warning(f"{what.value}_refused", reason=reason, task=task, since_the_last_line=since)


def _try_to_count(database: Callable[[], Database], what: Refused, many: int) -> None:
    try:
        _count(database(), what, many)
    except RollcallError as error:
        log.warning("refusal_not_counted", error=type(error).__name__)


def _count(database: Database, what: Refused, many: int) -> None:
    more = (
        update(Refusal)
        .where(Refusal.what == what.value)
        .values(count=Refusal.count + many, last_at=datetime.now(UTC))
    )
    with database.begin() as session:
        if rows_of(session.execute(more)):
            return
    try:
        with database.begin() as session:
            session.execute(insert(Refusal).values(what=what.value, count=many, last_at=datetime.now(UTC)))
    except RowRefused:
        # Another process counted its first one meanwhile.
        with database.begin() as session:
            session.execute(more)
