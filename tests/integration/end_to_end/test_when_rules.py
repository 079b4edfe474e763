"""What becomes of the extension of someone who is not there any more, for every way and every decision."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from shared.database.tables import GraceRow, RunState
from shared.domain.rules import Outcome
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import changes_made, extension, picture

pytestmark = pytest.mark.samba

WAYS = ("when_deleted", "when_moved_out", "when_disabled", "when_number_cleared")


def leave(ends: Ends, way: str, dn: str) -> None:
    """Let the person go in one of the ways."""
    office = ends.office
    match way:
        case "when_deleted":
            office.delete(dn)
        case "when_moved_out":
            office.move(dn, office.unit("Elsewhere"))
        case "when_disabled":
            office.disable(dn)
        case "when_number_cleared":
            office.change(dn, telephoneNumber=None)


def _is_deleted_after_its_days(ends: Ends) -> None:
    database = ends.site.context.database
    with database.begin() as session:
        (row,) = session.scalars(select(GraceRow)).all()
        assert row.began_at is not None
        assert row.ends_at == row.began_at + timedelta(days=30)
        row.began_at -= timedelta(days=30)
    ends.settle()
    assert "201" not in picture(ends.phone_system)
    with database.read() as session:
        assert session.scalars(select(GraceRow)).all() == []


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("way", WAYS)
def test_the_rule_for_each_way_of_leaving_is_followed_and_nobody_else_is_touched(
    ends: Ends, way: str, outcome: Outcome
) -> None:
    unit = ends.office.unit("Sales")
    leaver = ends.office.hire(unit, "leaver", "201")
    ends.office.hire(unit, "stays", "202")
    # Every other rule says something else, so that the wrong one would show.
    other = Outcome.KEEP if outcome is not Outcome.KEEP else Outcome.DELETE
    ends.configure([unit], rules=dict.fromkeys(WAYS, other.value) | {way: outcome.value})
    ends.settle()
    before = picture(ends.phone_system)
    guid = next(guid for guid, binding in ends.site.bindings().items() if binding.number == "201")
    ends.phone_system.state.calls.clear()

    leave(ends, way, leaver)
    ends.settle()

    after = picture(ends.phone_system)
    binding = ends.site.bindings().get(guid)
    match outcome:
        case Outcome.DELETE:
            assert "201" not in after
            assert binding is None
            assert changes_made(ends.phone_system) == {("update_user", "201"): 1, ("delete_user", "201"): 1}
        case Outcome.DISABLE | Outcome.DISABLE_THEN_DELETE:
            assert after["201"] == before["201"] | {"Enabled": False}
            assert binding is not None
            assert binding.is_disabled_by_rollcall
            if outcome is Outcome.DISABLE_THEN_DELETE:
                _is_deleted_after_its_days(ends)
        case Outcome.KEEP:
            assert after["201"] == before["201"]
            assert not changes_made(ends.phone_system)
    del before["201"]
    after.pop("201", None)
    assert after == before
    ends.assert_in_step()


@pytest.mark.parametrize("way", [way for way in WAYS if way != "when_deleted"])
def test_someone_who_comes_back_has_their_own_extension_again(ends: Ends, way: str) -> None:
    unit = ends.office.unit("Sales")
    dn = ends.office.hire(unit, "returns", "201")
    ends.office.hire(unit, "stays", "202")
    ends.configure([unit])
    ends.settle()
    before = picture(ends.phone_system)
    guid = ends.office.guid(dn)

    leave(ends, way, dn)
    ends.settle()
    assert extension(ends.phone_system, "201")["Enabled"] is False
    match way:
        case "when_moved_out":
            ends.office.move(f"CN=returns,OU=Elsewhere,{ends.office.root}", unit)
        case "when_disabled":
            ends.office.enable(dn)
        case "when_number_cleared":
            ends.office.change(dn, telephoneNumber="201")
    ends.settle()

    assert picture(ends.phone_system) == before
    assert ends.site.bindings()[guid].extension_id == before["201"]["Id"]
    ends.assert_in_step()


def test_an_extension_disabled_by_hand_stays_so_and_the_plan_says_why(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    ends.office.hire(unit, "careful", "201")
    ends.configure([unit])
    ends.settle()
    state = ends.phone_system.state
    state.change_user(state.user_id_of("201"), {"Enabled": False})
    run = ends.site.complete()
    assert run.state == RunState.IN_STEP
    assert "by hand" in ends.site.findings(run.id)["disabled_by_hand"][0].message
    assert extension(ends.phone_system, "201")["Enabled"] is False
