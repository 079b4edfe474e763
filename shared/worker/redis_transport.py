"""Celery's transport for Redis, made to outlive a Redis that goes away.

With kombu 5.7 a worker ends as a whole when its connection is lost while a task is at work: the closed channel is
asked to put the message back, or to acknowledge it later, and fails with an error that nobody expects. Here both
fail as lost connections do, which Celery logs. Nothing is lost: ``sweep`` publishes again whatever waits.
"""

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """A channel that, once closed, says so."""

    # Putting messages back when closing needs the Redis that has just gone; messages are hints anyway.
    do_restore = False

    def _get_pool(self, asynchronous: bool = False) -> Any:
        if self.connection is None:
            raise ConnectionError("The connection to Redis that this message came by is closed.")
        return super()._get_pool(asynchronous)


class Transport(redis.Transport):
    """As kombu's, with these channels. ``create_app`` puts it in the place of kombu's."""

    Channel = Channel
