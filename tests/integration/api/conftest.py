"""A deployment in a temporary folder, the API served by uvicorn in a thread, and a worker for questions."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from services.api.access import tokens
from services.api.app import create_app as create_api
from services.api.settings.use_cases import sections as settings
from services.api.web.connections import server_config
from services.cli.deployment import import_tasks, workers
from services.sandbox.prompt_server import PromptServer
from shared import encryption
from shared.database.engine import Database
from shared.worker.app import create_app
from shared.worker.context import Context, share
from shared.worker.task import QuestionTask
from tests.support.databases import deployment_settings

SITE = "default"
SECRET = "correct horse battery"
CLIENT_SECRET = "staple staple staple"
READY: dict[str, dict[str, Any]] = {
    "directory": {
        "servers": ["dc1.corp.example"],
        "user": "rollcall@corp.example",
        "password": SECRET,
        "units": [{"dn": "OU=Sales,DC=corp,DC=example"}, {"dn": "OU=IT,DC=corp,DC=example"}],
    },
    "phone_system": {
        "base_url": "https://pbx.example.test:5001",
        "client_id": "rollcall",
        "client_secret": CLIENT_SECRET,
    },
}


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A migrated, embedded deployment without workers."""
    process_settings = deployment_settings(tmp_path / "data", question_seconds=5.0)
    database = Database(process_settings.effective_database_url)
    app = create_app(process_settings)
    made = Context(app, process_settings, database, encryption.load(process_settings))
    # Workers in this process use it too, rather than a database of their own that nobody closes.
    share(made)
    yield made
    database.close()


@pytest.fixture
def ready(context: Context) -> Context:
    """The deployment with a directory of two units and a phone system."""
    settings.apply_settings(context, SITE, READY, "test")
    return context


_unused: list[FastAPI] = []


@contextmanager
def application(context: Context) -> Iterator[FastAPI]:
    """The API. One that an earlier test has used knows its routes already: FastAPI makes them when they are asked for
    first, which takes longer than most tests. Whatever belongs to a context is in ``state``.
    """
    made = create_api(context)
    app = _unused.pop() if _unused else made
    app.state, _console_of(app).state = made.state, _console_of(made).state
    try:
        yield app
    finally:
        _unused.append(app)


def _console_of(app: FastAPI) -> FastAPI:
    (console,) = [route.app for route in app.routes if isinstance(route, Mount) and route.name == "console"]
    assert isinstance(console, FastAPI)
    return console


@contextmanager
def serving(context: Context, proxies: Sequence[str] = ()) -> Iterator[httpx.Client]:
    """A client of the served API, signed in as ``token:tester``. ``proxies`` are believed about whom they ask for."""
    with application(context) as app, _served(app, proxies) as address:
        # Nothing is encrypted here, and to read the certificates of all authorities takes most of a test's time.
        headers = {"Authorization": f"Bearer {tokens.create_token(context, 'tester')}"}
        with httpx.Client(
            base_url=address, headers=headers, timeout=60, trust_env=False, verify=False
        ) as made:
            yield made


@contextmanager
def _served(app: FastAPI, proxies: Sequence[str]) -> Iterator[str]:
    config = server_config(app, list(proxies), port=0, lifespan="off")
    server = PromptServer(config)
    bound = config.bind_socket()
    # As services/cli/processes.py has it: else every answer waits 40 ms.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Before the thread does: the first request may be quicker than it.
    bound.listen()
    server.start([bound], "api")
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.stop()
        bound.close()


@pytest.fixture
def client(context: Context) -> Iterator[httpx.Client]:
    """A client of the served API, signed in as ``token:tester``."""
    with serving(context) as made:
        yield made


@pytest.fixture
def answering(context: Context) -> Iterator[Callable[[str, Callable[[dict[str, Any]], Any]], None]]:
    """Start a worker that answers one question with the given function: ``answering(task, answer)``."""
    with ExitStack() as stack:

        def _start(task: str, answer: Callable[[dict[str, Any]], Any]) -> None:
            def _body(self: QuestionTask, arguments: dict[str, Any]) -> Any:
                return answer(arguments)

            # In place of the real one, in this app alone; an import later would put the real one beside it.
            import_tasks()
            context.app.finalize()
            context.app.tasks.pop(task, None)
            context.app.task(name=task, base=QuestionTask, bind=True, shared=False)(_body)
            stack.enter_context(workers(context))

        yield _start
