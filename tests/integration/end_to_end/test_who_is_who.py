"""Extensions that change hands, people who come back, and phone systems that are restored: with both real ends."""

import pytest

from shared.database.tables import RunState
from shared.domain.plan import CONFLICTS_WAIT
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import changes_made, extension, picture

pytestmark = pytest.mark.samba
ZOE = {"FirstName": "Zoe", "LastName": "Zimmer", "EmailAddress": "zoe@corp.example.test", "Enabled": True}


def _restore_elsewhere(ends: Ends, numbers: list[str]) -> None:
    """The same extensions with other ids, in another order."""
    state = ends.phone_system.state
    kept = [dict(state.user(state.user_by_number[number])) for number in numbers]
    for number in numbers:
        state.remove_user(state.user_by_number[number])
    for user in reversed(kept):
        names = ("Number", "FirstName", "LastName", "EmailAddress", "Mobile", "Enabled")
        state.add_user({name: user[name] for name in names if name in user})
    state.calls.clear()


def test_an_extension_that_was_given_to_somebody_else_outlives_its_former_person(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    bob = ends.office.hire(unit, "bob", "205")
    ends.office.hire(unit, "stays", "206")
    ends.configure([unit])
    ends.settle()
    state = ends.phone_system.state

    ends.office.disable(bob)
    ends.settle()
    assert extension(ends.phone_system, "205")["Enabled"] is False
    state.change_user(state.user_by_number["205"], ZOE)
    state.calls.clear()
    zoes = picture(ends.phone_system)["205"]

    run = ends.site.complete()
    assert (run.state, run.error_code) == (RunState.DONE, CONFLICTS_WAIT), "nothing to do, but not in sync"
    assert set(ends.site.findings(run.id)) == {"reassigned"}
    ends.office.delete(bob)
    run = ends.site.complete()
    assert ends.site.done(run.id) == [("release_binding", "205")]
    ends.assert_in_step()
    assert picture(ends.phone_system)["205"] == zoes
    assert not changes_made(ends.phone_system)
    assert [binding.number for binding in ends.site.bindings().values()] == ["206"]


def test_an_account_made_again_keeps_its_extension(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    ada = ends.office.hire(unit, "ada", "204")
    ends.office.hire(unit, "stays", "206")
    ends.configure([unit])
    ends.settle()
    before = picture(ends.phone_system)["204"]
    ends.phone_system.state.calls.clear()

    ends.office.delete(ada)
    again = ends.office.hire(unit, "ada", "204")
    run = ends.site.complete()
    assert ends.site.done(run.id) == [("rebind_extension", "204")]
    assert picture(ends.phone_system)["204"] == before
    assert not changes_made(ends.phone_system)
    assert ends.site.bindings()[ends.office.guid(again)].number == "204"
    ends.assert_in_step()


def test_after_a_restore_with_other_ids_one_person_goes_and_nobody_else(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    numbers = [str(301 + place) for place in range(8)]
    people = [ends.office.hire(unit, f"p{number}", number) for number in numbers]
    ends.configure([unit])
    ends.settle()
    _restore_elsewhere(ends, numbers)
    ends.office.delete(people[0])

    run = ends.site.plan()
    assert (run.state, ends.site.hold_reasons(run.id)) == (RunState.HELD, {"phone_system_changed"})
    ends.site.finish(run.id)
    done = ends.site.done(run.id)
    assert {kind for kind, _number in done if kind.startswith("rebind")} == {"rebind_extension"}
    assert sorted(number for kind, number in done if kind == "rebind_extension") == numbers
    assert changes_made(ends.phone_system) == {("update_user", "301"): 1, ("delete_user", "301"): 1}
    by_number = ends.phone_system.state.user_by_number
    bound = {binding.number: binding.extension_id for binding in ends.site.bindings().values()}
    assert bound == {number: by_number[number] for number in numbers[1:]}
    ends.assert_in_step()


def test_an_empty_phone_system_is_not_filled_without_asking(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    numbers = ["301", "302", "303"]
    for number in numbers:
        ends.office.hire(unit, f"p{number}", number)
    ends.configure([unit])
    ends.settle()
    state = ends.phone_system.state
    for number in numbers:
        state.remove_user(state.user_by_number[number])
    state.calls.clear()
    run = ends.site.plan()
    assert (run.state, ends.site.hold_reasons(run.id)) == (RunState.HELD, {"phone_system_changed"})
    assert not changes_made(ends.phone_system)


def test_a_number_is_passed_on_with_the_phone_when_the_rules_say_so(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    ann = ends.office.hire(unit, "ann", "204")
    ends.office.hire(unit, "stays", "206")
    ends.configure([unit], rules={"when_number_passed_on": "take_over"})
    ends.settle()
    before = picture(ends.phone_system)["204"]
    ends.office.change(ann, telephoneNumber=None)
    nora = ends.office.hire(unit, "nora", "204")
    ends.settle()
    after = picture(ends.phone_system)["204"]
    assert (after["FirstName"], after["Enabled"], after["Id"]) == ("Givennora", True, before["Id"])
    assert ends.site.bindings()[ends.office.guid(nora)].number == "204"
    ends.assert_in_step()
