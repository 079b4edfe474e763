"""Invariant 6: what was approved is what is executed; nothing else. And when a plan waits for a person at all."""

import pytest

from services.api.runs.use_cases import runs
from shared.database.tables import RunKind, RunState
from shared.errors import PlanChanged
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import changes_made, picture

pytestmark = pytest.mark.samba


def staff(ends: Ends, count: int) -> tuple[str, list[str]]:
    """So many people in step, with the usual limits."""
    unit = ends.office.unit("Sales")
    people = [ends.office.hire(unit, f"seller{index}", str(201 + index)) for index in range(count)]
    ends.configure([unit], limits={})
    ends.settle()
    ends.phone_system.state.calls.clear()
    return unit, people


def test_a_mass_removal_is_held_and_an_approval_in_part_executes_only_that_part(ends: Ends) -> None:
    unit, people = staff(ends, 12)
    before = picture(ends.phone_system)
    for dn in people[:7]:
        ends.office.delete(dn)
    ends.office.hire(unit, "newcomer", "301")

    run = ends.site.wait_for(ends.site.plan().id, {RunState.HELD})
    assert {"removals", "people_down"} <= ends.site.hold_reasons(run.id)
    # Who is new has nothing to do with who may be gone.
    there = picture(ends.phone_system)
    assert there == before | {"301": there["301"]}

    left_out = [
        row.sequence
        for row in ends.site.commands(run.id)
        if row.number in ("201", "202", "203") and row.kind == "disable_extension"
    ]
    ends.site.approve(run.id, leave_out=left_out)
    assert ends.site.wait_for(run.id, {RunState.DONE, RunState.FAILED}).state == RunState.DONE

    after = picture(ends.phone_system)
    assert {key: after[key] for key in ("201", "202", "203")} == {
        key: before[key] for key in ("201", "202", "203")
    }
    assert not {"204", "205", "206", "207"} & after.keys()
    assert {key[1] for key in changes_made(ends.phone_system)} == {"204", "205", "206", "207", "301"}
    # Leaving out a disabling leaves out the deletion that rests on it.
    states = {(row.number, row.kind): row.state for row in ends.site.commands(run.id)}
    assert {states[(number, "delete_extension")] for number in ("201", "202", "203")} == {"left_out"}
    assert {states[(number, "delete_extension")] for number in ("204", "205", "206", "207")} == {"done"}


def test_an_approval_of_another_plan_than_the_one_that_stands_is_refused(ends: Ends) -> None:
    _unit, people = staff(ends, 12)
    for dn in people[:6]:
        ends.office.delete(dn)
    seen = ends.site.plan()
    ends.office.delete(people[6])
    newer = ends.site.plan()
    assert ends.site.run(seen.id).superseded_by == newer.id

    with pytest.raises(PlanChanged, match="Nothing was approved"):
        runs.approve(ends.site.context, seen.id, seen.plan_hash or "", actor="test")
    assert ends.site.run(newer.id).state == RunState.HELD
    assert not changes_made(ends.phone_system)


def test_what_somebody_changed_after_the_plan_is_not_overwritten(ends: Ends) -> None:
    _unit, people = staff(ends, 12)
    ends.office.change(people[0], mobile="+49 30 1")
    ends.office.change(people[1], mobile="+49 30 2")
    run = ends.site.plan(RunKind.PREVIEW)
    assert run.state == RunState.PLANNED
    state = ends.phone_system.state
    state.change_user(state.user_id_of("201"), {"Mobile": "by hand"})
    state.calls.clear()

    assert ends.site.finish(run.id).state == RunState.DONE
    states = {row.number: row.state for row in ends.site.commands(run.id)}
    assert states == {"201": "outdated", "202": "done"}
    assert changes_made(ends.phone_system) == {("update_user", "202"): 1}
    (said,) = ends.site.log("command.outdated")
    assert "mobile is now 'by hand'" in said


@pytest.mark.parametrize(
    ("change", "reason"), [("units", "selection_changed"), ("number attribute", "selection_changed")]
)
def test_the_first_run_after_a_change_of_the_selection_is_held(ends: Ends, change: str, reason: str) -> None:
    unit, people = staff(ends, 3)
    other = ends.office.unit("Support")
    ends.office.hire(other, "supporter", "301")
    for dn in people:
        ends.office.change(dn, ipPhone="40" + dn[9:10])
    if change == "units":
        ends.configure([unit, other], limits={})
    else:
        ends.configure([unit], limits={}, directory={"attributes": {"number": "ipPhone"}})
    run = ends.site.plan()
    assert run.state == RunState.HELD
    assert ends.site.hold_reasons(run.id) == {reason}
    assert not changes_made(ends.phone_system)
