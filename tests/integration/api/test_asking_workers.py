"""What travels to the workers and what happens when none of them answers."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.api.connections.use_cases import questions
from shared import encryption
from shared.database.engine import Database
from shared.encryption import new_key
from shared.errors import WorkerUnavailable
from shared.process_settings import load
from shared.settings.documents import Section
from shared.worker.app import create_app
from shared.worker.context import Context
from shared.worker.questions import Sealed, unseal
from shared.worker.queues import Queue
from tests.integration.api.conftest import READY, SECRET, SITE, serving
from tests.support.databases import database_url
from tests.support.redis import redis_server

PATH = f"/api/v1/sites/{SITE}/directory/test"
Answering = Callable[[str, Callable[[dict[str, Any]], Any]], None]


def _impatient(context: Context) -> Context:
    return replace(context, settings=context.settings.model_copy(update={"question_seconds": 0.1}))


def _sent(context: Context, values: Any) -> dict[str, Any]:
    """What the broker holds after the directory was asked about."""
    with context.app.connection_for_write() as connection:
        queue = connection.SimpleQueue(Queue.COLLECTOR.value)
        queue.clear()
        with pytest.raises(WorkerUnavailable):
            questions.test_directory(_impatient(context), SITE, values)
        message = queue.get(timeout=60)
        queue.close()
    raw = json.dumps([message.body, message.headers, message.properties], default=str)
    assert SECRET not in raw
    assert SITE not in raw
    assert message.headers["expires"]
    question = Sealed("collector.test_directory", message.headers["id"])
    return question.unseal_question(context, message.payload[0][0])


def test_a_password_that_is_not_saved_yet_travels_sealed(context: Context) -> None:
    arguments = _sent(context, {"user": "anna@corp.example", "password": SECRET})
    opened = unseal(Section.DIRECTORY, arguments["settings"], context.encryption)
    assert getattr(opened, "password").get_secret_value() == SECRET  # noqa: B009


def test_a_stored_password_that_is_not_given_travels_sealed(ready: Context) -> None:
    same_address = {name: value for name, value in READY["directory"].items() if name != "password"}
    arguments = _sent(ready, same_address | {"user": "anna@corp.example"})
    opened = unseal(Section.DIRECTORY, arguments["settings"], ready.encryption)
    assert getattr(opened, "password").get_secret_value() == SECRET  # noqa: B009


def test_stored_settings_do_not_travel_at_all(ready: Context) -> None:
    assert _sent(ready, None) == {"site_id": SITE, "settings": None, "directory": ""}


def test_a_question_that_nobody_answers_is_a_503(context: Context) -> None:
    with serving(_impatient(context)) as client:
        answer = client.post(PATH, json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "worker_unavailable")
    assert "collector" in answer.json()["detail"]
    assert answer.headers["Retry-After"] == "10"


def test_a_worker_that_fails_unexpectedly_is_a_500_without_its_traceback(
    client: httpx.Client, answering: Answering
) -> None:
    def _fail(arguments: dict[str, Any]) -> Any:
        raise LookupError(f"a secret: {SECRET}")

    answering("collector.test_directory", _fail)
    answer = client.post(PATH, json={})
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "log" in answer.json()["detail"]


def test_questions_that_wait_keep_nobody_else_waiting(client: httpx.Client, answering: Answering) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def _wait(arguments: dict[str, Any]) -> Any:
        asked.set()
        go_on.wait(20)
        return {"server": "", "controller": "", "base_dn": "", "security": "ldaps", "units": [],
                "seconds": 0, "warnings": []}  # fmt: skip

    answering("collector.test_directory", _wait)
    answers: list[int] = []
    waiting = threading.Thread(target=lambda: answers.append(client.post(PATH, json={}).status_code))
    waiting.start()
    assert asked.wait(20)
    assert client.get("/api/v1/sites").status_code == 200
    assert client.get("/health/live").json() == {"ok": True}
    go_on.set()
    waiting.join()
    assert answers == [200]


@pytest.fixture
def on_redis(tmp_path: Path) -> Iterator[tuple[Context, Any]]:
    """A deployment whose broker is a Redis that the test may stop and start."""
    with redis_server() as server:
        process = load(
            {
                "ROLLCALL_BROKER_URL": server.url,
                "ROLLCALL_RESULT_BACKEND_URL": server.url,
                "ROLLCALL_SECRET_KEY": new_key(),
            },
            data=tmp_path,
            database_url=database_url(tmp_path),
            question_seconds=0.3,
        )
        database = Database(process.effective_database_url)
        context = Context(create_app(process), process, database, encryption.load(process))
        yield context, server
        context.app.close()
        database.close()


def _left_over(context: Context) -> list[bytes]:
    """The answers that lie about, and the channels that somebody listens to."""
    with context.app.connection_for_read() as connection:
        client = connection.default_channel.client
        return [*client.keys("*answer*"), *client.pubsub_channels("*")]


@pytest.mark.redis
def test_a_broker_that_is_away_costs_a_run_nothing_and_a_question_little(
    on_redis: tuple[Context, Any],
) -> None:
    context, server = on_redis
    with serving(context) as client:
        assert client.put(f"/api/v1/sites/{SITE}/settings", json=READY).status_code == 200
        server.stop()
        began = time.monotonic()
        asked = client.post(PATH, json={})
        assert (asked.status_code, asked.json()["code"]) == (503, "worker_unavailable")
        assert "broker" in asked.json()["detail"]
        # The run is stored; the sweep publishes it when the broker is back.
        assert client.post(f"/api/v1/sites/{SITE}/runs", json={}).status_code == 201
        assert time.monotonic() - began < 10
        server.start()
        again = client.post(PATH, json={})
        assert "No collector worker answered" in again.json()["detail"]
    assert _left_over(context) == []
