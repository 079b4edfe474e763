"""Creations of which a part is refused: nothing is made twice, nothing is lost, and it is said what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.sandbox.phone_system import PhoneSystemOptions
from shared.domain.command import Command, CommandKind
from tests.integration.relay_client.between import Answer, Between, Forward, Passing, between
from tests.integration.relay_client.conftest import Bench, change, creation
from tests.integration.relay_client.test_unknown_outcome import renumbering

REFUSED: dict[str, Any] = {
    "kind": "status",
    "status": 400,
    "body": "odata",
    "method": "PATCH",
    "path": "^/Users",
}
STEPS = {
    "its settings": "RecordCalls",
    "its forwarding": "ForwardingProfiles",
    "its departments": "Groups",
}


def _newcomer(bench: Bench) -> Command:
    bench.phone_system.state.add_group({"Name": "Sales"}, is_counted=False)
    bench.phone_system.state.change_user(bench.id_of("100"), {"RecordCalls": True}, is_counted=False)
    return creation(1, template="100", departments=("Sales",), primary_department="Sales")


@contextmanager
def refusing(bench: Bench, *fields: str) -> Iterator[Between]:
    """The phone system, refusing every write of these fields without saying which of them it means."""

    def _handle(passing: Passing, forward: Forward) -> Answer:
        is_refused = passing.method == "PATCH" and any(
            f'"{field}"'.encode() in passing.content for field in fields
        )
        return Answer(400, b'{"error": {"message": "No."}}') if is_refused else forward()

    with between(bench.base_url) as proxy:
        proxy.handling = _handle
        bench.configure(base_url=proxy.base_url)
        yield proxy
    bench.configure(base_url=bench.base_url)


@pytest.fixture
def options(release: str) -> PhoneSystemOptions:
    """One that wants departments in a step of their own."""
    return PhoneSystemOptions(extensions=10, release=release, departments_of_new="refused")


@pytest.mark.parametrize("step", STEPS)
def test_a_refused_step_keeps_neither_the_others_away_nor_the_extension_from_its_person(
    bench: Bench, step: str
) -> None:
    command, field = _newcomer(bench), STEPS[step]
    with refusing(bench, field):
        (row,) = bench.execute(command)
    assert (row.state, row.error_code) == ("failed", "partly_done")
    assert row.result["extension_id"] == bench.id_of(row.number)
    named = "" if field == "Groups" else f" ({field})"
    assert f"Extension 201 was created, but {step}{named} could not be written" in (row.error_message or "")
    assert bench.bindings()["guid-1"][:2] == (bench.id_of("201"), "201")
    user = bench.user("201")
    assert user["RecordCalls"] == (step != "its settings")
    # The primary department is accepted only of a member.
    assert (user["PrimaryGroupId"] == 2) == (step != "its departments")
    assert ("Also, its primary department" in (row.error_message or "")) == (step == "its departments")


def test_of_the_settings_only_what_is_refused_stays_away_and_is_named(bench: Bench) -> None:
    changed = {"SRTPMode": "SRTPEnforced", "Language": "DE", "VMEmailOptions": "Attachment"}
    command = _newcomer(bench)
    bench.phone_system.state.change_user(bench.id_of("100"), changed, is_counted=False)
    with refusing(bench, "RecordCalls", "Language") as proxy:
        (row,) = bench.execute(command)
    assert "its settings (RecordCalls, Language) could not be written" in (row.error_message or "")
    user = bench.user("201")
    assert (user["SRTPMode"], user["VMEmailOptions"]) == ("SRTPEnforced", "Attachment")
    assert (user["RecordCalls"], user["PrimaryGroupId"]) == (False, 2)
    writes = [passing for passing in proxy.requests if passing.method == "PATCH"]
    assert len(writes) < 30


def test_departments_that_were_refused_are_written_by_the_next_run_without_a_second_extension(
    bench: Bench,
) -> None:
    command = _newcomer(bench)
    bench.phone_system.faults.add(REFUSED | {"skip": 2})
    bench.execute(command)
    before = {"departments": ("DEFAULT",), "primary_department": "DEFAULT"}
    after = {"departments": ("Sales",), "primary_department": "Sales"}
    (row,) = bench.execute(change(bench, CommandKind.UPDATE_EXTENSION, "201", before, after))
    assert row.state == "done", row.error_message
    assert (bench.user("201")["PrimaryGroupId"], len(bench.calls("create_user")["201"])) == (2, 1)


def test_a_right_that_is_missing_for_one_extension_fails_that_command_only(bench: Bench) -> None:
    bench.phone_system.faults.add(
        REFUSED | {"status": 403, "body": "empty", "path": f"\\({bench.id_of('101')}\\)"}
    )
    rows = bench.execute(
        *(
            change(bench, CommandKind.DISABLE_EXTENSION, number, {"enabled": True}, {"enabled": False})
            for number in ("101", "102")
        )
    )
    assert [(row.state, row.error_code) for row in rows] == [
        ("failed", "insufficient_rights"),
        ("done", None),
    ]


def test_a_department_or_a_template_that_is_gone_creates_nothing(bench: Bench) -> None:
    rows = bench.execute(
        creation(1, departments=("Nowhere",), primary_department="Nowhere"), creation(2, template="999")
    )
    assert [row.state for row in rows] == ["failed", "failed"]
    assert "no department 'Nowhere'" in (rows[0].error_message or "")
    assert "template extension 999" in (rows[1].error_message or "")
    assert not bench.phone_system.state.calls
    assert not bench.bindings()


def test_a_department_made_by_somebody_else_meanwhile_is_used(bench: Bench) -> None:
    state = bench.phone_system.state
    fault = {"kind": "status", "status": 429, "retry_after": 0.05, "method": "POST", "path": "^/Groups"}
    bench.phone_system.faults.add(fault)
    state.add_group({"Name": "SALES"}, is_counted=False)
    rows = bench.execute(
        Command(0, CommandKind.CREATE_DEPARTMENT, "test", after={"name": "Sales"}),
        creation(1, departments=("Sales",), primary_department="Sales"),
    )
    assert [row.state for row in rows] == ["done", "done"]
    assert bench.user("201")["PrimaryGroupId"] == 2


def test_a_renumbering_that_is_refused_leaves_the_old_extension_as_it_was(bench: Bench) -> None:
    before = dict(bench.user("104"))
    taken = renumbering(bench)
    to_a_queue = Command(
        0, CommandKind.RENUMBER_EXTENSION, "test", "800", "guid-4", "Existing4", taken.extension_id,
        before=taken.before, after={**taken.after, "number": "800"},
    )  # fmt: skip
    rows = bench.execute(
        to_a_queue,
        change(bench, CommandKind.DISABLE_EXTENSION, "104", {"enabled": True}, {"enabled": False}, requires=(1,)),
        change(bench, CommandKind.DELETE_EXTENSION, "104", {"number": "104", "enabled": False}, {}, requires=(2,)),
    )  # fmt: skip
    assert [(row.state, row.error_code) for row in rows] == [
        ("failed", "number_in_use"),
        ("skipped", "requirement_not_done"),
        ("skipped", "requirement_not_done"),
    ]
    assert bench.user("104") == before
    assert not bench.phone_system.state.calls


def test_a_renumbering_of_which_a_part_is_refused_keeps_the_old_extension_and_says_so(bench: Bench) -> None:
    # Freed, given, and then the settings.
    bench.phone_system.faults.add(REFUSED | {"skip": 2, "times": 1000})
    rows = bench.execute(
        renumbering(bench),
        change(bench, CommandKind.DISABLE_EXTENSION, "104", {"enabled": True}, {"enabled": False}, requires=(1,)),
    )  # fmt: skip
    assert [row.state for row in rows] == ["failed", "skipped"]
    assert "Extension 104 was kept. Delete it manually when 204 is complete." in (rows[0].error_message or "")
    assert bench.user("104")["Enabled"] is True
    assert bench.bindings()["guid-4"][1] == "204"


def test_a_renumbering_to_another_e_mail_leaves_the_old_one_where_it_was(bench: Bench) -> None:
    command = renumbering(bench)
    changed = Command(
        0, command.kind, "test", "204", "guid-4", "Existing4", command.extension_id,
        before=command.before, after={**command.after, "email": "new@corp.example.test"},
    )  # fmt: skip
    (row,) = bench.execute(changed)
    assert row.state == "done"
    assert bench.user("204")["EmailAddress"] == "new@corp.example.test"
    assert bench.user("104")["EmailAddress"] == "existing4@sandbox.example.test"


@pytest.mark.parametrize(("allowed", "given"), [(["users"], "users"), (["users", "managers"], "managers")])
def test_the_role_of_a_template_is_given_only_when_the_administrator_lists_it(
    bench: Bench, allowed: list[str], given: str
) -> None:
    bench.configure(allowed_roles=allowed)
    bench.phone_system.state.change_user(
        bench.id_of("100"), {"Groups": [{"GroupId": 1, "Rights": {"RoleName": "managers"}}]}, is_counted=False
    )
    bench.execute(creation(1, template="100"))
    assert [group["Rights"]["RoleName"] for group in bench.user("201")["Groups"]] == [given]
