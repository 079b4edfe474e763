"""Celery's transport for Redis, made to outlive a Redis that goes away, and whatever others put into it.

With kombu 5.7 a worker ends as a whole when its connection is lost while a task is at work: the closed channel is
asked to put the message back, or to acknowledge it later, and fails with an error that nobody expects. Here both
fail as lost connections do, which Celery logs. Nothing is lost: ``sweep`` publishes again whatever waits.

It ends as well when a list holds something that is no message. Here that is dropped.
"""

import base64
import json
from collections.abc import Mapping
from queue import Empty
from typing import Any

import redis as client_library
from kombu.transport import redis
from redis.exceptions import NoPermissionError

from shared.worker.refusals import refuse_message


class QoS(redis.QoS):
    """Remembers what was taken and not yet done."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back into its queue; drop it when it is none."""
        with self.channel.conn_or_acquire(client) as connected:
            kept = connected.hget(self.unacked_key, tag)
            if kept is None or _is_kept_message(kept):
                super().restore_by_tag(tag, connected, leftmost)
                return
            refuse_message("cannot be put back: it is no message")
            with self.pipe_or_acquire(client=connected) as pipe:
                self._remove_from_indices(tag, pipe).execute()


class Channel(redis.Channel):
    """A channel that, once closed, says so."""

    QoS = QoS
    # Putting messages back when closing needs the Redis that has just gone; messages are hints anyway.
    do_restore = False

    def _get_pool(self, asynchronous: bool = False) -> Any:
        if self.connection is None:
            raise ConnectionError("The connection to Redis that this message came by is closed.")
        return super()._get_pool(asynchronous)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (ValueError, RecursionError):
            # The text is taken off its list already.
            refuse_message("is no JSON")
        except client_library.ResponseError as error:
            # Something else than a list has the name of a queue, or of what this worker has in hand.
            queues = [key for queue in self.active_queues for key in self._lists_of(queue)]
            in_hand = {self.unacked_key: b"hash", self.unacked_index_key: b"zset"}
            self._clear_the_places(error, dict.fromkeys(queues, b"list") | in_hand)
        raise Empty

    def _size(self, queue: str) -> int:
        try:
            return int(super()._size(queue))
        except client_library.ResponseError as error:
            self._clear_the_places(error, dict.fromkeys(self._lists_of(queue), b"list"))
            return int(super()._size(queue))

    def _lists_of(self, queue: str) -> list[str]:
        return [self._q_for_pri(queue, step) for step in self.priority_steps]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)
        except client_library.ResponseError as error:
            # Else a worker would end each time it connects.
            self._clear_the_places(error, self._tables_of(exchange))
            super()._queue_bind(exchange, routing_key, pattern, queue)

    def _refresh_bindings(self, queues: list[str]) -> None:
        try:
            super()._refresh_bindings(queues)
        except client_library.ResponseError as error:
            for queue in queues:
                for binding in self.state.queue_bindings(queue):
                    self._clear_the_places(error, self._tables_of(binding.exchange))

    def _tables_of(self, exchange: str) -> dict[str, bytes]:
        """Where kombu keeps who listens to an exchange."""
        return {
            self.keyprefix_queue % (exchange,): b"set",
            self.keyprefix_binding_permanent % (exchange,): b"set",
            self.keyprefix_binding_deadlines: b"zset",
        }

    def _clear_the_places(self, error: Exception, kinds: Mapping[str, bytes]) -> None:
        """Delete what is of another kind than it should be.

        :raises Exception: ``error``, when it is about something else.
        """
        if "WRONGTYPE" not in str(error):
            raise error
        refuse_message("is in the place of something else")
        try:
            with self.conn_or_acquire() as client:
                for key, kind in kinds.items():
                    if client.type(key) not in (kind, b"none"):
                        client.delete(key)
        except NoPermissionError:
            # The queue of another service, which clears it up itself.
            raise error from None


class Transport(redis.Transport):
    """As kombu's, with these channels. ``create_app`` puts it in the place of kombu's."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        if not _is_message(message):
            refuse_message("is no message")
            return
        super()._deliver(message, queue)


def _is_message(message: Any) -> bool:
    """Whether it has the parts that kombu takes for granted."""
    if not isinstance(message, Mapping):
        return False
    properties = message.get("properties")
    headers = message.get("headers")
    if not isinstance(properties, Mapping) or not isinstance(headers, Mapping | None):
        return False
    place, body = properties.get("delivery_info"), message.get("body")
    texts = (properties.get("delivery_tag"), body or "")
    return (
        isinstance(place, Mapping)
        and all(isinstance(place.get(name), str) for name in ("exchange", "routing_key"))
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(message.get(name), str | None) for name in ("content-type", "content-encoding"))
        and _is_readable(body, properties.get("body_encoding"))
    )


def _is_kept_message(kept: bytes) -> bool:
    try:
        message, *place = json.loads(kept)
    except (ValueError, TypeError, RecursionError):
        return False
    return _is_message(message) and len(place) == 2 and all(isinstance(part, str) for part in place)


def _is_readable(body: str | None, encoding: Any) -> bool:
    if encoding is None or not body:
        return True
    if encoding != "base64":
        return False
    try:
        base64.b64decode(body)
    except ValueError:
        return False
    return True
