"""A template's queues and ring groups, its caller id, how extensions differ from it, and its settings written again."""

from typing import Any

from services.relay_client.drift import compare
from shared.database import owed
from shared.domain.command import CommandKind
from tests.integration.relay_client.conftest import Bench, change, creation
from tests.support.releases import every_release


def _template(bench: Bench, **changes: Any) -> None:
    bench.phone_system.state.change_user(bench.id_of("100"), changes, is_counted=False)


def _places(bench: Bench) -> tuple[set[str], set[str], set[str]]:
    queue, ring_group = bench.phone_system.state.queues[2], bench.phone_system.state.ring_groups[3]
    return (
        {row["Number"] for row in queue["Agents"]},
        {row["Number"] for row in queue["Managers"]},
        {row["Number"] for row in ring_group["Members"]},
    )


@every_release
def test_queues_and_ring_groups_come_from_the_template_when_the_unit_says_so(bench: Bench) -> None:
    agents, managers, members = _places(bench)
    rows = bench.execute(creation(1, template="100", template_memberships=True), creation(2, template="100"))
    assert {row.state for row in rows} == {"done"}, [row.error_message for row in rows]
    assert _places(bench) == (agents | {"201"}, managers, members | {"201"})


def test_a_template_gives_what_is_a_setting_and_keeps_its_own_number(bench: Bench) -> None:
    given = {"Require2FA": True, "EnableHotdesking": True, "EmergencyLocationId": "house-2"}
    bench.phone_system.state.inbound_rules[2]["Data"] = "+18015550100"
    _template(bench, OutboundCallerID="8015550100", VMPIN="1234", **given)
    bench.execute(creation(1, template="100"))
    user = bench.user("201")
    assert {name: user[name] for name in given} == given
    assert user["OutboundCallerID"] == ""
    assert user["VMPIN"] != "1234"
    _template(bench, OutboundCallerID="+18015559000")
    bench.execute(creation(2, template="100"))
    assert bench.user("202")["OutboundCallerID"] == "+18015559000"


@every_release
def test_an_extension_is_compared_with_its_template_setting_by_setting(bench: Bench) -> None:
    _template(bench, RecordCalls=True, Language="DE", Blfs='<BLF number="100"/>')
    bench.execute(creation(1, template="100"))
    with bench.xapi() as xapi:
        assert compare(xapi, [["201", "100"]])[0]["differences"] == []
        bench.phone_system.state.change_user(bench.id_of("201"), {"RecordCalls": False}, is_counted=False)
        (found, other) = compare(xapi, [["201", "100"], ["105", "100"]])
    row = {"field": "RecordCalls", "label": "recording of calls", "template": "yes", "extension": "no"}
    numbers = {item["number"]: item["differences"] for item in (found, other)}
    assert numbers["201"] == [row]
    assert {each["field"] for each in numbers["105"]} == {"Blfs", "Language", "RecordCalls"}


def test_writing_again_writes_what_differs_and_leaves_departments_alone(bench: Bench) -> None:
    state = bench.phone_system.state
    state.add_group({"Name": "Sales"}, is_counted=False)
    _template(bench, RecordCalls=True, Language="DE", OutboundCallerID="+18015559000")
    rows = [{"GroupId": 2, "Rights": {"RoleName": "users"}}]
    state.change_user(bench.id_of("105"), {"Groups": rows}, is_counted=False)
    after = {"template": "100", "again": True}
    (row,) = bench.execute(change(bench, CommandKind.FINISH_EXTENSION, "105", {"number": "105"}, after))
    assert row.state == "done", row.error_message
    user = bench.user("105")
    assert (user["RecordCalls"], user["Language"], user["OutboundCallerID"]) == (True, "DE", "")
    assert [each["GroupId"] for each in user["Groups"]] == [2]
    assert "Re-applied template 100 to extension 105" in bench.log()[-2]
    with bench.context.database.read() as session:
        assert not owed.rows(session, "default")
