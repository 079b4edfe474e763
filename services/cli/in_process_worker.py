"""Celery's worker as threads of this process, for the embedded mode and for commands that bring their own."""

import socket
import threading
from contextlib import suppress
from typing import Any

from celery.bootsteps import RUN
from celery.worker import WorkController

from shared.worker.context import Context
from shared.worker.queues import Queue

# How soon a worker of this process notices that it shall end.
_LOOK_SECONDS = 0.05


def _consume(
    consumer: Any, connection: Any, task_consumer: Any, blueprint: Any, _hub: Any, qos: Any, *_rest: Any
) -> None:
    """Consume until the worker is stopped. Celery's own loop notices that only after 2 s of silence, which is long
    for a command that somebody waits for.
    """
    task_consumer.on_message = consumer.create_task_handler()
    task_consumer.consume()
    consumer.on_ready()
    while blueprint.state == RUN and consumer.connection:
        if qos.prev != qos.value:
            qos.update()
        consumer.perform_pending_operations()
        with suppress(TimeoutError):
            connection.drain_events(timeout=_LOOK_SECONDS)


class InProcessWorker(WorkController):  # type: ignore[misc]  # Celery has no types
    """Celery's worker without its program: no signal handlers, no banner; says when it listens."""

    def __init__(self, context: Context) -> None:
        self.is_ready = threading.Event()
        super().__init__(
            app=context.app,
            hostname=f"embedded@{socket.gethostname()}",
            pool_cls="threads",
            concurrency=context.settings.worker_threads,
            queues=[queue.value for queue in Queue],
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self.consumer.loop = _consume

    def on_consumer_ready(self, consumer: object) -> None:
        """Called by Celery once messages are consumed."""
        self.is_ready.set()
