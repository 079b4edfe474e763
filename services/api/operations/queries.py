"""How many messages wait for a worker, asked of the broker itself."""

from typing import Any

from kombu.exceptions import ChannelError

from shared.worker.brokers import CONNECT_SECONDS
from shared.worker.context import Context
from shared.worker.queues import Queue


def waiting_messages(context: Context) -> dict[Queue, int]:
    """The length of each queue.

    :raises OperationalError: the broker does not answer.
    """
    with context.app.connection_for_read(connect_timeout=CONNECT_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
        return {queue: _length(connection, queue) for queue in Queue}


def _length(connection: Any, queue: Queue) -> int:
    try:
        # A channel of its own: RabbitMQ closes one that asks for what is not there.
        with connection.channel() as channel:
            return int(channel.queue_declare(queue=queue.value, passive=True).message_count)
    except ChannelError:
        # Redis keeps no empty list, and RabbitMQ no queue before its first worker or message.
        return 0
