"""How long others wait while one viewer asks for everything at once: files, streams, and plans without end.

The API is a process of its own on SQLite, as `rollcall api` is; the viewer has one token, the other one another.
"""

import asyncio
import http.client
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from bench.api import rollcall
from bench.log_page import fill
from bench.report import Figure
from services.api.access.tokens import create_token
from services.api.settings.use_cases.sections import apply_settings
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import AccountRole
from shared.migrate import migrate
from shared.process_settings import load
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.api.builders import make_plan
from tests.integration.api.conftest import READY
from tests.support.crowd import ask, request

GOAL_SECONDS = 0.25
EVENTS = 20_000
_SECONDS = 10.0
_PAUSE = 0.02
_LOG = "/api/v1/sites/default/log"


def measure() -> list[Figure]:
    """One figure: the 95th percentile of another caller's requests meanwhile, in seconds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = load({}, data=folder)
        folder.mkdir(exist_ok=True)
        database = Database(settings.effective_database_url)
        stack.callback(database.close)
        migrate(database)
        context = Context(create_app(settings), settings, database, encryption.load(settings))
        apply_settings(context, "default", READY, "bench")
        run_id, _ = make_plan(context)
        fill(database, EVENTS)
        viewer = create_token(context, "viewer", role=AccountRole.VIEWER)
        other = create_token(context, "other")
        port = stack.enter_context(rollcall(folder, settings.effective_database_url))
        quiet = _waits(port, other)
        over = threading.Event()
        attack = threading.Thread(target=lambda: asyncio.run(_attack(port, viewer, run_id, over)))
        attack.start()
        busy = _waits(port, other)
        over.set()
        attack.join()
    said = f"without: {_p95(quiet) * 1000:.0f} ms; median meanwhile {statistics.median(busy) * 1000:.0f} ms; {len(busy)} requests"
    return [
        Figure("Another caller's p95 beside one who asks for everything", _p95(busy), GOAL_SECONDS, 1.0, said)
    ]


async def _attack(port: int, token: str, run_id: int, over: threading.Event) -> None:
    signed = {"Authorization": f"Bearer {token}"}
    paths = [
        *[
            f"{_LOG}/export?format={name}&run_id={number}"
            for name in ("pdf", "xlsx", "json")
            for number in range(1, 8)
        ],
        *[f"{_LOG}/export?format={name}" for name in ("pdf", "xlsx", "json", "csv")] * 5,
        *[f"/api/v1/runs/{run_id}/events"] * 400,
        *[f"/api/v1/runs/{run_id}/plan?limit=500"] * 50,
    ]
    asked = [request("GET", path, signed) for path in paths]

    async def _again(sent: bytes) -> None:
        while not over.is_set():
            with suppress(TimeoutError, OSError, ValueError):
                await asyncio.wait_for(ask(f"http://127.0.0.1:{port}", sent, "127.0.0.1"), _SECONDS)
            await asyncio.sleep(2.0)

    await asyncio.gather(*(_again(sent) for sent in asked))


def _waits(port: int, token: str) -> list[float]:
    """How long each request of a caller took who asks now and then."""
    waits: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        for path in ("/api/v1/sites", _LOG, "/api/v1/sites/default/runs"):
            began = time.perf_counter()
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            waits.append(time.perf_counter() - began)
            if answer.status != 200:
                raise AssertionError(f"{path} answers {answer.status}")
            time.sleep(_PAUSE)
    connection.close()
    return waits


def _p95(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=20)[-1]
