"""What came over the broker and was refused: counted in the database, and logged now and then."""

import threading
import time
from datetime import UTC, datetime
from enum import StrEnum

import structlog
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from shared.database.engine import Database
from shared.database.tables import Refusal

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


def refuse(database: Database | None, what: Refused, reason: str, task: str = "") -> None:
    """Count and log that something was refused. ``reason`` and ``task`` must hold nothing of what it said.

    A database that is away costs the count, nothing else.
    """
    if database is not None:
        try:
            _count(database, what)
        except SQLAlchemyError as error:
            log.warning("refusal_not_counted", error=type(error).__name__)
    since = _lines.due(what, task)
    if since is not None:
        log.warning(f"{what.value}_refused", reason=reason, task=task, since_the_last_line=since)


def _count(database: Database, what: Refused) -> None:
    one_more = (
        update(Refusal)
        .where(Refusal.what == what.value)
        .values(count=Refusal.count + 1, last_at=datetime.now(UTC))
    )
    with database.begin() as session:
        if session.execute(one_more).rowcount:  # type: ignore[attr-defined]
            return
    try:
        with database.begin() as session:
            session.execute(insert(Refusal).values(what=what.value, count=1, last_at=datetime.now(UTC)))
    except IntegrityError:
        # Another process counted its first one meanwhile.
        with database.begin() as session:
            session.execute(one_more)
