"""Celery's consumer, made to outlive whatever lies in its queues.

Anybody who can write to the broker can put anything there. A message that cannot be read is dropped with a line in the
log that repeats nothing of it, and the next one is taken. What a message asks for is proven elsewhere: tasks look it
up in the database, questions are sealed.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from celery import Celery
from celery.worker.consumer import Consumer as CelerysConsumer
from celery.worker.consumer.delayed_delivery import DelayedDelivery
from celery.worker.control import Panel
from kombu.connection import Connection
from kombu.transport.native_delayed_delivery import bind_queue_to_native_delayed_delivery_exchange

from shared.worker.context import context_of
from shared.worker.refusals import count_messages_in, refuse_message

# Looking at a worker (Flower, `rollcall doctor`), and the signs of life it gives. The others end workers or their
# tasks, or take their queues away.
_ALLOWED = frozenset({"enable_events", "disable_events", "heartbeat"})


class OwnDelays(DelayedDelivery):
    """Binds RabbitMQ's delays to the queues that this worker takes messages from; those of others are not its own."""

    def _bind_queues(self, app: Celery, connection: Connection) -> None:
        for queue in app.amqp.queues.consume_from.values():
            bind_queue_to_native_delayed_delivery_exchange(connection, queue)


class Consumer(CelerysConsumer):
    """Takes messages for as long as the worker lives."""

    class Blueprint(CelerysConsumer.Blueprint):
        """As Celery's, with these delays."""

        default_steps: ClassVar = [
            f"{__name__}:OwnDelays" if step.endswith(":DelayedDelivery") else step
            for step in CelerysConsumer.Blueprint.default_steps
        ]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        _leave_only_harmless_controls()
        super().__init__(*arguments, **options)
        count_messages_in(lambda: context_of(self.app).database)

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
        """As Celery's, for messages of any shape."""
        handle = super().create_task_handler(*arguments, **options)

        def _handle(message: Any) -> None:
            try:
                handle(message)
            except Exception as error:
                # To Redis's transport a KeyError is one of the channel's errors.
                lost = self.connection_errors + self.channel_errors
                if isinstance(error, lost) and not isinstance(error, LookupError):
                    raise
                self._drop(message, f"cannot be handled ({type(error).__name__})")

        return _handle

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        """Its body or headers are none of ours."""
        self._drop(message, f"cannot be decoded ({type(exc).__name__})")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """It names no task."""
        self._drop(message, "names no task")

    def on_unknown_task(self, body: Any, message: Any, exc: BaseException) -> None:
        """It names a task that this version does not know."""
        self._drop(message, "names a task that this version does not know")

    def on_invalid_task(self, body: Any, message: Any, exc: BaseException) -> None:
        """It is written in another way than ours are."""
        self._drop(message, f"is no message of Rollcall's ({type(exc).__name__})")

    def _drop(self, message: Any, why: str) -> None:
        refuse_message(why)
        # Some were taken off the queue before they turned out to be useless.
        if not message.acknowledged:
            message.reject_log_error(_Silent(), self.connection_errors)


class _Silent:
    """What ``reject_log_error`` writes to; a lost connection is noticed by the consumer itself."""

    def critical(self, *_arguments: object, **_options: object) -> None:
        """Write nothing."""


def _leave_only_harmless_controls() -> None:
    for name, meta in list(Panel.meta.items()):
        if meta.type == "control" and name not in _ALLOWED:
            Panel.data.pop(name, None)
