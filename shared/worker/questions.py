"""Asks a worker a short question (test connection, browse units, whether a PIN is right) and waits for the answer.

Question and answer travel sealed (``shared.sealing``): a broker must never hold a password, and nobody who can write
to it may answer in a worker's place.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog
from kombu.exceptions import OperationalError

from shared import sealing
from shared.encryption import Encryption
from shared.errors import RollcallError, WorkerUnavailable
from shared.language import declared, phrase, restored, sentences_in
from shared.sealing import NotGenuine
from shared.settings import store
from shared.settings.documents import Document, Section
from shared.worker.answers import Answers, AnswersAway, answers_of
from shared.worker.brokers import publish_options
from shared.worker.context import Context
from shared.worker.queues import queue_of
from shared.worker.refusals import Refused, refuse

log = structlog.get_logger(__name__)

_QUESTION = "question"
# Whoever fills a letter box with forged ones keeps nobody busy for long.
_LETTERS_READ = 100


def ask(context: Context, task: str, arguments: dict[str, Any]) -> Any:
    """The answer of a question task.

    Question and answer travel sealed: whoever can write to the broker or to where answers are kept can neither read
    nor make one. What is not genuine is as if it had not come.

    :raises WorkerUnavailable: nobody answered in ``question_seconds``, or the broker is away.
    :raises RollcallError: the error that the question ended with, as its own class.
    """
    queue = queue_of(task).value
    question = Sealed(task, uuid4().hex)
    answers = answers_of(context.app, context.settings)
    letter = question.seal_question(context, arguments)
    try:
        answers.expect(question.id)
        try:
            context.app.send_task(
                task,
                args=[letter],
                task_id=question.id,
                queue=queue,
                expires=context.settings.question_seconds,
                ignore_result=True,
                # What logs and monitors show of the arguments: unreadable, and still nobody's business.
                argsrepr="(…)",
                **publish_options(context.settings),
            )
            answer = _genuine(context, answers, question)
        finally:
            _forget(answers, question)
    except (OperationalError, AnswersAway) as error:
        raise WorkerUnavailable(
            declared(
                "The workers cannot be reached, because the broker does not respond. Start it or correct "
                "ROLLCALL_BROKER_URL and ROLLCALL_RESULT_BACKEND_URL."
            )
        ) from error
    if answer is None:
        raise WorkerUnavailable(
            phrase(
                "No {queue} worker answered within {question_seconds:.0f} s. Check that Rollcall's workers "
                "and the broker are running (`rollcall doctor`), all in the same version and with the same "
                "ROLLCALL_SECRET_KEY.",
                queue=queue,
                question_seconds=context.settings.question_seconds,
            )
        )
    if "failed" in answer:
        raise RollcallError(
            phrase(
                "The {queue} worker failed unexpectedly ({answer}). See its log.",
                queue=queue,
                answer=answer["failed"],
            )
        )
    known = answer.get("sentences", {})
    if "error" in answer:
        raise rebuild(restored(answer["error"], known))
    return restored(answer["value"], known)


def _genuine(context: Context, answers: Answers, question: "Sealed") -> dict[str, Any] | None:
    until = time.monotonic() + context.settings.question_seconds
    for _ in range(_LETTERS_READ):
        letter = answers.take(question.id, until - time.monotonic())
        if letter is None:
            return None
        try:
            return question.unseal_answer(context, letter)
        except NotGenuine as error:
            refuse(context.database, Refused.ANSWER, error.reason, question.task)
    return None


def _forget(answers: Answers, question: "Sealed") -> None:
    # Else an answer that comes too late would lie there for a minute.
    try:
        answers.discard(question.id)
    except AnswersAway as error:
        log.warning("answer_not_forgotten", error=type(error).__name__)


@dataclass(slots=True)
class Sealed:
    """One question and its answer on their way. A question is good for its task and id; an answer for exactly the
    question it belongs to, and so for its site and all else that was asked.
    """

    task: str
    id: str
    _letter: str = ""

    def seal_question(self, context: Context, arguments: dict[str, Any]) -> dict[str, str]:
        """What the broker holds of the question."""
        self._letter = sealing.seal(context.encryption, arguments, ("question", self.task, self.id))
        return {_QUESTION: self._letter}

    def unseal_question(self, context: Context, message: object) -> dict[str, Any]:
        """The arguments, for the worker.

        :raises NotGenuine: nobody of ours asks this, or not now.
        """
        letter = message.get(_QUESTION) if isinstance(message, dict) else None
        arguments: dict[str, Any] = sealing.unseal(
            context.encryption,
            letter,
            ("question", self.task, self.id),
            # It expires by itself when nobody waits any more.
            context.settings.question_seconds,
        )
        self._letter = str(letter)
        return arguments

    def seal_answer(self, context: Context, answer: dict[str, Any]) -> str:
        """The letter with the answer to a question that was unsealed before."""
        known = sentences_in(answer)
        return sealing.seal(
            context.encryption, {**answer, **({"sentences": known} if known else {})}, self._answer()
        )

    def unseal_answer(self, context: Context, letter: str | bytes) -> dict[str, Any]:
        """The answer, for who asked.

        :raises NotGenuine: it is none of ours, or belongs to another question.
        """
        answer: dict[str, Any] = sealing.unseal(
            context.encryption, letter, self._answer(), context.settings.question_seconds
        )
        return answer

    def _answer(self) -> tuple[str, ...]:
        return ("answer", self.task, self.id, hashlib.sha256(self._letter.encode()).hexdigest())


def seal(document: Document, encryption: Encryption) -> str:
    """A settings document for the journey to a worker."""
    return encryption.encrypt(json.dumps(store.dumped(document, str)))


def unseal(section: Section, sealed: str, encryption: Encryption) -> Document:
    """The settings document back, validated."""
    return store.validate(section, json.loads(encryption.decrypt(sealed)))


def rebuild(error: dict[str, Any]) -> RollcallError:
    """The error a worker answered with, as the class of its code."""
    for kind in _tree(RollcallError):
        if kind.code == error["code"]:
            return kind(error["message"], **error["details"])
    return RollcallError(error["message"])


def _tree(kind: type[RollcallError]) -> Iterator[type[RollcallError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)
