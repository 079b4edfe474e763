"""Asks a worker a short question (test connection, browse units) and waits for the answer.

Settings that are not saved yet travel encrypted: a broker must never hold a password.
"""

import json
from collections.abc import Iterator
from typing import Any

import structlog
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult
from kombu.exceptions import OperationalError

from shared.encryption import Encryption
from shared.errors import RollcallError, WorkerUnavailable
from shared.settings import store
from shared.settings.documents import Document, Section
from shared.worker.context import Context
from shared.worker.queues import queue_of

log = structlog.get_logger(__name__)


def ask(context: Context, task: str, arguments: dict[str, Any]) -> Any:
    """The answer of a question task.

    :raises WorkerUnavailable: nobody answered in ``question_seconds``, or the broker is away.
    :raises RollcallError: the error that the question ended with, as its own class.
    """
    queue = queue_of(task).value
    silent = WorkerUnavailable(
        f"No {queue} worker answered within {context.settings.question_seconds:.0f} s. "
        "Check that Rollcall's workers and the broker are running (`rollcall doctor`)."
    )
    try:
        result = context.app.send_task(
            task,
            args=[arguments],
            queue=queue,
            expires=context.settings.question_seconds,
            ignore_result=False,
            # What logs and monitors show of the arguments: secrets in them are encrypted, and still nobody's business.
            argsrepr="(…)",
        )
        try:
            answer = result.get(
                timeout=context.settings.question_seconds,
                interval=0.02,
                disable_sync_subtasks=False,
                propagate=False,
            )
        finally:
            _forget(result)
    except CeleryTimeoutError as error:
        raise silent from error
    # Celery's Redis backend says with a bare RuntimeError that it cannot be reached.
    except (OperationalError, RuntimeError) as error:
        raise WorkerUnavailable(
            "The workers cannot be asked, because the broker does not answer. "
            "Start it, or mend ROLLCALL_BROKER_URL and ROLLCALL_RESULT_BACKEND_URL."
        ) from error
    if not isinstance(answer, dict):
        raise RollcallError(
            f"The {queue} worker failed unexpectedly ({type(answer).__name__}). Its log has the details."
        )
    if "error" in answer:
        raise rebuild(answer["error"])
    return answer["value"]


def _forget(result: AsyncResult) -> None:
    # Else an answer (names, numbers) would lie in the backend for minutes, and Celery would wait for ever for one that
    # never came.
    try:
        result.forget()
    except Exception as error:
        log.warning("answer_not_forgotten", error=type(error).__name__)


def seal(document: Document, encryption: Encryption) -> str:
    """A settings document for the journey to a worker."""
    values = document.model_dump(mode="json")
    for name in type(document).model_fields:
        value = getattr(document, name)
        if hasattr(value, "get_secret_value"):
            values[name] = value.get_secret_value()
    return encryption.encrypt(json.dumps(values))


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
