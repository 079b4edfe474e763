"""Who is selected at all: exclusions, the filter, a required group with groups in it, and overlapping units."""

import pytest

from shared.database.tables import RunState
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import changes_made, picture

pytestmark = pytest.mark.samba


def test_excluded_people_and_numbers_are_left_alone_whatever_happens_to_them(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    chief = office.hire(unit, "chief", "201", givenName="The", sn="Chief")
    lift = office.hire(unit, "lift", "202", givenName="Lift", sn="East wing")
    door = office.hire(unit, "door", "250")
    robot = office.hire(unit, "robot", "203", givenName="Robot 7", sn=None)
    office.hire(unit, "ordinary", "204")
    ends.configure([unit])
    ends.settle()
    rules = {
        "exclusions": [
            {"kind": "exact", "value": "the chief"},
            {"kind": "contains", "value": "EAST"},
            {"kind": "wildcard", "value": "robot ?"},
            {"kind": "numbers", "value": "250-259"},
        ]
    }
    ends.configure([unit], rules=rules)
    before = picture(ends.phone_system)
    ends.phone_system.state.calls.clear()

    office.delete(chief)
    office.disable(lift)
    for dn in (door, robot):
        office.change(dn, mobile="+49 30 1")
    office.hire(unit, "door2", "251")
    run = ends.site.complete()

    assert run.state == RunState.IN_STEP
    assert picture(ends.phone_system) == before
    assert not changes_made(ends.phone_system)
    said = {row.person_names[0] for row in ends.site.findings(run.id)["excluded"]}
    assert said == {"Lift East wing", "Robot 7", "Givendoor Familydoor", "Givendoor2 Familydoor2"}


def test_only_members_of_the_required_group_count_also_through_groups_in_it(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    direct, nested, deeper, outsider = (
        office.hire(unit, name, str(201 + place))
        for place, name in enumerate(("direct", "nested", "deeper", "outsider"))
    )
    inner = office.group("Inner", [deeper])
    middle = office.group("Middle", [inner, nested])
    outer = office.group("Outer", [middle, direct])
    ends.configure([unit], directory={"required_group": outer, "filter": "(!(description=leave out))"})
    ends.settle()
    assert {"201", "202", "203", "204"} & picture(ends.phone_system).keys() == {"201", "202", "203"}

    # Leaving the group that is two levels down, and no longer passing the filter, are ways of moving out.
    office.leave(inner, deeper)
    office.change(nested, description="leave out")
    office.join(inner, outsider)
    ends.settle()

    users = picture(ends.phone_system)
    assert {number: users[number]["Enabled"] for number in ("201", "204")} == {"201": True, "204": True}
    assert {number: users[number]["Enabled"] for number in ("202", "203")} == {"202": False, "203": False}
    evidence = {row.number: row.evidence for row in ends.site.commands(2) if row.kind == "disable_extension"}
    assert "the person is now at CN=deeper" in evidence["203"]
    ends.assert_in_step()


def test_of_overlapping_units_the_first_in_order_decides_the_template(ends: Ends) -> None:
    office, state = ends.office, ends.phone_system.state
    outer = office.unit("Outer")
    inner = office.unit("Inner", outer)
    office.hire(outer, "outside", "201")
    office.hire(inner, "inside", "202")
    for number, changes in (("900", {"RecordCalls": True}), ("901", {"PinProtected": True})):
        state.add_user({"Number": number, "FirstName": "Template"} | changes, is_counted=False)
    ends.configure([{"dn": inner, "template_extension": "901"}, {"dn": outer, "template_extension": "900"}])
    ends.settle()
    users = picture(ends.phone_system)
    assert (users["201"]["RecordCalls"], users["201"]["PinProtected"]) == (True, False)
    assert (users["202"]["RecordCalls"], users["202"]["PinProtected"]) == (False, True)
    assert len(ends.site.bindings()) == 2
    ends.assert_in_step()
