"""The base of every task: log context, and one place where a failure is sorted by what to do about it.

Retries are not Celery's affair here: what waits to be done stands in the database, with its next attempt, and
``sweep`` publishes it again. So a failing task logs and ends; nothing is lost with its message.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import Task, shared_task
from kombu.exceptions import OperationalError
from sqlalchemy.exc import SQLAlchemyError

from shared.errors import LeaseHeld, RollcallError, StorageUnavailable
from shared.language import phrase
from shared.sealing import NotGenuine
from shared.worker.answers import AnswersAway, answers_of
from shared.worker.context import Context, context_of
from shared.worker.questions import Sealed
from shared.worker.refusals import Refused, refuse

# Questions are short: a worker that cannot answer in this time is not asked any longer.
_QUESTION_SECONDS = 120

log = structlog.get_logger(__name__)


class RollcallTask(Task):
    """Base for tasks that work on a run. They take one argument, the message as JSON values."""

    abstract = True
    ignore_result = True

    @property
    def context(self) -> Context:
        """The wiring of this process."""
        return context_of(self.app)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body with its log context bound; known failures are logged, not raised."""
        began = time.monotonic()
        message = args[0] if args and isinstance(args[0], dict) else {}
        with structlog.contextvars.bound_contextvars(
            task=self.name,
            correlation_id=message.get("correlation_id", ""),
            message_id=message.get("message_id", ""),
        ):
            try:
                return self.run(*args, **kwargs)
            except LeaseHeld as held:
                log.debug("task_left_to_another", reason=held.message)
            except RollcallError as error:
                log.error("task_failed", code=error.code, error=error.message)
            except OperationalError as error:
                # What was to be published stands in the database; sweep publishes it when the broker is back.
                log.warning("broker_away", error=type(error).__name__)
            finally:
                # Work on a run is told; that there was nothing to do, every few seconds, is not.
                tell = log.info if message else log.debug
                tell("task_ended", seconds=round(time.monotonic() - began, 3))
        return None


class QuestionTask(Task):
    """Base for short questions: the answer, or the error, travels back sealed. Their body takes the arguments."""

    abstract = True
    ignore_result = True
    send_events = False
    time_limit = _QUESTION_SECONDS
    soft_time_limit = _QUESTION_SECONDS - 10

    @property
    def context(self) -> Context:
        """The wiring of this process."""
        return context_of(self.app)

    def __call__(self, *args: Any, **_kwargs: Any) -> None:
        """Unseal the question, answer it, and bring the sealed answer to who asked.

        The answer is ``{"value": ...}``, ``{"error": {code, message, details}}`` or, of what nobody expected,
        ``{"failed": name}``. What was not asked by one of ours is not answered.
        """
        question = Sealed(self.name, str(self.request.id))
        try:
            arguments = question.unseal_question(self.context, args[0] if args else None)
        except NotGenuine as error:
            refuse(self.context.database, Refused.QUESTION, error.reason, self.name)
            return
        try:
            answer = self._answer(arguments)
        except Exception as error:
            self._bring(question, {"failed": type(error).__name__})
            raise
        self._bring(question, answer)

    def _answer(self, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"value": self.run(arguments)}
        except RollcallError as error:
            return {"error": {"code": error.code, "message": error.message, "details": error.details}}
        except SQLAlchemyError as error:
            log.exception("question_failed")
            failed = StorageUnavailable(
                phrase("The database refused ({kind}); the log has the details.", kind=type(error).__name__)
            )
            return {"error": {"code": failed.code, "message": failed.message, "details": {}}}

    def _bring(self, question: Sealed, answer: dict[str, Any]) -> None:
        try:
            answers = answers_of(self.app, self.context.settings)
            answers.put(question.id, question.seal_answer(self.context, answer))
        except AnswersAway as error:
            # Who asked is told that nobody answered.
            log.warning("answer_not_brought", task=self.name, error=type(error.__cause__).__name__)


def question(name: str) -> Callable[[Callable[[QuestionTask, dict[str, Any]], Any]], QuestionTask]:
    """Makes the task of this name, which answers a short question, of the function that does."""
    task: Callable[[Callable[[QuestionTask, dict[str, Any]], Any]], QuestionTask] = shared_task(
        name=name, base=QuestionTask, bind=True
    )
    return task
