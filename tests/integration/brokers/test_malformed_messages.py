"""Nothing that lies in a queue ends a worker: it is dropped, told of in a line, and the next message is taken."""

import base64
import itertools
import json
import pickle
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import amqp  # type: ignore[import-untyped]
import redis
from kombu.exceptions import OperationalError

from services.api.operations.use_cases.metrics import metrics
from shared.messages import PlanRun
from shared.worker.queues import Queue
from tests.faults.deployment import Deployment
from tests.integration.brokers.conftest import Broker
from tests.support.forked import Process
from tests.support.rabbitmq import RabbitServer
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

QUEUE = "reconciler"
# Of a worker that listens to all queues.
_IN_HAND = f"unacked-{'-'.join(Queue)}"
HEADERS: dict[str, Any] = {"id": "1", "task": "reconciler.plan_run", "lang": "py"}
BODY = json.dumps([[{"run_id": 1}], {}, {}])
# (body, content type, content encoding, headers)
MESSAGES: list[tuple[str | bytes, str, str, dict[str, Any]]] = [
    ("", "application/json", "utf-8", {}),
    ("{not json", "application/json", "utf-8", HEADERS),
    ("{not json", "application/json", "utf-8", {}),
    (b"\xff\xfe\x00", "application/json", "utf-8", HEADERS),
    (BODY, "application/json", "no-such-encoding", HEADERS),
    (BODY, "application/x-nothing", "utf-8", HEADERS),
    (BODY, "", "", HEADERS),
    (pickle.dumps([[{}], {}, {}]), "application/x-python-serialize", "binary", HEADERS),
    (BODY, "application/json", "utf-8", HEADERS | {"compression": "application/x-gzip"}),
    (BODY, "application/json", "utf-8", HEADERS | {"compression": "nothing"}),
    (BODY, "application/json", "utf-8", HEADERS | {"task": "os.system"}),
    (BODY, "application/json", "utf-8", HEADERS | {"task": ["reconciler.plan_run"]}),
    (BODY, "application/json", "utf-8", HEADERS | {"eta": "soon", "expires": "never"}),
    (BODY, "application/json", "utf-8", HEADERS | {"eta": "9999-12-31T23:59:59.999999+23:59"}),
    (BODY, "application/json", "utf-8", HEADERS | {"expires": "1e400"}),
    (BODY, "application/json", "utf-8", HEADERS | {"retries": "many", "timelimit": "short"}),
    (BODY, "application/json", "utf-8", {"task": "reconciler.plan_run"}),
    ("5", "application/json", "utf-8", HEADERS),
    ("[[], {}, {}]", "application/json", "utf-8", HEADERS),
    ("[[null], {}, {}]", "application/json", "utf-8", HEADERS),
    ('[[{"run_id": 1e999}], {}, {}]', "application/json", "utf-8", HEADERS),
    ('{"task": "reconciler.plan_run", "args": 5}', "application/json", "utf-8", {}),
    ("[" * 100_000, "application/json", "utf-8", HEADERS),
    (json.dumps([["x" * 20_000_000], {}, {}]), "application/json", "utf-8", HEADERS),
]

# Of these, those that no task of ours is given.
_USELESS = 15


def _in_redis() -> Iterator[bytes]:
    """Things that are no message of any kind, and the messages."""
    yield from (b"", b"garbage", b"\xff\x00\x1b[2J", b"null", b"5", b"[]", b"{}", b"[" * 100_000)
    yield from (b'{"body": "", "properties": []}', b'{"properties": {"delivery_tag": 1}, "headers": 7}')
    place = {"exchange": "", "routing_key": QUEUE}
    for number, (body, content_type, encoding, headers) in enumerate(MESSAGES):
        raw = body.encode() if isinstance(body, str) else body
        properties = {
            "body_encoding": "base64", "delivery_tag": f"tag-{number}", "delivery_info": place, "priority": 0,
        }  # fmt: skip
        message = {
            "body": base64.b64encode(raw).decode(), "content-type": content_type, "content-encoding": encoding,
            "headers": headers, "properties": properties,
        }  # fmt: skip
        yield json.dumps(message).encode()
        if not number:
            for changed in (
                {"headers": "x"},
                {"body": "="},
                {"body": 5},
                {"properties": {"delivery_tag": "1"}},
            ):
                yield json.dumps(message | changed).encode()


def _spoil(broker: Broker) -> None:
    if isinstance(broker, RabbitServer):
        with broker.connection() as connection, connection.channel() as channel:
            for body, content_type, encoding, headers in MESSAGES:
                raw = body.encode() if isinstance(body, str) else body
                message = amqp.Message(
                    raw, content_type=content_type, content_encoding=encoding, application_headers=headers
                )
                channel.basic_publish(message, exchange="", routing_key=QUEUE)
        return
    with redis.Redis(port=broker.port) as client:
        for raw in _in_redis():
            client.lpush(QUEUE, raw)
        # To all workers: a command of Celery's that ends them, and what is none.
        command: dict[str, Any] = {"method": "shutdown", "arguments": {}, "destination": None}
        for body in (json.dumps(command), "5", "{}", "garbage"):
            told = {
                "body": base64.b64encode(body.encode()).decode(), "content-type": "application/json",
                "content-encoding": "utf-8", "headers": {},
                "properties": {
                    "body_encoding": "base64", "delivery_tag": "x", "priority": 0,
                    "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
                },
            }  # fmt: skip
            client.publish("/0.celery.pidbox", json.dumps(told))
        client.publish("/0.celery.pidbox", "[]")
        client.publish("/0.celery.pidbox", "garbage")


def _leave_behind(server: RedisServer) -> None:
    """What was taken long ago and never done, so that it is put back; and is no message."""
    with redis.Redis(port=server.port) as client:
        for tag, raw in (("a", "garbage"), ("b", "[1, 2, 3]"), ("c", '["x"]'), ("d", "[{}, null, null]")):
            client.hset(_IN_HAND, tag, raw)
            client.zadd(f"{_IN_HAND}-index", {tag: 1.0})


def _waiting(broker: Broker) -> int:
    if isinstance(broker, RedisServer):
        with redis.Redis(port=broker.port) as client:
            left = client.zrange(f"{_IN_HAND}-index", 0, -1)
            # One is for the year 9999, and waits for it.
            return int(client.llen(QUEUE)) + len(left) - 1
    with broker.connection() as connection:
        return int(connection.channel().queue_declare(QUEUE, passive=True).message_count)


def _refused(processes: Deployment) -> int:
    """What the API's metric says."""
    found = re.search(
        r'rollcall_refused\w*\{what="message"\} (\d+)', metrics(processes.context, is_broker_well=False)
    )
    return int(found[1]) if found else 0


def _take_the_places_of_the_transport(server: RedisServer) -> None:
    """What the transport keeps for itself is of another kind, when the worker connects anew and afterwards."""
    with redis.Redis(port=server.port) as client:
        for key in (
            _IN_HAND, f"{_IN_HAND}-index", f"{_IN_HAND}-mutex", "_kombu.binding_deadlines", "reconciler\x06\x163",
            *[f"_kombu.{table}.{exchange}" for table in ("binding", "binding_permanent")
              for exchange in ("collector", "celery.pidbox", "reply.celery.pidbox", "celeryev")],
        ):  # fmt: skip
            client.delete(key)
            client.hset(key, "x", "y") if "reconciler" in key else client.lpush(key, "x")
        # Not typed by every version of the library.
        untyped: Any = client
        untyped.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


_numbers = itertools.count()


def _is_served(processes: Deployment, worker: Process) -> bool:
    """Whether a message of ours is done, among those published until now."""
    assert worker.poll() is None, processes.output_of(worker)
    with suppress(OperationalError):
        processes.context.publish([PlanRun(run_id=900_003, correlation_id=f"served-again-{next(_numbers)}-")])
    return "served-again-" in processes.output_of(worker)


def test_no_message_ends_a_worker(processes: Deployment, broker: Broker) -> None:
    if isinstance(broker, RedisServer):
        _leave_behind(broker)
    worker = processes.start_worker()
    wait_until("the worker", lambda: "ready" in processes.output_of(worker))
    _spoil(broker)
    # Ours comes after all of them, and is done.
    processes.context.publish([PlanRun(run_id=900_001, correlation_id="after-all-of-them")])
    wait_until("the message after them", lambda: "after-all-of-them" in processes.output_of(worker))
    wait_until("the queue to be empty", lambda: _waiting(broker) == 0)
    assert worker.poll() is None
    said = processes.output_of(worker)
    assert "message_refused" in said
    assert "Unrecoverable" not in said
    # Each is counted, whatever the log leaves out.
    wait_until("the count", lambda: _refused(processes) >= _USELESS)
    assert len(said) < 200_000
    assert "\x1b" not in said
    # One that takes a queue's place, too.
    if isinstance(broker, RedisServer):
        with redis.Redis(port=broker.port) as client:
            client.set("collector", "no list")
        processes.context.publish([PlanRun(run_id=900_002, correlation_id="the-last-one")])
        wait_until("the last message", lambda: "the-last-one" in processes.output_of(worker))
        _take_the_places_of_the_transport(broker)
        # The first may be the price of clearing up; what waits is published again by the sweep.
        wait_until("a worker that works", lambda: _is_served(processes, worker))
    assert processes.terminate(worker) == 0
