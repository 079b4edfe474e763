"""Creating 2,000 extensions on a phone system that takes 20 ms to answer, beside a bare loop that posts the same.

Ours is what a worker does: commands claimed in SQLite before anything is sent, numbers looked up, creations,
outcomes, bindings and the Log stored as it goes. The reference is as many threads with one httpx client that POST
the same bodies and look at the status: no database, no look at what is there, nothing kept. The phone system is the
sandbox in a process of its own, emptied before each measurement.
"""

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, insert, select, update

from bench.report import Figure
from services.relay_client.archiving.archive import NoRelay
from services.relay_client.execution.execute import execute_stage
from shared import encryption
from shared.database.commands import command_values
from shared.database.engine import Database
from shared.database.tables import BindingRow, CommandRow, PartState, Run, RunState, SnapshotPart
from shared.domain.command import Command, CommandKind, FieldValue
from shared.migrate import migrate
from shared.process_settings import load
from shared.runs.start import RunRequest, start_run
from shared.settings import store
from shared.settings.documents import DirectorySettings, PhoneSystemSettings, UnitSettings
from shared.worker.app import create_app
from shared.worker.context import Context

CREATIONS = 2_000
LATENCY_MS = 20
REPEATS = 3
GOAL = 1.2
UNIT = "OU=Staff,DC=corp,DC=example,DC=test"


class _Silent(Context):
    """Publishes nothing: the next stage is called here."""

    def publish(self, messages: object, countdown: float = 0) -> None:
        """Do nothing."""


def measure() -> list[Figure]:
    """The best of three for each, taken in turns."""
    figures = []
    with running_phone_system() as phone_system:
        settings = PhoneSystemSettings.model_validate(phone_system)
        note = f"against {settings.concurrency} threads that only POST; {LATENCY_MS} ms an answer"
        for what, departments in (("creations", ()), ("creations with departments", ("DEFAULT",))):
            commands = [_creation(index, departments) for index in range(CREATIONS)]
            ours = reference = float("inf")
            for _repeat in range(REPEATS):
                reference = min(reference, _bare(settings, [_body(command) for command in commands]))
                ours = min(ours, _executed(settings, commands))
            figures.append(Figure(f"execute {CREATIONS:,} {what}", ours, reference, GOAL, note))
    return figures


@contextmanager
def running_phone_system(*options: str) -> Iterator[dict[str, str]]:
    """A sandbox in a process of its own; how to reach it."""
    command = [
        sys.executable,
        "-m",
        "services.sandbox",
        "phone-system",
        "--latency-ms",
        str(LATENCY_MS),
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield {name: ready[name] for name in ("base_url", "client_id", "client_secret")}
        finally:
            process.terminate()


def _empty(settings: PhoneSystemSettings) -> None:
    httpx.post(f"{settings.base_url}/sandbox/reset").raise_for_status()


def _check(settings: PhoneSystemSettings) -> None:
    found = httpx.get(f"{settings.base_url}/sandbox/state", params={"number": "0"}).json()["extensions"]
    if found != CREATIONS:
        raise AssertionError(f"{found} extensions were created, not {CREATIONS}")


def _creation(index: int, departments: tuple[str, ...]) -> Command:
    first, last, number = f"First{index % 997}", f"Last{index}", str(10_000 + index)
    placed: dict[str, FieldValue] = {}
    if departments:
        placed = {"departments": departments, "primary_department": departments[0]}
    return Command(
        sequence=index + 1,
        kind=CommandKind.CREATE_EXTENSION,
        reason=f"{first} {last} is in {UNIT} with number {number} and has no extension in 3CX.",
        number=number,
        person_guid=f"{index:08x}-0000-4000-8000-000000000000",
        person_name=f"{first} {last}",
        after={
            "number": number,
            "first_name": first,
            "last_name": last,
            "email": f"first.last{index}@corp.example.test",
            "mobile": f"+1801555{index:06d}",
            "enabled": True,
            **placed,
        },
        unit=UNIT,
        evidence="read complete from dc1",
    )


def _body(command: Command) -> dict[str, Any]:
    after = command.after
    placed = {"Groups": [{"GroupId": 1, "Rights": {"RoleName": "users"}}], "PrimaryGroupId": 1}
    return (placed if after.get("departments") else {}) | {
        "Number": after["number"],
        "FirstName": after["first_name"],
        "LastName": after["last_name"],
        "EmailAddress": after["email"],
        "Mobile": after["mobile"],
        "Enabled": after["enabled"],
    }


@contextmanager
def signed_in(settings: PhoneSystemSettings) -> Iterator[httpx.Client]:
    """A bare client with a token; whoever had one before has none any more."""
    given = {
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
        "grant_type": "client_credentials",
    }
    with httpx.Client(base_url=settings.base_url, timeout=30) as client:
        token = client.post("/connect/token", data=given).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def _bare(settings: PhoneSystemSettings, bodies: list[dict[str, Any]]) -> float:
    """Seconds of the bare loop; signing in is not counted."""
    _empty(settings)
    with signed_in(settings) as client:

        def _post(body: dict[str, Any]) -> None:
            client.post("/xapi/v1/Users", json=body).raise_for_status()

        gc.collect()
        began = time.perf_counter()
        with ThreadPoolExecutor(settings.concurrency) as pool:
            list(pool.map(_post, bodies))
        seconds = time.perf_counter() - began
    _check(settings)
    return seconds


def _executed(settings: PhoneSystemSettings, commands: list[Command]) -> float:
    """Seconds from the first stage to the run's end, on a new database that holds the plan."""
    _empty(settings)
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        process = load({}, data=Path(folder))
        database = Database(process.effective_database_url)
        migrate(database)
        context = _Silent(create_app(process), process, database, encryption.load(process))
        run_id = _planned(context, settings, commands)
        gc.collect()
        began = time.perf_counter()
        while _state(context, run_id) == RunState.EXECUTING:
            execute_stage(context, run_id, NoRelay())
        seconds = time.perf_counter() - began
        with database.read() as session:
            bound = session.scalar(select(func.count()).select_from(BindingRow))
        if _state(context, run_id) != RunState.DONE or bound != len(commands):
            raise AssertionError(f"the run is {_state(context, run_id)}, {bound} people have extensions")
        database.close()
    _check(settings)
    return seconds


def _planned(context: Context, settings: PhoneSystemSettings, commands: list[Command]) -> int:
    with context.database.begin() as session:
        directory = DirectorySettings(servers=("dc1",), units=(UnitSettings(dn=UNIT),))
        for document in (directory, settings):
            store.write(session, "default", document, actor="bench", encryption=context.encryption)
        run = start_run(session, RunRequest("default"), context.encryption)
        run.state = RunState.EXECUTING.value
        # What was just read: nobody is looked up again.
        session.flush()
        session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.run_id == run.id)
            .values(state=PartState.COMPLETE.value, completed_at=datetime.now(UTC))
        )
        session.execute(insert(CommandRow), [command_values(run.id, command) for command in commands])
        return run.id


def _state(context: Context, run_id: int) -> str:
    with context.database.read() as session:
        return session.get_one(Run, run_id).state
