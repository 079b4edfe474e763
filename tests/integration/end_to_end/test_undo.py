"""Taking a run back, between a real directory and the phone system."""

from typing import Any

import pytest

from services.api.runs.use_cases import runs
from shared.database.tables import Run, RunState
from shared.errors import Conflict
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import extension, picture

pytestmark = pytest.mark.samba


def _planned(ends: Ends, run_id: int) -> Run:
    undo = runs.undo(ends.site.context, run_id, "test")
    return ends.site.wait_for(undo.id, {RunState.PLANNED, RunState.DONE, RunState.FAILED})


def _undo(ends: Ends, run_id: int) -> Run:
    planned = _planned(ends, run_id)
    assert planned.state == RunState.PLANNED, ends.site.story()
    ends.site.approve(planned.id)
    return ends.site.finish(planned.id)


def _without_ids(shown: dict[str, Any]) -> dict[str, Any]:
    made_by_3cx = (
        "Id", "AuthID", "AuthPassword", "AccessPassword", "DeskphonePassword", "SIPID", "Groups",
        # Defaults are not stored there before they are written.
        "ForwardingProfiles",
    )  # fmt: skip
    return {
        number: {name: value for name, value in row.items() if name not in made_by_3cx}
        for number, row in shown.items()
    }


def test_a_run_is_undone_wholly_and_not_done_again_without_a_person(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    leaver, changed = office.hire(unit, "leaver", "201"), office.hire(unit, "changed", "202")
    disabled = office.hire(unit, "disabled", "203")
    ends.configure([unit])
    ends.settle()
    state = ends.phone_system.state
    state.users[extension(ends.phone_system, "201")["Id"]]["VMPIN"] = "4711"
    state.users[extension(ends.phone_system, "201")["Id"]]["OutboundCallerID"] = "+4930555"
    before = _without_ids(picture(ends.phone_system))
    office.delete(leaver)
    office.change(changed, mobile="+49 30 1")
    office.disable(disabled)
    office.hire(unit, "newcomer", "204")
    run = ends.site.complete()
    assert "201" not in picture(ends.phone_system)

    ended = _undo(ends, run.id)

    assert ended.state == RunState.DONE, ends.site.story()
    assert _without_ids(picture(ends.phone_system)) == before
    assert runs.get_run(ends.site.context, ended.id).undoes == run.id
    with pytest.raises(Conflict, match="an undo itself"):
        runs.undo(ends.site.context, ended.id, "test")

    # The directory says what it said: the next sync would do it all again, and asks first.
    again = ends.site.plan()
    assert again.state == RunState.HELD
    assert ends.site.hold_reasons(again.id) == {"undone"}
    assert _without_ids(picture(ends.phone_system)) == before
    # Whoever approves that has decided, and is not asked again.
    ends.site.approve(again.id)
    assert ends.site.finish(again.id).state == RunState.DONE
    ends.assert_in_step()


def test_what_somebody_changed_since_is_left_and_told(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    changed = office.hire(unit, "changed", "202")
    ends.configure([unit])
    ends.settle()
    office.change(changed, mobile="+49 30 1")
    run = ends.site.complete()
    ends.phone_system.state.users[extension(ends.phone_system, "202")["Id"]]["Mobile"] = "+49302"
    planned = _planned(ends, run.id)
    assert planned.state == RunState.DONE
    (finding,) = ends.site.findings(planned.id)["not_undone"]
    assert "changed after run" in finding.message
    assert extension(ends.phone_system, "202")["Mobile"] == "+49302"
