"""Every kind of command against the phone system, and every way it can go wrong."""

from typing import Any

import pytest

from services.relay_client.execute import execute_stage, executor_lease
from services.relay_client.xapi import Xapi
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database import leases
from shared.domain.command import Command, CommandKind
from shared.errors import BadCredentials, LeaseHeld, TokenTakenOver
from shared.settings import store
from shared.settings.documents import PhoneSystemSettings
from tests.integration.relay_client.conftest import Bench, VerifyingArchiver, change, creation


def _xapi(bench: Bench, **changes: Any) -> Xapi:
    with bench.context.database.read() as session:
        settings = store.read(session, "default", bench.context.encryption).settings.phone_system
    values = settings.model_dump() | {"client_secret": settings.client_secret.get_secret_value()} | changes
    return Xapi(PhoneSystemSettings.model_validate(values), bench.context.database, bench.context.encryption)


def test_a_created_extension_has_its_fields_and_belongs_to_its_person(bench: Bench) -> None:
    (row,) = bench.execute(creation(1, mobile="+1 801 555 0123"))
    assert row.state == "done"
    user = bench.user("201")
    assert (user["FirstName"], user["LastName"], user["Mobile"]) == ("Anna1", "Berg", "+1 801 555 0123")
    assert bench.bindings() == {"guid-1": (user["Id"], "201", False)}
    assert "Created extension 201 for Anna1 Berg." in bench.log()


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


def test_departments_are_created_once_and_used(bench: Bench) -> None:
    rows = bench.execute(
        Command(0, CommandKind.CREATE_GROUP, "test", after={"name": "Sales"}),
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
    from services.relay_client.archive import NoRelay

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
    def options(self) -> PhoneSystemOptions:
        return PhoneSystemOptions(extensions=10, max_extensions=12)

    def test_the_licence_s_limit_is_said_and_the_rest_stands(self, bench: Bench) -> None:
        rows = bench.execute(*(creation(index) for index in range(1, 5)))
        assert sorted(row.state for row in rows) == ["done", "done", "failed", "failed"]
        assert {row.error_code for row in rows} == {None, "licence_limit_reached"}


WRITES = {
    "create": lambda bench: creation(1, template="100"),
    "update": lambda bench: change(
        bench, CommandKind.UPDATE_EXTENSION, "101", {"first_name": "Existing1"}, {"first_name": "Eva"}
    ),
    "disable": lambda bench: change(
        bench, CommandKind.DISABLE_EXTENSION, "101", {"enabled": True}, {"enabled": False}
    ),
    "group": lambda bench: Command(0, CommandKind.CREATE_GROUP, "test", after={"name": "Sales"}),
}


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
@pytest.mark.parametrize("write", WRITES)
def test_a_dropped_connection_is_read_back_and_every_change_is_made_exactly_once(
    bench: Bench, write: str, fault: str
) -> None:
    methods = "POST" if write in ("create", "group") else "PATCH"
    bench.phone_system.faults.add({"kind": fault, "method": methods, "path": "/(Users|Groups)"})
    (row,) = bench.execute(WRITES[write](bench))
    assert row.state == "done", row.error_message
    assert bench.phone_system.faults.fired == [fault]
    done = {
        operation: {key: [item for item in items if item["changed"]] for key, items in by_key.items()}
        for operation, by_key in bench.phone_system.state.calls.items()
    }
    assert len(done.get("create_user", {}).get("201", [])) == (1 if write == "create" else 0)
    fields = [
        name for items in done.get("update_user", {}).values() for item in items for name in item["fields"]
    ]
    assert len(fields) == len(set(fields)), "a field was written twice"


@pytest.mark.parametrize("step", range(4))
def test_a_creation_dropped_at_any_of_its_steps_is_finished_and_nothing_is_made_twice(
    bench: Bench, step: int
) -> None:
    state = bench.phone_system.state
    state.add_group({"Name": "Sales"})
    state.change_user(bench.id_of("100"), {"RecordCalls": True})
    state.calls.clear()
    bench.phone_system.faults.add(
        {
            "kind": "drop_after",
            "path": "^/Users(\\(\\d+\\))?$",
            "method": "PATCH" if step else "POST",
            "skip": max(step - 1, 0),
        }
    )
    (row,) = bench.execute(creation(1, template="100", departments=("Sales",), primary_department="Sales"))
    assert row.state == "done", row.error_message
    assert bench.phone_system.faults.fired == ["drop_after"]
    assert len(bench.calls("create_user")["201"]) == 1
    written = [
        name for item in bench.calls("update_user")["201"] if item["changed"] for name in item["fields"]
    ]
    assert len(written) == len(set(written)), written
    user = bench.user("201")
    assert (user["RecordCalls"], user["PrimaryGroupId"]) == (True, 2)


def test_a_busy_phone_system_is_given_time(bench: Bench) -> None:
    fault = {
        "kind": "status",
        "status": 429,
        "body": "empty",
        "retry_after": 0.05,
        "times": 3,
        "method": "POST",
    }
    bench.phone_system.faults.add(fault | {"path": "/Users"})
    rows = bench.execute(*(creation(index) for index in range(1, 7)))
    assert [row.state for row in rows] == ["done"] * 6
    assert all(len(done) == 1 for done in bench.calls("create_user").values())


def test_an_html_error_page_is_no_answer_and_is_read_back(bench: Bench) -> None:
    bench.phone_system.faults.add(
        {"kind": "status", "status": 502, "body": "html", "method": "POST", "path": "/Users"}
    )
    (row,) = bench.execute(creation(1))
    assert row.state == "done"
    assert len(bench.calls("create_user")["201"]) == 1


def test_a_token_lost_in_mid_run_is_asked_for_again(bench: Bench) -> None:
    bench.phone_system.faults.add({"kind": "steal_token", "method": "POST", "path": "/Users"})
    rows = bench.execute(*(creation(index) for index in range(1, 9)))
    assert [row.state for row in rows] == ["done"] * 8


def test_a_token_that_is_lost_again_and_again_stops_the_run_and_says_why(bench: Bench) -> None:
    bench.phone_system.faults.add({"kind": "steal_token", "times": 1000})
    run_id = bench.start([creation(1)])
    with pytest.raises(TokenTakenOver, match="another program"):
        execute_stage(bench.context, run_id, bench.archiver)
    run = bench.run(run_id)
    assert (run.state, run.error_code) == ("failed", "token_taken_over")
    assert [row.state for row in bench.rows(run_id)] == ["skipped"]


def test_a_second_executor_at_the_same_phone_system_leaves_the_work_to_the_first(bench: Bench) -> None:
    run_id = bench.start([creation(1)])
    with bench.context.database.read() as session:
        settings = store.read(session, "default", bench.context.encryption).settings.phone_system
    assert leases.take(bench.context.database, executor_lease(settings), "another worker", 60)
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


def test_all_extensions_are_read_over_many_pages_and_no_secret_is_asked_for(bench: Bench) -> None:
    for index in range(250):
        bench.phone_system.state.add_user({"Number": str(3000 + index)})
    with _xapi(bench) as xapi:
        assert len({extension.number for extension in xapi.extensions()}) == 260
        assert {peer.kind for peer in xapi.peers()} >= {"Queue", "RingGroup", "IVR", "Parking", "Group"}


def test_a_refused_secret_is_not_tried_again(bench: Bench) -> None:
    with (
        _xapi(bench, client_secret="wrong") as xapi,
        pytest.raises(BadCredentials, match="Integrations > API"),
    ):
        xapi.version()
    assert bench.phone_system._sandbox.token_requests == 1


class TestRole:
    """An API client with the role of an ordinary user."""

    @pytest.fixture
    def options(self) -> PhoneSystemOptions:
        return PhoneSystemOptions(role="users")

    def test_missing_rights_are_said_with_what_to_do(self, bench: Bench) -> None:
        from shared.errors import InsufficientRights

        with _xapi(bench) as xapi, pytest.raises(InsufficientRights, match="System Owner"):
            xapi.extensions()
