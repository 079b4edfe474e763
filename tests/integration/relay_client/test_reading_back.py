"""What had been begun when a run ended is read back by the next one, and told once, as what it was."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from services.api.runs.use_cases.decisions import cancel
from services.relay_client.execution.execute import execute_stage, executor_lease
from services.relay_client.execution.readback import read_back
from services.relay_client.snapshot import snapshot_extensions
from shared.database.tables import PartKind, Run, RunState, SnapshotPart
from shared.domain.command import Command, CommandKind
from shared.errors import AddressUnknown, PhoneSystemBusy
from shared.runs.start import RunRequest, start_run
from shared.runs.undo import done_commands, has_done_something
from shared.work import leases
from tests.integration.relay_client.between import Answer, between
from tests.integration.relay_client.conftest import Bench, change, creation

LOST: dict[str, Any] = {"kind": "drop_after", "method": "PATCH", "path": "^/Users"}
MAINTENANCE = Answer(302, headers={"Location": "https://elsewhere.example.test/"})


def _read_back(bench: Bench) -> None:
    with bench.xapi() as xapi:
        read_back(bench.context, "default", xapi)


def _interrupted(bench: Bench, command: Command) -> int:
    """A run in which the command took effect, and of which nobody was told before it was cancelled."""
    run_id = bench.start([command])
    bench.leave_running(run_id)
    cancel(bench.context, run_id, "test")
    return run_id


def _apply(bench: Bench, number: str, fields: dict[str, Any]) -> None:
    bench.phone_system.state.change_user(bench.id_of(number), fields, is_counted=False)


def _disabling(bench: Bench) -> Command:
    before = {"number": "103", "enabled": True}
    return change(bench, CommandKind.DISABLE_EXTENSION, "103", before, {"enabled": False})


def _bind(bench: Bench, number: str) -> None:
    known = {"number": number, "first_name": bench.user(number)["FirstName"]}
    bench.execute(change(bench, CommandKind.ADOPT_EXTENSION, number, known, {}))


def test_a_disabling_that_took_effect_is_rollcalls_own_and_stands_in_the_log_with_its_run(
    bench: Bench,
) -> None:
    _bind(bench, "103")
    run_id = _interrupted(bench, _disabling(bench))
    _apply(bench, "103", {"Enabled": False})
    _read_back(bench)
    assert [(row.state, row.error_code) for row in bench.rows(run_id)] == [("done", None)]
    assert bench.bindings()["guid-103"][2] is True
    assert bench.log().count("Disabled extension 103 (Somebody).") == 1
    said = bench.log()
    _read_back(bench)
    assert bench.log() == said


def test_what_had_not_taken_effect_is_said_not_to_have(bench: Bench) -> None:
    _bind(bench, "103")
    run_id = _interrupted(bench, _disabling(bench))
    _read_back(bench)
    assert [(row.state, row.error_code) for row in bench.rows(run_id)] == [("skipped", "no_effect")]
    assert bench.bindings()["guid-103"][2] is False
    assert bench.log()[-1].startswith("Not done: disable extension 103 (Somebody). Read back:")


def test_a_creation_that_took_effect_binds_its_person(bench: Bench) -> None:
    run_id = _interrupted(bench, creation(1))
    _apply_creation(bench)
    _read_back(bench)
    assert [row.state for row in bench.rows(run_id)] == ["done"]
    assert bench.bindings()["guid-1"][:2] == (bench.id_of("201"), "201")
    assert bench.log().count("Created extension 201 for Anna1 Berg.") == 1


def _apply_creation(bench: Bench) -> None:
    with bench.xapi() as xapi:
        xapi.create_user({"Number": "201", "FirstName": "Anna1", "LastName": "Berg"})


def test_a_number_that_somebody_else_has_meanwhile_is_not_taken_for_the_creation(bench: Bench) -> None:
    run_id = _interrupted(bench, creation(1))
    with bench.xapi() as xapi:
        xapi.create_user({"Number": "201", "FirstName": "Carl", "LastName": "Other"})
    _read_back(bench)
    assert [row.state for row in bench.rows(run_id)] == ["skipped"]
    assert "guid-1" not in bench.bindings()


def test_a_deletion_that_took_effect_ends_the_binding(bench: Bench) -> None:
    _bind(bench, "103")
    run_id = _interrupted(bench, change(bench, CommandKind.DELETE_EXTENSION, "103", {"number": "103"}, {}))
    bench.phone_system.state.remove_user(bench.id_of("103"))
    _read_back(bench)
    assert [row.state for row in bench.rows(run_id)] == ["done"]
    assert "guid-103" not in bench.bindings()
    assert bench.log()[-1] == "Deleted extension 103 (Somebody)."


def test_of_an_update_the_log_tells_what_was_written_and_what_not(bench: Bench) -> None:
    before = {"first_name": "Existing3", "mobile": bench.user("103")["Mobile"] or ""}
    after = {"first_name": "Carla", "mobile": "+491"}
    run_id = _interrupted(bench, change(bench, CommandKind.UPDATE_EXTENSION, "103", before, after))
    _apply(bench, "103", {"FirstName": "Carla"})
    with bench.context.database.read() as session:
        assert has_done_something(session, run_id)
    _read_back(bench)
    assert [(row.state, row.error_code) for row in bench.rows(run_id)] == [("failed", "unfinished")]
    assert bench.log()[-2] == "Updated extension 103 (Somebody): first name."
    assert bench.log()[-1].startswith("Not finished: update extension 103 (Somebody).")
    with bench.context.database.read() as session:
        (done,) = done_commands(session, run_id)
        assert has_done_something(session, run_id)
    assert done.command.after == {"first_name": "Carla"}


def test_an_answer_that_was_lost_before_a_maintenance_page_is_read_back_when_it_is_gone(bench: Bench) -> None:
    _bind(bench, "103")
    run_id = bench.start([_disabling(bench)])
    bench.phone_system.faults.add(LOST)
    with between(bench.base_url) as proxy:
        bench.configure(base_url=proxy.base_url)
        proxy.handling = lambda passing, forward: (
            MAINTENANCE if "drop_after" in bench.phone_system.faults.fired else forward()
        )
        with pytest.raises(AddressUnknown):
            execute_stage(bench.context, run_id, bench.archiver)
    bench.configure(base_url=bench.base_url)
    assert [row.error_code for row in bench.rows(run_id)] == ["outcome_unknown"]
    with bench.context.database.begin() as session:
        start_run(session, RunRequest("default"), bench.context.encryption)
        part = select(SnapshotPart.id).where(SnapshotPart.kind == PartKind.EXTENSIONS.value)
        part_id = session.scalars(part.order_by(SnapshotPart.id.desc())).first()
    assert part_id is not None
    snapshot_extensions(bench.context, part_id)
    assert [row.state for row in bench.rows(run_id)] == ["done"]
    assert bench.bindings()["guid-103"][2] is True


def test_a_command_whose_worker_died_too_often_is_read_back_before_it_is_given_up(bench: Bench) -> None:
    run_id = bench.start([_disabling(bench)])
    bench.leave_running(run_id, attempts=3)
    _apply(bench, "103", {"Enabled": False})
    bench.drain(run_id)
    assert [row.state for row in bench.rows(run_id)] == ["done"]


def test_nothing_is_read_back_while_another_worker_may_be_at_it(bench: Bench) -> None:
    run_id = _interrupted(bench, _disabling(bench))
    bench.context = _hurried(bench)
    name = executor_lease(bench.settings())
    with leases.hold(bench.context.database, name, "somebody else", 5), pytest.raises(PhoneSystemBusy):
        _read_back(bench)
    assert [row.error_code for row in bench.rows(run_id)] == ["outcome_unknown"]


def test_a_run_that_is_still_executed_keeps_its_commands(bench: Bench) -> None:
    run_id = bench.start([_disabling(bench)])
    bench.leave_running(run_id)
    _read_back(bench)
    with bench.context.database.read() as session:
        assert session.get_one(Run, run_id).state == RunState.EXECUTING
    assert [row.state for row in bench.rows(run_id)] == ["running"]


def _hurried(bench: Bench) -> Any:
    settings = bench.context.settings.model_copy(update={"task_seconds": 0.3})
    return replace(bench.context, settings=settings)
