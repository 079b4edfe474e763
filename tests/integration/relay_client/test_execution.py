"""Every kind of command against the phone system, as planned and when something else is there than was planned."""

from typing import Any

import pytest

from services.api.settings.use_cases.sections import apply_settings
from services.relay_client.archiving.archive import NoRelay
from services.relay_client.execution.execute import execute_stage, executor_lease
from services.sandbox.phone_system import PhoneSystemOptions
from shared.domain.command import Command, CommandKind
from shared.errors import LeaseHeld
from shared.work import leases
from tests.integration.relay_client.conftest import Bench, VerifyingArchiver, change, creation
from tests.support.releases import every_release

pytestmark = pytest.mark.every_database


def test_a_created_extension_has_its_fields_and_belongs_to_its_person(bench: Bench) -> None:
    (row,) = bench.execute(creation(1, mobile="+1 801 555 0123"))
    assert row.state == "done"
    user = bench.user("201")
    assert (user["FirstName"], user["LastName"], user["Mobile"]) == ("Anna1", "Berg", "+1 801 555 0123")
    assert bench.bindings() == {"guid-1": (user["Id"], "201", False)}
    assert "Created extension 201 for Anna1 Berg." in bench.log()


@every_release
def test_a_template_gives_its_settings_but_neither_its_secrets_nor_its_power(bench: Bench) -> None:
    state = bench.phone_system.state
    state.add_group({"Name": "Sales"})
    state.change_user(
        bench.id_of("100"),
        {
            "RecordCalls": True,
            "OutboundCallerID": "+18015550100",
            "Blfs": '<BLFS><BLF number="100"/><BLF number="105"/></BLFS>',
            "VMPIN": "424242",
            "Groups": [
                {"GroupId": 1, "Rights": {"RoleName": "system_owners"}},
                {"GroupId": 2, "Rights": {"RoleName": "users"}},
            ],
        },
    )
    state.change_user(bench.id_of("100"), {"PrimaryGroupId": 2})
    (row,) = bench.execute(creation(1, template="100"))
    assert row.state == "done", row.error_message
    user = bench.user("201")
    assert user["RecordCalls"] is True
    assert user["OutboundCallerID"] == ""
    assert user["VMPIN"] != "424242"
    assert user["Blfs"] == '<BLFS><BLF number="201"/><BLF number="105"/></BLFS>'
    assert user["PrimaryGroupId"] == 2
    roles = {group["GroupId"]: group["Rights"]["RoleName"] for group in user["Groups"]}
    assert roles == {1: "users", 2: "users"}
    voicemail = user["ForwardingProfiles"][0]["AvailableRoute"]["NoAnswerInternal"]
    assert voicemail["Number"] == "201"


@every_release
def test_departments_are_created_once_and_used(bench: Bench) -> None:
    rows = bench.execute(
        Command(0, CommandKind.CREATE_DEPARTMENT, "test", after={"name": "Sales"}),
        creation(1, departments=("Sales",), primary_department="Sales"),
    )
    assert [row.state for row in rows] == ["done", "done"], [row.error_message for row in rows]
    user = bench.user("201")
    assert [group["GroupId"] for group in user["Groups"]] == [2]
    assert user["PrimaryGroupId"] == 2


def test_an_update_writes_the_changed_fields_only(bench: Bench) -> None:
    before = {"first_name": "Existing1", "email": "existing1@sandbox.example.test"}
    (row,) = bench.execute(
        change(
            bench, CommandKind.UPDATE_EXTENSION, "101", before, {"first_name": "Eva", "email": "eva@x.test"}
        )
    )
    assert row.state == "done"
    assert bench.calls("update_user") == {"101": [{"fields": ["EmailAddress", "FirstName"], "changed": True}]}


def test_moving_to_another_department_keeps_the_rights_of_those_that_stay(bench: Bench) -> None:
    state = bench.phone_system.state
    state.add_group({"Name": "Sales"})
    rights = {"RoleName": "managers", "AllowIVR": True}
    state.change_user(bench.id_of("101"), {"Groups": [{"GroupId": 1, "Rights": rights}]})
    before = {"departments": ("DEFAULT",), "primary_department": "DEFAULT"}
    after = {"departments": ("DEFAULT", "Sales"), "primary_department": "Sales"}
    (row,) = bench.execute(change(bench, CommandKind.UPDATE_EXTENSION, "101", before, after))
    assert row.state == "done", row.error_message
    user = bench.user("101")
    assert user["Groups"][0] == {"GroupId": 1, "Rights": rights}
    assert user["PrimaryGroupId"] == 2


@every_release
def test_someone_who_leaves_is_disabled_then_archived_then_deleted(bench: Bench) -> None:
    gone = {"number": "103", "enabled": False}
    rows = bench.execute(
        change(bench, CommandKind.DISABLE_EXTENSION, "103", {"enabled": True}, {"enabled": False}),
        change(bench, CommandKind.ARCHIVE_EXTENSION, "103", gone, {"archive": "109"}, requires=(1,)),
        change(bench, CommandKind.DELETE_EXTENSION, "103", gone, {}, requires=(2,)),
    )
    assert [row.state for row in rows] == ["done"] * 3
    assert "103" not in bench.phone_system.state.user_by_number
    assert bench.archiver.archived == ["103"]


@pytest.mark.parametrize(
    "archiver", [VerifyingArchiver(is_verified=False), None], ids=["unverified", "no relay"]
)
def test_an_extension_is_deleted_only_after_its_archive_was_verified(bench: Bench, archiver: Any) -> None:
    bench.archiver = archiver or NoRelay()
    gone = {"number": "103", "enabled": False}
    rows = bench.execute(
        change(bench, CommandKind.DISABLE_EXTENSION, "103", {"enabled": True}, {"enabled": False}),
        change(bench, CommandKind.ARCHIVE_EXTENSION, "103", gone, {"archive": "109"}, requires=(1,)),
        # Even if the plan forgot the requirement.
        change(bench, CommandKind.DELETE_EXTENSION, "103", gone, {}),
    )
    assert [row.state for row in rows] == ["done", "failed", "skipped"]
    assert bench.user("103")["Enabled"] is False
    assert "archive" in (rows[2].error_message or "")
    assert "not deleted" in (rows[1].error_message or "")


@every_release
def test_a_renumbering_takes_everything_along_and_leaves_nothing_behind(bench: Bench) -> None:
    state = bench.phone_system.state
    old = bench.id_of("104")
    state.change_user(
        old,
        {"RecordCalls": True, "Groups": [{"GroupId": 1, "Rights": {"RoleName": "managers"}}]},
    )
    email = bench.user("104")["EmailAddress"]
    after = {
        "number": "204",
        "first_name": "Existing4",
        "last_name": "Extension",
        "email": email,
        "enabled": True,
    }
    gone = {"number": "104", "enabled": False}
    rows = bench.execute(
        Command(
            0, CommandKind.RENUMBER_EXTENSION, "test", "204", "guid-4", "Existing4", old,
            before={"number": "104"}, after=after,
        ),
        change(bench, CommandKind.DISABLE_EXTENSION, "104", {"enabled": True}, {"enabled": False}, requires=(1,)),
        change(bench, CommandKind.DELETE_EXTENSION, "104", gone, {}, requires=(2,)),
    )  # fmt: skip
    assert [row.state for row in rows] == ["done"] * 3, [row.error_message for row in rows]
    user = bench.user("204")
    assert user["EmailAddress"] == email
    assert user["RecordCalls"] is True
    assert user["Groups"] == [{"GroupId": 1, "Rights": {"RoleName": "managers"}}]
    assert "104" not in state.user_by_number
    assert bench.bindings() == {"guid-4": (user["Id"], "204", False)}


def test_adopting_changes_nothing_in_the_phone_system(bench: Bench) -> None:
    before = {"number": "105", "first_name": "Existing5", "last_name": "Extension"}
    (row,) = bench.execute(change(bench, CommandKind.ADOPT_EXTENSION, "105", before, {}))
    assert row.state == "done"
    assert bench.bindings() == {"guid-105": (bench.id_of("105"), "105", False)}
    assert not bench.phone_system.state.calls


def test_what_someone_changed_by_hand_after_the_plan_is_left_alone(bench: Bench) -> None:
    command = change(
        bench, CommandKind.UPDATE_EXTENSION, "101", {"first_name": "Existing1"}, {"first_name": "Eva"}
    )
    bench.phone_system.state.change_user(bench.id_of("101"), {"FirstName": "Edna"})
    (row,) = bench.execute(command)
    assert row.state == "outdated"
    assert "Edna" in (row.error_message or "")
    assert bench.user("101")["FirstName"] == "Edna"


def test_an_extension_enabled_again_by_hand_is_not_deleted(bench: Bench) -> None:
    (row,) = bench.execute(
        change(bench, CommandKind.DELETE_EXTENSION, "101", {"number": "101", "enabled": False}, {})
    )
    assert row.state == "outdated"
    assert "101" in bench.phone_system.state.user_by_number


def test_a_number_taken_meanwhile_is_not_given_twice(bench: Bench) -> None:
    bench.phone_system.state.add_user({"Number": "201", "FirstName": "Other"})
    (row,) = bench.execute(creation(1))
    assert (row.state, row.error_code) == ("failed", "number_in_use")
    assert bench.bindings() == {}


def test_the_e_mail_of_another_extension_fails_that_command_only(bench: Bench) -> None:
    rows = bench.execute(creation(1, email="existing1@sandbox.example.test"), creation(2))
    assert [(row.state, row.error_code) for row in rows] == [("failed", "email_in_use"), ("done", None)]


class TestLicence:
    """A phone system with two extensions left."""

    @pytest.fixture
    def options(self, release: str) -> PhoneSystemOptions:
        return PhoneSystemOptions(extensions=10, max_extensions=12, release=release)

    def test_the_licence_s_limit_is_said_and_the_rest_stands(self, bench: Bench) -> None:
        rows = bench.execute(*(creation(index) for index in range(1, 5)))
        assert sorted(row.state for row in rows) == ["done", "done", "failed", "failed"]
        assert {row.error_code for row in rows} == {None, "licence_limit_reached"}


def test_a_second_executor_at_the_same_phone_system_leaves_the_work_to_the_first(bench: Bench) -> None:
    run_id = bench.start([creation(1)])
    assert leases.take(bench.context.database, executor_lease(bench.settings()), "another worker", 60)
    with pytest.raises(LeaseHeld):
        execute_stage(bench.context, run_id, bench.archiver)
    assert not bench.phone_system.state.calls


def test_a_cancelled_run_executes_nothing_more(bench: Bench) -> None:
    run_id = bench.start([creation(1)])
    with bench.context.database.begin() as session:
        bench_run = session.get_one(type(bench.run(run_id)), run_id)
        bench_run.state = "cancelled"
    execute_stage(bench.context, run_id, bench.archiver)
    assert not bench.phone_system.state.calls


EDITS: dict[str, tuple[CommandKind, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "update": (
        CommandKind.UPDATE_EXTENSION,
        {"first_name": "Existing1"},
        {"first_name": "Eva"},
        {"FirstName": "X"},
    ),
    "departments": (
        CommandKind.UPDATE_EXTENSION,
        {"departments": ("DEFAULT",)},
        {"departments": ("DEFAULT", "Sales")},
        {"Groups": [{"GroupId": 1}, {"GroupId": 3}]},
    ),
    "delete": (CommandKind.DELETE_EXTENSION, {"number": "101", "enabled": True}, {}, {"Enabled": False}),
    "archive": (
        CommandKind.ARCHIVE_EXTENSION,
        {"number": "101", "enabled": True},
        {"archive": "109"},
        {"Enabled": False},
    ),
    "adopt": (
        CommandKind.ADOPT_EXTENSION,
        {"number": "101", "first_name": "Existing1"},
        {},
        {"FirstName": "X"},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_somebody_edits_just_before_it_is_looked_at_is_left_alone(bench: Bench, edit: str) -> None:
    kind, before, after, changes = EDITS[edit]
    for name in ("Sales", "Board"):
        bench.phone_system.state.add_group({"Name": name}, is_counted=False)
    command = change(bench, kind, "101", before, after)
    bench.phone_system.faults.add(
        {"kind": "edit", "method": "GET", "path": "^/Users", "number": "101", "changes": changes}
    )
    (row,) = bench.execute(command)
    assert row.state == "outdated", row.error_message
    assert not bench.phone_system.state.calls
    assert not bench.archiver.archived
    assert not bench.bindings()


def test_what_somebody_edits_while_3cx_is_busy_is_looked_at_again(bench: Bench) -> None:
    (busy, edited) = (
        {"kind": "status", "status": 429, "retry_after": 0.05, "method": "PATCH"},
        {"kind": "edit", "method": "GET", "path": "^/Users", "skip": 1, "number": "101", "changes": {"FirstName": "X"}},
    )  # fmt: skip
    for fault in (busy, edited):
        bench.phone_system.faults.add(fault)
    (row,) = bench.execute(
        change(bench, CommandKind.UPDATE_EXTENSION, "101", {"first_name": "Existing1"}, {"first_name": "Eva"})
    )
    assert (row.state, bench.user("101")["FirstName"]) == ("outdated", "X")


def test_what_was_disabled_by_somebody_else_is_not_ours_to_enable_again(bench: Bench) -> None:
    adopted = {"number": "101"}
    bench.execute(
        change(bench, CommandKind.ADOPT_EXTENSION, "101", adopted, {}),
        change(bench, CommandKind.ADOPT_EXTENSION, "102", {"number": "102"}, {}),
    )
    disable = [
        change(bench, CommandKind.DISABLE_EXTENSION, number, {"enabled": True}, {"enabled": False})
        for number in ("101", "102")
    ]
    bench.phone_system.state.change_user(bench.id_of("101"), {"Enabled": False}, is_counted=False)
    rows = bench.execute(*disable)
    assert [row.state for row in rows] == ["done", "done"]
    is_ours = {number: ours for _extension, number, ours in bench.bindings().values()}
    assert is_ours == {"101": False, "102": True}
    assert "No change was needed. Disabled extension 101 (Somebody)." in bench.log()


def test_a_membership_taken_away_or_given_leaves_all_others_as_they_are(bench: Bench) -> None:
    state = bench.phone_system.state
    for name in ("Sales", "Board", "Support"):
        state.add_group({"Name": name}, is_counted=False)
    rights = [{"RoleName": role, "CanIntercom": True} for role in ("managers", "receptionists", "users")]
    state.change_user(
        bench.id_of("101"),
        {"Groups": [{"GroupId": group, "Rights": right} for group, right in enumerate(rights, 1)]},
        is_counted=False,
    )
    (row,) = bench.execute(
        change(
            bench,
            CommandKind.UPDATE_EXTENSION,
            "101",
            {"departments": ("Board", "DEFAULT", "Sales"), "primary_department": "DEFAULT"},
            {"departments": ("Board", "DEFAULT", "Support"), "primary_department": "Support"},
        )
    )
    assert row.state == "done", row.error_message
    user = bench.user("101")
    assert user["Groups"] == [
        {"GroupId": 1, "Rights": rights[0]},
        {"GroupId": 3, "Rights": rights[2]},
        # Of several roles none is the person's, so a new department gives the ordinary one.
        {"GroupId": 4, "Rights": {"RoleName": "users"}},
    ]
    assert user["PrimaryGroupId"] == 4


def test_whoever_is_excluded_while_a_run_executes_is_left_alone_from_then_on(bench: Bench) -> None:
    run_id = bench.start(
        [
            change(bench, CommandKind.UPDATE_EXTENSION, "101", {}, {"mobile": "1"}),
            change(bench, CommandKind.UPDATE_EXTENSION, "102", {}, {"mobile": "2"}),
            creation(3),
        ]
    )
    exclusions = [{"kind": "numbers", "value": "101"}, {"kind": "contains", "value": "anna3"}]
    apply_settings(bench.context, "default", {"rules": {"exclusions": exclusions}}, actor="test")
    bench.drain(run_id)
    rows = {row.number: (row.state, row.error_message) for row in bench.rows(run_id)}
    excluded = ("outdated", "Excluded by the rules after the plan was created.")
    assert rows == {"101": excluded, "102": ("done", None), "203": excluded}
    assert bench.user("101")["Mobile"] != "1"
