"""Each service is a user of the broker with no more rights than its work takes: all of them together do a whole run, and
none can read the messages of another.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from operator import methodcaller
from pathlib import Path
from subprocess import run
from typing import Any

import amqp  # type: ignore[import-untyped]
import pytest
import redis
from celery import Celery

from services.api.connections.use_cases import questions
from services.api.operations.queries import waiting_messages
from shared.database.tables import RunState
from shared.process_settings import load
from shared.worker.app import create_app
from shared.worker.context import Context
from shared.worker.queues import TAKEN_ALONG, Queue, served_by
from tests.faults.conftest import World
from tests.faults.deployment import Deployment
from tests.integration.brokers.conftest import Broker, rabbit_only
from tests.support.composition import DEPLOY, let_in
from tests.support.forked import Process
from tests.support.rabbitmq import RabbitServer
from tests.support.redis import RedisServer, redis_server
from tests.support.waiting import wait_until

SERVICES = ("api", "collector", "reconciler", "relay_client", "scheduler", "beat", "watch", "flower")
WORKERS = tuple(queue.value for queue in Queue if queue not in TAKEN_ALONG.values())


class Users:
    """The services' addresses of a broker and of the Redis of the answers."""

    def __init__(self, folder: Path, answers: RedisServer, broker: Broker) -> None:
        run(
            ["sh", str(DEPLOY / "secrets.sh"), str(folder), "redis", "127.0.0.1"],
            check=True,
            capture_output=True,
        )
        self._folder, self._broker, self._answers = folder, broker, answers
        let_in(answers, (folder / "redis_users").read_text(encoding="utf-8"))

    def redis_url(self, service: str, kind: str = "broker_url") -> str:
        made = (self._folder / f"{kind}_{service}").read_text(encoding="utf-8")
        return made.replace("127.0.0.1:6379", f"127.0.0.1:{self._answers.port}")

    def environment(self, service: str) -> dict[str, str]:
        broker = self._broker
        return {
            "ROLLCALL_BROKER_URL": broker.url_of(service) if isinstance(broker, RabbitServer) else self.redis_url(service),
            "ROLLCALL_RESULT_BACKEND_URL": self.redis_url(service, "result_backend_url"),
        }  # fmt: skip

    def denied(self) -> list[tuple[str, str, str]]:
        """What Redis did not let its users do."""
        with redis.Redis(port=self._answers.port, username="tester", password="tester") as client:
            return [(item["username"], item["reason"], item["object"]) for item in client.acl_log()]

    @contextmanager
    def redis(self, service: str) -> Iterator[redis.Redis]:
        """A connection as this service."""
        with redis.Redis.from_url(self.redis_url(service)) as client:
            yield client


@pytest.fixture
def users(broker: Broker, tmp_path: Path) -> Iterator[Users]:
    """Of this broker."""
    with ExitStack() as stack:
        answers = broker if isinstance(broker, RedisServer) else stack.enter_context(redis_server())
        yield Users(tmp_path / "secrets", answers, broker)


def _app(processes: Deployment, users: Users, service: str) -> Celery:
    return create_app(load(processes.environment | users.environment(service)), service)


@rabbit_only
def test_in_rabbitmq_the_services_do_a_whole_run_with_the_rights_they_have(
    processes: Deployment, users: Users, world: World
) -> None:
    started = [processes.start_worker([Queue(name)], **users.environment(name)) for name in WORKERS]
    beat = processes.start_beat(**users.environment("beat"))
    settings = load(processes.environment | users.environment("api"))
    api = Context(create_app(settings), settings, processes.context.database, processes.context.encryption)
    processes.context = api
    for worker in started:
        wait_until("the worker", partial(_is_ready, processes, worker))
    world.staff.hire_many(3)
    processes.configure(world.sections())
    assert processes.complete().state == RunState.DONE
    assert set(waiting_messages(api)) == set(Queue)
    assert questions.test_directory(api, "default")
    # Looking at workers, as the doctor and Flower do.
    flower = _app(processes, users, "flower")
    for app in (api.app, flower):
        wait_until("answers", partial(_answer_all, app))
    assert _sees_workers(flower)
    assert {processes.terminate(process) for process in (*started, beat)} == {0}
    assert users.denied() == []
    assert not processes.has_logged("ACCESS_REFUSED"), processes.story()
    api.app.close()


def _is_ready(processes: Deployment, worker: Process) -> bool:
    return "ready" in processes.output_of(worker)


def _answer_all(app: Celery) -> bool:
    return len(app.control.inspect(timeout=2).active_queues() or ()) == len(WORKERS)


def _sees_workers(app: Celery) -> bool:
    """Whether signs of life arrive."""
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection)
        receiver.handlers["worker-heartbeat"] = lambda _event: setattr(receiver, "should_stop", True)
        receiver.capture(timeout=60)
        stopped: bool = receiver.should_stop
    return stopped


Command = tuple[str | bytes, ...]
_ALL = [queue.value for queue in Queue]
_OTHERS = {name: [queue for queue in _ALL if queue not in [*served_by([Queue(name)])]] for name in WORKERS}
_ASK_THE_NOTIFIER = ("api", "scheduler")


def _reading(queue: str) -> list[Command]:
    """Ways to see, take or remove what waits for a worker, or what it has in hand."""
    return [
        ("BRPOP", queue, f"{queue}\x06\x163", "1"), ("LRANGE", queue, "0", "-1"), ("LPOP", queue), ("DEL", queue),
        ("RENAME", queue, "unacked-x"), ("LMOVE", queue, "x", "LEFT", "LEFT"), ("COPY", queue, "x"), ("DUMP", queue),
        ("SORT", queue), ("EVAL", "return redis.call('LRANGE', KEYS[1], 0, -1)", "1", queue),
        ("EVAL", f"return redis.call('RPOP', '{queue}')", "0"),
        ("HGETALL", f"unacked-{queue}"), ("DEL", f"unacked-{queue}"), ("MIGRATE", "h", "1", queue, "0", "9"),
    ]  # fmt: skip


_NOBODY: list[Command] = [
    ("FLUSHALL",), ("FLUSHDB",), ("KEYS", "*"), ("SCAN", "0"), ("CONFIG", "GET", "*"), ("ACL", "LIST"),
    ("ACL", "SETUSER", "flower", "+@all", "~*"), ("SHUTDOWN",), ("MONITOR",),
    ("CLIENT", "LIST"), ("CLIENT", "KILL", "TYPE", "normal"), ("REPLICAOF", "h", "1"), ("SAVE",), ("SWAPDB", "0", "1"),
    ("MODULE", "LIST"), ("SCRIPT", "FLUSH"), ("FUNCTION", "LIST"), ("SUBSCRIBE", "anything"),
    ("PSUBSCRIBE", "*"), ("BLPOP", "rollcall-answer-x", "1") , ("CLIENT", "TRACKING", "on", "BCAST"),
]  # fmt: skip


def _forbidden(service: str) -> Iterator[Command]:
    for other in _OTHERS.get(service, _ALL):
        yield from _reading(other)
    for command in _NOBODY:
        if (service, command[0]) != ("api", "BLPOP"):
            yield command
    letter: Command = ("RPUSH", "rollcall-answer-x", "forged")
    if service not in {"collector", "relay_client", "scheduler"}:
        yield letter
    if service not in {"api", "flower"}:
        # Orders to workers.
        yield ("PUBLISH", "/0.celery.pidbox", "{}")
    if service == "flower":
        yield from (("LPUSH", queue, "{}") for queue in _ALL)
    if service == "beat":
        yield from (("LPUSH", queue, "{}") for queue in _OTHERS["scheduler"])
    elif service != "scheduler":
        yield ("LPUSH", "scheduler", "{}")
    if service not in _ASK_THE_NOTIFIER:
        yield ("LPUSH", "notifier", "{}")
    if service in {"api", "beat", "watch", "flower"}:
        yield ("PUBLISH", "/0.celeryev/task.multi", "{}")


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_in_redis_a_service_can_do_nothing_with_what_belongs_to_another(
    broker: RedisServer, users: Users
) -> None:
    allowed = []
    for service in SERVICES:
        for command in _forbidden(service):
            with users.redis(service) as client, suppress(redis.exceptions.NoPermissionError):
                client.execute_command(*command)  # type: ignore[no-untyped-call]
                allowed.append((service, *command))
    assert allowed == []
    with redis.Redis(port=broker.port) as stranger, pytest.raises(redis.exceptions.NoPermissionError):
        stranger.llen("collector")


# A whole run of compose.yaml, with Flower, is in tests/integration/deploy/test_compose.py.
@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_in_redis_a_worker_may_put_back_what_it_or_a_dead_one_had_taken(
    processes: Deployment, broker: RedisServer, users: Users
) -> None:
    for queue in WORKERS:
        app = _app(processes, users, queue)
        app.send_task(f"{queue}.any", queue=queue)
        with app.connection_for_read() as connection, connection.channel() as channel:
            channel.basic_get(queue).requeue()
            taken = channel.basic_get(queue)
            with redis.Redis(port=broker.port, username="tester", password="tester") as client:
                client.zadd(f"unacked-{queue}-index", {taken.delivery_tag: 1.0})
            channel.qos.restore_visible()
            channel.basic_get(queue).ack()
            assert channel.basic_get(queue) is None
        app.close()
    assert users.denied() == []


@contextmanager
def _channel(broker: RabbitServer, user: str, password: str) -> Iterator[amqp.Channel]:
    with (
        amqp.Connection(
            f"127.0.0.1:{broker.port}",
            userid=user,
            password=password,
            connect_timeout=5,
            confirm_publish=True,
        ) as connection,
        connection.channel() as channel,
    ):
        yield channel


def _password(broker: RabbitServer, service: str) -> str:
    return broker.url_of(service).partition(f"{service}:")[2].partition("@")[0]


Attempt = Callable[[amqp.Channel], Any]


def _attempts(service: str) -> Iterator[tuple[str, Attempt]]:
    def _publish(exchange: str, key: str) -> Attempt:
        message = amqp.Message("{}", content_type="application/json")
        return lambda channel: channel.basic_publish(message, exchange, key)

    for queue in _OTHERS.get(service, _ALL):
        for name in ("basic_get", "basic_consume", "queue_purge", "queue_delete"):
            yield f"{name} {queue}", methodcaller(name, queue)
        yield f"listen in on {queue}", partial(_listen_in, service, queue)
        yield f"publish to {queue} directly", _publish("", queue)
    sends_to = {"beat": ["scheduler"], "flower": []}.get(service, _OTHERS["scheduler"])
    if service in _ASK_THE_NOTIFIER:
        sends_to = [*sends_to, "notifier"]
    for queue in set(_ALL) - set(sends_to):
        yield f"publish to {queue}", _publish("rollcall", queue)
    if service not in {"api", "flower"}:
        yield "order", _publish("celery.pidbox", "")


def _listen_in(service: str, queue: str, channel: amqp.Channel) -> None:
    """A queue that this service may make is given copies of another's messages."""
    own = {"api": "x.reply.celery.pidbox", "flower": "celeryev.x", "beat": "x", "watch": "x"}.get(
        service, f"{service}-1@h.celery.pidbox"
    )
    channel.queue_declare(own, auto_delete=True)
    channel.queue_bind(own, "rollcall", queue)


@rabbit_only
def test_in_rabbitmq_a_service_can_do_nothing_with_what_belongs_to_another(
    processes: Deployment, broker: RabbitServer
) -> None:
    # What is to be protected is there.
    with processes.context.app.connection_for_write() as connection:
        for queue in processes.context.app.amqp.queues.values():
            queue.bind(connection.default_channel).declare()
    allowed = []
    for service in SERVICES:
        for name, attempt in _attempts(service):
            with (
                suppress(amqp.AccessRefused),
                _channel(broker, service, _password(broker, service)) as channel,
            ):
                attempt(channel)
                allowed.append((service, name))
    assert allowed == []
