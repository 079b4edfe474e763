"""Invariant 3, on the wire: connections that break after the write, error pages, stolen tokens; a whole day of them."""

from typing import Any

import pytest

from shared.database.tables import RunState
from tests.faults.conftest import World, assert_in_step, settle
from tests.support.phone_system import changes_made, fields_written, picture
from tests.support.site import Site

BY_DEPARTMENT = {"add_to_departments": True, "create_missing_departments": True}
WRITES = ("POST", "PATCH", "DELETE")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_after"},
        {"kind": "drop_before"},
        {"kind": "status", "status": 502, "body": "html", "retry_after": 0.05},
        {"kind": "status", "status": 429, "body": "empty", "retry_after": 0.05},
        {"kind": "steal_token"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}".strip(),
)
def test_whatever_breaks_on_the_way_every_change_is_made_exactly_once(
    world: World, site: Site, fault: dict[str, Any]
) -> None:
    staff = world.staff
    logins = staff.hire_many(12)
    for login in logins:
        staff.change(login, department="Sales")
    units = [{"dn": unit, "template_extension": "100"} for unit in staff.units]
    site.configure(world.sections(directory={"units": units}, rules=BY_DEPARTMENT))
    state = world.phone_system.state
    state.change_user(state.user_id_of("100"), {"RecordCalls": True})
    state.calls.clear()
    # More than four stolen tokens in a minute mean another program, and the run stops: that is another test.
    places = (0,) if fault["kind"] == "steal_token" else (0, 1, 4, 5)
    for method in WRITES:
        for skip in places:
            world.fault(method=method, path="/(Users|Groups)", skip=skip, **fault)

    settle(site)
    made = changes_made(world.phone_system)
    assert made["create_group", "Sales"] == 1
    for index in range(12):
        number = str(2000 + index)
        assert made["create_user", number] == 1
        written = fields_written(world.phone_system, number)
        assert len(written) == len(set(written)), f"a field of {number} was written twice: {written}"

    state.calls.clear()
    before = picture(world.phone_system)
    for index in range(3):
        staff.leave(f"p{index:04}")
    for index in range(3, 6):
        staff.change(f"p{index:04}", mobile="+49 30 1")
    staff.set_enabled("p0006", False)
    run = site.complete()
    assert run.state == RunState.DONE, site.story()
    expected = {("update_user", str(2000 + index)): 1 for index in range(7)}
    assert changes_made(world.phone_system) == expected | {
        ("delete_user", str(2000 + index)): 1 for index in range(3)
    }
    untouched = [str(2000 + index) for index in range(7, 12)] + ["100", "101", "102", "103", "104"]
    after = picture(world.phone_system)
    assert {number: after[number] for number in untouched} == {number: before[number] for number in untouched}
    assert world.phone_system.faults.fired.count(fault["kind"]) >= 3
    world.phone_system.faults.clear()
    assert_in_step(site)
