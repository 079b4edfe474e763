"""``--wait`` comes to an end: whatever must be tried again is, and whoever waits is told what for."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from services.api.settings.use_cases import sections as settings
from services.cli import following
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import Run, RunState
from shared.errors import StorageUnavailable
from shared.migrate import migrate
from shared.process_settings import load
from shared.runs.start import RunRequest, start_run
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.api.conftest import READY
from tests.integration.cli.conftest import PEOPLE, Ends, Terminal, settings_file
from tests.integration.cli.test_up import running_up
from tests.support.postgresql import PostgresServer, postgres_server

FAULTS: dict[str, dict[str, Any]] = {
    "three 502 in a row": {"status": 502, "method": "GET", "path": "^/Users", "times": 3},
    "eight 429": {"status": 429, "method": "POST", "path": "^/Users", "times": 8, "retry_after": 0.01},
}


@pytest.mark.parametrize("with_up", [False, True], ids=["alone", "beside up"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_stage_that_must_be_tried_again_ends(
    configured: Terminal,
    ends: Ends,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: str,
    with_up: bool,
) -> None:
    monkeypatch.setenv("ROLLCALL_SWEEP_SECONDS", "0.5")
    # One by one, so that all the faults strike the same command.
    file = settings_file(tmp_path, ends.settings(phone_system={"concurrency": 1}))
    assert configured("settings", "apply", str(file)).code == 0
    assert configured("run", "--wait", "--json").json["state"] == "held"
    plan_hash = configured("plan", "1", "--json").json["plan_hash"]
    with running_up(configured.data) if with_up else nullcontext():
        assert ends.phone_system.faults.add({"kind": "status"} | FAULTS[fault]) is None
        approved = configured("approve", "1", "--hash", plan_hash, "--wait", "--json")
    assert (approved.code, approved.json["state"]) == (0, "done"), approved.notes
    assert len(ends.phone_system.faults.fired) >= 3
    assert len(ends.phone_system.state.users) == 3 + PEOPLE


def test_who_waits_is_told_what_for(
    configured: Terminal, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_TELL_SECONDS", 0.3)
    monkeypatch.setenv("ROLLCALL_SWEEP_SECONDS", "1")
    ends.phone_system.faults.add({"kind": "latency", "ms": 1500, "path": "^/Peers"})
    held = configured("run", "--wait", "--json")
    assert held.json["state"] == "held"
    assert "Waiting for run 1. Reading" in held.notes


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL that the test may stop and start."""
    with postgres_server() as made:
        yield made


@pytest.fixture
def context(server: PostgresServer, tmp_path: Path) -> Iterator[Context]:
    """A deployment on that server; nobody works on its runs."""
    process = load({}, data=tmp_path, database_url=server.url("postgres"))
    database = Database(process.effective_database_url)
    migrate(database)
    made = Context(create_app(process), process, database, encryption.load(process))
    settings.apply_settings(made, "default", READY, "test")
    yield made
    database.close()


def test_a_database_that_is_away_for_a_moment_is_outlived_and_one_that_stays_away_is_not(
    context: Context,
    server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with context.database.begin() as session:
        run_id = start_run(session, RunRequest("default"), context.encryption).id
    with ThreadPoolExecutor(1) as waiting:
        followed = waiting.submit(following.follow, context, run_id)
        server.stop()
        said = _until_said(capsys, "goes on when the database is back")
        server.start()
        said += _until_said(capsys, "The database answers again.")
        with context.database.begin() as session:
            session.execute(update(Run).values(state=RunState.DONE.value))
        assert followed.result(60).state == RunState.DONE
        assert said.count("goes on when the database is back") == 1
        server.stop()
        monkeypatch.setattr(following, "_MOST_SECONDS_AWAY", 0.5)
        with pytest.raises(StorageUnavailable, match="is no longer followed"):
            following.follow(context, run_id)
        server.start()


def _until_said(capsys: pytest.CaptureFixture[str], words: str) -> str:
    said = ""
    deadline = time.monotonic() + 60
    while words not in said:
        assert time.monotonic() < deadline, said
        threading.Event().wait(0.05)
        said += capsys.readouterr().err
    return said
