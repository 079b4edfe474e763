"""A number from a range through somebody's life: planned, given, written to the directory, kept, left and come back to."""

import pytest
from sqlalchemy import delete, select

from services.collector.write_numbers import write_numbers
from services.scheduler.due_runs import sweep
from shared.database.tables import BindingRow, GivenNumberRow, RunKind, RunState
from tests.integration.end_to_end.conftest import Ends
from tests.integration.end_to_end.test_true_at_the_deed import approved, let_time_pass, looked_up
from tests.support.phone_system import picture
from tests.support.site import SITE
from tests.support.waiting import wait_until

pytestmark = pytest.mark.samba


def _configure(ends: Ends, unit: str, **rules: object) -> None:
    ranges = [{"unit": unit, "first": "230", "last": "239", "skip": "231"}]
    ends.configure(
        [unit],
        directory={"attributes": {"number": "ipPhone"}},
        rules={"number_ranges": ranges, "when_deleted": "delete", "when_disabled": "delete"} | rules,
    )


def _numbers(ends: Ends) -> dict[str, str]:
    """By first name, the number of each extension made."""
    return {
        values["FirstName"]: number for number, values in picture(ends.phone_system).items() if number > "2"
    }


def test_a_given_number_from_the_first_plan_to_the_return(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    anna, bob = office.hire(unit, "anna"), office.hire(unit, "bob")
    _configure(ends, unit)
    preview = ends.site.plan(RunKind.PREVIEW)
    assert [row.reason.partition(" without ")[2] for row in ends.site.commands(preview.id)] == [
        "a number and gets 230, the next free number of 230-239 (Sales).",
        "a number and gets 232, the next free number of 230-239 (Sales).",
    ]
    # Looked up again at the deed: still without a number in the directory, and right all the same.
    let_time_pass(ends, preview.id)
    approved(ends, preview.id)
    assert looked_up(ends, preview.id)
    assert _numbers(ends) == {"Givenanna": "230", "Givenbob": "232"}
    ends.assert_in_step()

    # A number of the directory counts; what it gives up rests, so the newcomer gets another.
    office.change(anna, ipPhone="250")
    ends.settle()
    carl = office.hire(unit, "carl")
    ends.settle()
    assert _numbers(ends) == {"Givenanna": "250", "Givenbob": "232", "Givencarl": "233"}
    ends.assert_in_step()

    # Gone and back: the same number.
    office.disable(carl)
    ends.settle()
    assert "Givencarl" not in _numbers(ends)
    ends.settle()
    office.enable(carl)
    office.hire(unit, "adam")
    ends.settle()
    assert _numbers(ends) == {"Givenanna": "250", "Givenbob": "232", "Givencarl": "233", "Givenadam": "234"}
    office.delete(bob)
    ends.settle()
    ends.assert_in_step()


def test_a_worker_that_died_between_creating_and_linking_gives_no_second_number(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    ends.office.hire(unit, "anna")
    _configure(ends, unit)
    ends.settle()
    with ends.site.context.database.begin() as session:
        session.execute(delete(BindingRow))
    ends.office.hire(unit, "adam")
    ends.settle()
    assert _numbers(ends) == {"Givenanna": "230", "Givenadam": "232"}
    ends.assert_in_step()


def test_a_given_number_is_written_to_the_directory_and_read_from_there(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    anna = ends.office.hire(unit, "anna")
    guid = ends.office.guid(anna)
    _configure(ends, unit, write_back_attribute="ipPhone")
    run = ends.site.complete()
    assert "It is then written to ipPhone in the directory." in ends.site.commands(run.id)[0].reason

    def _is_written() -> bool:
        with ends.site.context.database.read() as session:
            return session.scalar(select(GivenNumberRow.written_to)) == "ipPhone"

    assert sweep(ends.site.context) == 1
    wait_until("the number in the directory", _is_written)
    assert len(ends.site.log("number.written")) == 1
    ends.assert_in_step()
    # By now it is the directory's, and cleared there it is cleared for good: the extension stays.
    ends.office.change(anna, ipPhone=None)
    ends.assert_in_step()
    write_numbers(ends.site.context, SITE)
    assert ends.site.bindings()[guid].number == "230"
    assert ends.site.complete().state == RunState.IN_STEP
