"""A removal is owed from before its first write until it is done; tries are counted for each step; a reader may die."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from services.api.runs.use_cases.decisions import cancel
from services.relay_client.execution.claims import MAX_ATTEMPTS
from services.relay_client.execution.execute import execute_stage
from services.relay_client.execution.readback import read_back
from shared.database import owed
from shared.database.tables import OwedSteps
from shared.domain.command import Command, CommandKind
from shared.errors import PhoneSystemBusy
from tests.integration.relay_client.conftest import Bench, VerifyingArchiver, change, creation
from tests.support.waiting import wait_until

ON, OFF = {"number": "103", "enabled": True}, {"number": "103", "enabled": False}


def _removal(bench: Bench) -> list[Command]:
    return [
        change(bench, CommandKind.DISABLE_EXTENSION, "103", ON, {"enabled": False}),
        change(bench, CommandKind.ARCHIVE_EXTENSION, "103", OFF, {"archive": "109"}, requires=(1,)),
        change(bench, CommandKind.DELETE_EXTENSION, "103", OFF, {}, requires=(2,)),
    ]


def _owed(bench: Bench) -> list[tuple[str, str, str | None]]:
    with bench.context.database.read() as session:
        return [(row.number, row.owes, row.answer) for row in session.scalars(select(OwedSteps))]


def test_a_removal_is_owed_from_before_its_first_write_until_the_extension_is_gone(bench: Bench) -> None:
    run_id = bench.start(_removal(bench))
    seen = []
    bench.archiver = archiver = VerifyingArchiver()
    archive = archiver.archive

    def _looking(request: Any) -> Any:
        seen.extend(_owed(bench))
        return archive(request)

    archiver.archive = _looking  # type: ignore[method-assign]
    execute_stage(bench.context, run_id, archiver)
    assert _owed(bench) == [("103", "removal", None)]
    bench.drain(run_id)
    assert (seen, _owed(bench)) == ([("103", "removal", None)], [])


def test_an_archive_that_fails_leaves_the_removal_owed_with_the_answer(bench: Bench) -> None:
    bench.archiver = VerifyingArchiver(is_verified=False)
    bench.execute(*_removal(bench))
    ((number, owes, answer),) = _owed(bench)
    assert (number, owes) == ("103", "removal")
    assert "could not be archived safely. " in (answer or "")


def test_a_disabling_alone_is_owed_nothing_when_it_is_done(bench: Bench) -> None:
    run_id = bench.start(_removal(bench)[:1])
    bench.drain(run_id)
    assert _owed(bench) == []


def test_what_a_run_noted_and_did_not_begin_is_forgotten_at_its_end(bench: Bench) -> None:
    commands = _removal(bench)
    bench.phone_system.state.change_user(bench.id_of("103"), {"FirstName": "Other"}, is_counted=False)
    named = {**ON, "first_name": "Existing3"}
    commands[0] = change(bench, CommandKind.DISABLE_EXTENSION, "103", named, {"enabled": False})
    rows = bench.execute(*commands)
    assert [row.state for row in rows] == ["outdated", "skipped", "skipped"]
    assert _owed(bench) == []


def test_a_take_over_is_owed_to_the_successor(bench: Bench) -> None:
    taken = change(
        bench, CommandKind.REBIND_EXTENSION, "103", OFF, {"previous_person": "guid-103"}, requires=(2,)
    )
    run_id = bench.start([*_removal(bench)[:2], _for(taken, "guid-9", "Nora")])
    execute_stage(bench.context, run_id, bench.archiver)
    with bench.context.database.read() as session:
        (row,) = session.scalars(select(OwedSteps))
    assert (row.owes, row.person_guid, row.person_name) == ("take_over", "guid-9", "Nora")


def _for(command: Command, guid: str, name: str) -> Command:
    return replace(command, person_guid=guid, person_name=name)


@pytest.mark.parametrize("tries", [{"its settings": MAX_ATTEMPTS}, {"its forwarding": MAX_ATTEMPTS}], ids=str)
def test_a_step_that_ended_its_worker_too_often_is_not_tried_and_one_behind_it_is(
    bench: Bench, tries: Mapping[str, int]
) -> None:
    bench.phone_system.state.change_user(bench.id_of("100"), {"RecordCalls": True}, is_counted=False)
    command = creation(1, template="100")
    run_id = bench.start([command])
    with bench.context.database.begin() as session:
        owed.begin(session, "default", run_id, [command])
        session.execute(update(OwedSteps).values(tries=dict(tries)))
    with bench.xapi() as xapi:
        xapi.create_user({"Number": "201", "FirstName": "Anna1", "LastName": "Berg"})
    # Far more deaths than a step may have; the command as a whole does not count them.
    bench.leave_running(run_id, attempts=3 * MAX_ATTEMPTS)
    bench.drain(run_id)
    (row,) = bench.rows(run_id)
    is_given_up = "its settings" in tries
    assert (row.state, row.error_code) == (("failed", "given_up") if is_given_up else ("done", None))
    assert bench.user("201")["RecordCalls"] is not is_given_up


def test_a_try_that_a_living_worker_gives_back_is_not_counted(bench: Bench) -> None:
    bench.phone_system.state.change_user(bench.id_of("100"), {"RecordCalls": True}, is_counted=False)
    command = creation(1, template="100")
    run_id = bench.start([command])
    with bench.context.database.begin() as session:
        owed.begin(session, "default", run_id, [command])
    bench.leave_running(run_id)
    away = {
        "kind": "status",
        "status": 429,
        "retry_after": 0.01,
        "method": "POST",
        "path": "^/Users",
        "times": 8,
    }
    bench.phone_system.faults.add(away)
    with pytest.raises(PhoneSystemBusy):
        execute_stage(bench.context, run_id, bench.archiver)
    with bench.context.database.read() as session:
        assert session.scalars(select(OwedSteps.tries)).one() == {"the extension": 0}
    bench.drain(run_id)
    assert [row.state for row in bench.rows(run_id)] == ["done"]


_READER = """
import sys
from pathlib import Path
from services.relay_client.execution.readback import read_back
from services.relay_client.xapi.client import Xapi
from shared import encryption
from shared.database.engine import Database
from shared.settings import store
from shared.worker.app import create_app
from shared.worker.context import Context
from shared.process_settings import load

process = load({}, data=Path(sys.argv[1]), database_url=sys.argv[2], lease_seconds=1)
database, secrets = Database(process.effective_database_url), encryption.load(process)
context = Context(create_app(process), process, database, secrets)
with database.read() as session:
    settings = store.read(session, "default", secrets).settings.phone_system
with Xapi(settings, database, secrets) as xapi:
    read_back(context, "default", xapi)
"""


def test_a_reader_killed_in_the_middle_of_a_read_back_changes_nothing_and_the_next_one_does_it_once(
    bench: Bench,
) -> None:
    bench.configure(timeout_seconds=30)
    bench.execute(change(bench, CommandKind.ADOPT_EXTENSION, "103", {"number": "103"}, {}))
    run_id = bench.start([change(bench, CommandKind.DISABLE_EXTENSION, "103", ON, {"enabled": False})])
    bench.leave_running(run_id)
    bench.phone_system.state.change_user(bench.id_of("103"), {"Enabled": False}, is_counted=False)
    cancel(bench.context, run_id, "test")
    said = bench.log()
    faults = bench.phone_system.faults
    faults.add({"kind": "hold_after", "method": "GET", "path": "^/Users"})
    process = bench.context.settings
    arguments = str(process.data), process.effective_database_url
    reader = subprocess.Popen([sys.executable, "-c", _READER, *arguments])
    try:
        wait_until("the reader reads", lambda: faults.held)
    finally:
        reader.kill()
        reader.wait()
    httpx.post(f"{bench.base_url}/sandbox/release").raise_for_status()
    assert ([row.error_code for row in bench.rows(run_id)], bench.log()) == (["outcome_unknown"], said)
    for _again in range(2):
        with bench.xapi() as xapi:
            read_back(bench.context, "default", xapi)
    assert [row.state for row in bench.rows(run_id)] == ["done"]
    assert bench.bindings()["guid-103"][2] is True
    assert bench.log().count("Disabled extension 103 (Somebody).") == 1
