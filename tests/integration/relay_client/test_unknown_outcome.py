"""Connections that break off, servers in trouble, workers that died: read back, and every change made exactly once."""

from collections.abc import Callable
from typing import Any

import pytest

from services.relay_client.execution.execute import execute_stage
from shared.domain.command import Command, CommandKind
from shared.errors import PhoneSystemUnavailable
from shared.runs.undo import done_commands, has_done_something
from tests.integration.relay_client.conftest import Bench, change, creation


def renumbering(bench: Bench) -> Command:
    """Extension 104 becomes 204 and keeps its e-mail address."""
    after = {
        "number": "204",
        "first_name": "Existing4",
        "last_name": "Extension",
        "email": bench.user("104")["EmailAddress"],
        "enabled": True,
    }
    return Command(
        0, CommandKind.RENUMBER_EXTENSION, "test", "204", "guid-4", "Existing4", bench.id_of("104"),
        before={"number": "104"}, after=after,
    )  # fmt: skip


def _with_department(bench: Bench) -> Command:
    bench.phone_system.state.add_group({"Name": "Sales"}, is_counted=False)
    return creation(1, template="100", departments=("Sales",), primary_department="Sales")


def _disabled(bench: Bench, number: str) -> None:
    bench.phone_system.state.change_user(bench.id_of(number), {"Enabled": False}, is_counted=False)


def _enabling(bench: Bench) -> Command:
    _disabled(bench, "101")
    return change(bench, CommandKind.ENABLE_EXTENSION, "101", {"enabled": False}, {"enabled": True})


def _deletion(bench: Bench) -> Command:
    _disabled(bench, "101")
    return change(bench, CommandKind.DELETE_EXTENSION, "101", {"number": "101", "enabled": False}, {})


WRITES: dict[str, Callable[[Bench], Command]] = {
    "group": lambda _bench: Command(0, CommandKind.CREATE_DEPARTMENT, "test", after={"name": "Sales"}),
    "create": _with_department,
    "renumber": renumbering,
    "update": lambda bench: change(
        bench, CommandKind.UPDATE_EXTENSION, "101", {"first_name": "Existing1"}, {"first_name": "Eva"}
    ),
    "enable": _enabling,
    "disable": lambda bench: change(
        bench, CommandKind.DISABLE_EXTENSION, "101", {"enabled": True}, {"enabled": False}
    ),
    "delete": _deletion,
}
# How many requests that change something each of them makes at least.
STEPS = {"group": 1, "create": 3, "renumber": 5, "update": 1, "enable": 1, "disable": 1, "delete": 1}
ANSWERS: dict[str, dict[str, Any]] = {
    "dropped before": {"kind": "drop_before"},
    "dropped after": {"kind": "drop_after"},
    "a proxy's page": {"kind": "status", "status": 502, "body": "html"},
    "a proxy's page with 200": {"kind": "status", "status": 200, "body": "html"},
    "nothing but 500": {"kind": "status", "status": 500, "body": "empty"},
    "503": {"kind": "status", "status": 503, "body": "odata", "retry_after": 0.05},
    "429": {"kind": "status", "status": 429, "body": "empty", "retry_after": 0.05},
}
# Every answer to every first request; further ones are dropped, which is the hardest of them.
CASES = [(write, 0, answer) for write in STEPS for answer in ANSWERS] + [
    (write, step, answer)
    for write, steps in STEPS.items()
    for step in range(1, steps)
    for answer in ("dropped before", "dropped after")
]


def _assert_changed_once(bench: Bench, write: str) -> None:
    """Each thing created and deleted once, and no field of an extension really changed twice."""
    calls = bench.phone_system.state.calls
    for operation in ("create_user", "create_group", "delete_user"):
        assert all(len(done) == 1 for done in calls.get(operation, {}).values()), calls
    assert len(calls.get("create_user", {})) == (write in ("create", "renumber"))
    assert len(calls.get("create_group", {})) == (write == "group")
    assert len(calls.get("delete_user", {})) == (write == "delete")
    for fields in bench.changed("update_user").values():
        assert len(fields) == len(set(fields)), fields


def _assert_effect(bench: Bench, write: str) -> None:
    state = bench.phone_system.state
    match write:
        case "group":
            assert [group["Name"] for group in state.groups.values()] == ["DEFAULT", "Sales"]
        case "create":
            user = bench.user("201")
            assert (user["RecordCalls"], user["PrimaryGroupId"], len(user["Groups"])) == (True, 2, 1)
            assert bench.bindings()["guid-1"][:2] == (user["Id"], "201")
        case "renumber":
            user = bench.user("204")
            assert (user["RecordCalls"], user["EmailAddress"]) == (True, "existing4@sandbox.example.test")
            assert bench.user("104")["EmailAddress"] == ""
            assert bench.bindings()["guid-4"][:2] == (user["Id"], "204")
        case "update":
            assert bench.user("101")["FirstName"] == "Eva"
        case "enable" | "disable":
            assert bench.user("101")["Enabled"] == (write == "enable")
        case "delete":
            assert "101" not in state.user_by_number


@pytest.fixture
def prepared(bench: Bench) -> Bench:
    """Templates with a setting to copy."""
    for number in ("100", "104"):
        bench.phone_system.state.change_user(bench.id_of(number), {"RecordCalls": True}, is_counted=False)
    return bench


@pytest.mark.parametrize(
    ("write", "step", "answer"), CASES, ids=[f"{write} {step}, {answer}" for write, step, answer in CASES]
)
def test_whatever_becomes_of_a_request_every_change_is_made_exactly_once(
    prepared: Bench, write: str, step: int, answer: str
) -> None:
    command = WRITES[write](prepared)
    methods = {"group": "POST", "delete": "DELETE"}.get(write, "PATCH")
    if write in ("create", "renumber"):
        methods = "PATCH" if step else "POST"
    prepared.phone_system.faults.add(
        ANSWERS[answer] | {"path": "^/(Users|Groups)", "method": methods, "skip": max(step - 1, 0)}
    )
    (row,) = prepared.execute(command)
    assert row.state == "done", row.error_message
    assert prepared.phone_system.faults.fired == [ANSWERS[answer]["kind"]]
    _assert_changed_once(prepared, write)
    _assert_effect(prepared, write)


@pytest.mark.parametrize("was_done", [False, True], ids=["before it was sent", "after it took effect"])
@pytest.mark.parametrize("write", WRITES)
def test_what_a_dead_worker_left_in_hand_is_finished_and_not_done_twice(
    prepared: Bench, write: str, was_done: bool
) -> None:
    command = WRITES[write](prepared)
    if was_done:
        prepared.execute(command)
    run_id = prepared.start([command])
    prepared.leave_running(run_id)
    prepared.drain(run_id)
    (row,) = prepared.rows(run_id)
    assert row.state == "done", row.error_message
    assert row.result.get("was_so_already") is None
    _assert_changed_once(prepared, write)
    _assert_effect(prepared, write)


@pytest.mark.parametrize("step", range(STEPS["create"]))
def test_a_creation_that_a_dead_worker_began_is_finished_from_where_it_stood(
    prepared: Bench, step: int
) -> None:
    command = _with_department(prepared)
    state = prepared.phone_system.state
    made = state.add_user({"Number": "201", "FirstName": "Anna1", "LastName": "Berg"})["Id"]
    steps: list[dict[str, Any]] = [{"RecordCalls": True}, {"Groups": [{"GroupId": 2}]}, {"PrimaryGroupId": 2}]
    for body in steps[:step]:
        state.change_user(made, body)
    run_id = prepared.start([command])
    prepared.leave_running(run_id)
    prepared.drain(run_id)
    assert [row.state for row in prepared.rows(run_id)] == ["done"]
    _assert_changed_once(prepared, "create")
    _assert_effect(prepared, "create")


def test_what_was_disabled_by_a_worker_that_died_is_ours_to_enable_again(bench: Bench) -> None:
    bench.execute(change(bench, CommandKind.ADOPT_EXTENSION, "101", {"number": "101"}, {}))
    run_id = bench.start([WRITES["disable"](bench)])
    _disabled(bench, "101")
    bench.leave_running(run_id)
    bench.drain(run_id)
    assert bench.bindings()["guid-101"] == (bench.id_of("101"), "101", True)


def test_an_extension_of_the_same_number_that_we_did_not_make_is_not_taken_over(bench: Bench) -> None:
    bench.phone_system.state.add_user({"Number": "201", "FirstName": "Otto"}, is_counted=False)
    run_id = bench.start([creation(1)])
    bench.leave_running(run_id)
    bench.drain(run_id)
    assert [(row.state, row.error_code) for row in bench.rows(run_id)] == [("failed", "number_in_use")]
    assert not bench.bindings()


def test_a_command_that_keeps_killing_workers_is_given_up_and_the_rest_goes_on(bench: Bench) -> None:
    run_id = bench.start([creation(1)])
    bench.leave_running(run_id, attempts=3)
    bench.drain(run_id)
    assert [(row.state, row.error_code) for row in bench.rows(run_id)] == [("failed", "given_up")]
    assert not bench.phone_system.state.calls


def test_a_write_that_is_never_answered_fails_alone_when_the_phone_system_answers_otherwise(
    bench: Bench,
) -> None:
    cursed = f"^/Users\\({bench.id_of('101')}\\)$"
    fault = {
        "kind": "status",
        "status": 500,
        "body": "empty",
        "method": "PATCH",
        "path": cursed,
        "times": 1000,
    }
    bench.phone_system.faults.add(fault)
    rows = bench.execute(
        *(
            change(bench, CommandKind.DISABLE_EXTENSION, number, {"enabled": True}, {"enabled": False})
            for number in ("101", "102", "103")
        )
    )
    assert [row.state for row in rows] == ["failed", "done", "done"]
    assert rows[0].error_code == "unknown_outcome"
    assert "after 4 attempts" in (rows[0].error_message or "")
    assert "answered 500" in (rows[0].error_message or "")
    assert bench.phone_system.faults.fired == ["status"] * 4
    with bench.context.database.read() as session:
        assert [done.row.number for done in done_commands(session, rows[0].run_id)] == ["102", "103"]


@pytest.mark.parametrize("write", ["delete", "disable"])
def test_an_extension_that_an_answer_leaves_out_is_not_taken_to_be_gone(bench: Bench, write: str) -> None:
    run_id = bench.start([WRITES[write](bench)])
    bench.phone_system.faults.add({"kind": "lie", "how": "empty_page", "method": "GET", "path": "^/Users$"})
    with pytest.raises(PhoneSystemUnavailable):
        execute_stage(bench.context, run_id, bench.archiver)
    assert [row.state for row in bench.rows(run_id)] == ["pending"]
    bench.drain(run_id)
    assert [row.state for row in bench.rows(run_id)] == ["done"]
    _assert_changed_once(bench, write)
    _assert_effect(bench, write)


def test_a_creation_whose_settings_are_never_answered_belongs_to_its_person_and_is_not_made_again(
    prepared: Bench,
) -> None:
    bench = prepared
    fault = {"kind": "status", "status": 500, "body": "empty", "method": "PATCH", "times": 1000}
    bench.phone_system.faults.add(fault)
    (row,) = bench.execute(creation(1, template="100"))
    assert (row.state, row.error_code) == ("failed", "unknown_outcome")
    assert "Extension 201 was created" in (row.error_message or "")
    assert bench.bindings()["guid-1"][:2] == (bench.id_of("201"), "201")
    assert len(bench.calls("create_user")["201"]) == 1
    with bench.context.database.read() as session:
        (begun,) = done_commands(session, row.run_id)
        assert has_done_something(session, row.run_id)
    assert (begun.made, begun.is_partial) == (bench.id_of("201"), True)
