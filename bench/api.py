"""Requests per second of the API's log and runs on PostgreSQL, against bare FastAPI and SQLAlchemy with the same queries.

Each server is a process of its own, as in production; four clients ask each without a pause, in turns so that both meet
the same machine. Ours also looks the token up, checks its role and that the site exists, and adds its headers.
"""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from bench.log_page import fill
from bench.report import Figure
from services.api.access.tokens import create_token
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import Run, RunKind, RunState
from shared.migrate import migrate
from shared.process_settings import load
from shared.settings.store import DEFAULT_SITE
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.support.postgresql import postgres_server

# At least 0.8 of the requests that the reference answers in the same time.
GOAL = 1 / 0.8
EVENTS = 100_000
RUNS = 2_000
_CLIENTS = 4
_REQUESTS = 25
_ROUNDS = 41


def measure() -> list[Figure]:
    """Two figures: how long a request for a page of the Log and for a page of runs takes under load, in seconds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres_server())
        server.execute("CREATE DATABASE rollcall")
        settings = load({}, data=folder, database_url=server.url("rollcall"))
        database = Database(settings.effective_database_url)
        stack.callback(database.close)
        migrate(database)
        fill(database, EVENTS)
        _add_runs(database)
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        context = Context(create_app(settings), settings, database, encryption.load(settings))
        token = create_token(context, "bench")
        ours = stack.enter_context(rollcall(folder, server.url("rollcall")))
        bare = stack.enter_context(_bare(server.url("rollcall")))
        return [
            _compare(
                what,
                _Endpoint(ours, f"/api/v1/sites/{DEFAULT_SITE}/{what}", token),
                _Endpoint(bare, f"/{what}?site_id={DEFAULT_SITE}", token),
            )
            for what in ("log", "runs")
        ]


class _Endpoint:
    """A page that is asked for again and again."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self._port = port
        self._path = path
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, times: int) -> bytes:
        """Ask so often on one connection; the last answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        body = b""
        for _ in range(times):
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise AssertionError(f"{self._path} answers {answer.status}: {body[:300]!r}")
        connection.close()
        return body

    def seconds(self) -> float:
        """How long all clients need together for one request, in seconds."""
        clients = [threading.Thread(target=self.ask, args=(_REQUESTS,)) for _ in range(_CLIENTS)]
        began = time.perf_counter()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return (time.perf_counter() - began) / (_CLIENTS * _REQUESTS)


def _compare(what: str, ours: _Endpoint, bare: _Endpoint) -> Figure:
    if json.loads(ours.ask(20)) != json.loads(bare.ask(20)):
        raise AssertionError(f"the two answer differently for {what}")
    # The median of many short rounds: five processes on the machine's cores meet each other differently every time.
    rounds = [(ours.seconds(), bare.seconds()) for _ in range(_ROUNDS)]
    ours_seconds, bare_seconds = (statistics.median(column) for column in zip(*rounds, strict=True))
    rates = (
        f"{1 / ours_seconds:.0f} requests/s against {1 / bare_seconds:.0f}: {bare_seconds / ours_seconds:.2f}"
    )
    return Figure(f"API on PostgreSQL, {what}", ours_seconds, bare_seconds, GOAL, rates)


def _add_runs(database: Database) -> None:
    now = datetime.now(UTC)
    with database.begin() as session:
        session.execute(
            insert(Run),
            [
                {
                    "site_id": DEFAULT_SITE,
                    "kind": RunKind.FULL.value,
                    "state": RunState.DONE.value,
                    "trigger": "schedule",
                    "actor": "system",
                    "schedule_slot": f"bench-{age}",
                    "selection_hash": "",
                    "hold_reasons": {},
                    "settings_versions": {"directory": 2, "phone_system": 1},
                    "counts": {"create_extension": age % 7, "update_extension": age % 5},
                    "people": 10_000,
                    "created_at": now - timedelta(minutes=15 * age),
                    "planned_at": now - timedelta(minutes=15 * age),
                    "finished_at": now - timedelta(minutes=15 * age),
                }
                for age in range(RUNS, 0, -1)
            ],
        )


@contextmanager
def rollcall(folder: Path, url: str) -> Iterator[int]:
    """``rollcall api`` as a process; its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = os.environ | {
        "ROLLCALL_DATA": str(folder),
        "ROLLCALL_DATABASE_URL": url,
        "ROLLCALL_API_PORT": str(port),
        "ROLLCALL_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "services.cli", "api"]
    with _running(command, port, environment):
        yield port


@contextmanager
def _bare(url: str) -> Iterator[int]:
    """The reference as a process; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        os.set_inheritable(listening.fileno(), True)
        command = [sys.executable, "-m", "bench.bare_api", url, str(listening.fileno())]
        with _running(command, port, dict(os.environ), keep=(listening.fileno(),)):
            yield port


@contextmanager
def _running(
    command: list[str], port: int, environment: dict[str, str], keep: tuple[int, ...] = ()
) -> Iterator[None]:
    with subprocess.Popen(
        command, env=environment, pass_fds=keep, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(process, port)
            yield
        finally:
            process.terminate()


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        if process.poll() is not None:
            raise AssertionError(f"a server of the benchmark ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
