"""What makes each broker keep its messages, and fail within seconds when it is away. Measured on both in tests."""

from typing import Any

from kombu.entity import Exchange
from kombu.entity import Queue as KombuQueue

from shared.process_settings import ProcessSettings
from shared.worker.queues import Queue

CONNECT_SECONDS = 4.0
# How long a broker that took a connection may be silent. A worker waits for Redis in steps of one second.
SILENCE_SECONDS = 10.0
# RabbitMQ cuts off a worker that holds a message for longer (30 minutes by default). Fixed, because a queue cannot be
# declared with another value than it has; ``task_seconds`` stays below.
_CONSUMER_MILLISECONDS = 24 * 3600 * 1000
# A message that ended so many workers is dropped; what it was about is published again by ``sweep``, and counted.
_DELIVERY_LIMIT = 20
_EXCHANGE = Exchange("rollcall", type="topic", durable=True)


def is_rabbitmq(settings: ProcessSettings) -> bool:
    """Whether the broker is spoken to with AMQP."""
    return settings.broker_url.startswith(("amqp:", "amqps:", "pyamqp:"))


def queues(settings: ProcessSettings) -> list[KombuQueue]:
    """The queues of all services as this broker needs them."""
    if not is_rabbitmq(settings):
        return [KombuQueue(queue.value) for queue in Queue]
    # Messages with a countdown travel by RabbitMQ's own delay, which needs a topic exchange; else those that wait would
    # take the places of those that need not.
    arguments = {
        "x-queue-type": "quorum",
        "x-consumer-timeout": _CONSUMER_MILLISECONDS,
        "x-delivery-limit": _DELIVERY_LIMIT,
    }
    return [
        KombuQueue(queue.value, _EXCHANGE, routing_key=queue.value, queue_arguments=arguments)
        for queue in Queue
    ]


def transport_options(settings: ProcessSettings, holder: str) -> dict[str, Any]:
    """The options of kombu's transport for a process of this service."""
    if settings.is_embedded:
        # The default of 1 s allows 4 tasks a second; with 0.01 it was measured at 350.
        return {"polling_interval": 0.01}
    if is_rabbitmq(settings):
        return {"confirm_publish": True, "write_timeout": SILENCE_SECONDS}
    return {
        # Longer than the longest task plus its longest countdown (60 s), or a task still going would be given again.
        "visibility_timeout": settings.task_seconds + 300,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": SILENCE_SECONDS,
        "socket_keepalive": True,
        # Redis keeps what was taken and not yet done beside the queues; no service may read that of another.
        "unacked_key": f"unacked-{holder}",
        "unacked_index_key": f"unacked-{holder}-index",
        "unacked_mutex_key": f"unacked-{holder}-mutex",
    }


def publish_options(settings: ProcessSettings, countdown: float = 0) -> dict[str, Any]:
    """The options with which one message is sent."""
    options: dict[str, Any] = {}
    if countdown > 0:
        # RabbitMQ's delay counts whole seconds, and none is an error to kombu.
        options["countdown"] = max(1, round(countdown)) if is_rabbitmq(settings) else countdown
    if is_rabbitmq(settings):
        # A node short of memory or disk takes no messages and says nothing.
        options["confirm_timeout"] = SILENCE_SECONDS
        # A queue is made by the broker's definitions or its worker: whoever could make it could also take it away.
        options["declare"] = [_EXCHANGE]
    return options
