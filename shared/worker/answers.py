"""How the answer of a question comes back: by a letter box of its own, which whoever asked empties.

Embedded it is in memory; else a list in Redis. What lies in it is sealed, and proven genuine by who takes it out: a
forged letter is dropped, and the real one is waited for.
"""

import queue
import threading
from typing import TYPE_CHECKING, Protocol

from shared.process_settings import ProcessSettings

if TYPE_CHECKING:
    from celery import Celery


class AnswersAway(Exception):
    """The letter boxes cannot be reached."""


class Answers(Protocol):
    """The letter boxes of a deployment, one for each question."""

    def expect(self, question: str) -> None:
        """Make room; called before the question is sent."""

    def put(self, question: str, letter: str) -> None:
        """Bring an answer.

        :raises AnswersAway: it cannot be brought.
        """

    def take(self, question: str, seconds: float) -> str | bytes | None:
        """The next letter, genuine or not; ``None`` when none came in this time.

        :raises AnswersAway: nobody can tell.
        """

    def discard(self, question: str) -> None:
        """Empty the box: nobody waits any more."""


def answers_of(app: "Celery", settings: ProcessSettings) -> Answers:
    """The letter boxes of this app, the same ones each time."""
    with _lock:
        made: Answers | None = getattr(app, "rollcall_answers", None)
        if made is None:
            made = app.rollcall_answers = _made(app, settings)
        return made


def _made(app: "Celery", settings: ProcessSettings) -> Answers:
    if settings.is_embedded:
        return InMemory()
    # Imported only where Redis is used.
    from shared.worker.redis_answers import InRedis

    return InRedis(app, settings)


_lock = threading.Lock()


class InMemory:
    """For an API and workers in one process."""

    def __init__(self) -> None:
        self._boxes: dict[str, queue.SimpleQueue[str]] = {}

    def expect(self, question: str) -> None:
        """Make room."""
        self._boxes[question] = queue.SimpleQueue()

    def put(self, question: str, letter: str) -> None:
        """Bring an answer; one that nobody waits for is dropped."""
        box = self._boxes.get(question)
        if box is not None:
            box.put(letter)

    def take(self, question: str, seconds: float) -> str | bytes | None:
        """The next letter, or ``None``."""
        try:
            return self._boxes[question].get(timeout=max(seconds, 0))
        except queue.Empty:
            return None

    def discard(self, question: str) -> None:
        """Empty the box."""
        self._boxes.pop(question, None)
