"""Invariant 4: an extension is deleted only after its archive was verified, when archiving is on."""

import pytest

from shared.database.tables import RunState
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import changes_made, extension, picture
from tests.support.relay import absent_relay

pytestmark = pytest.mark.samba

ARCHIVING = {"is_enabled": True, "extension": "104"}


def test_while_the_relay_is_away_a_leaver_is_disabled_at_once_and_not_deleted(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    leaver = office.hire(unit, "leaver", "201")
    office.hire(unit, "stays", "202")
    ends.configure([unit], archive=ARCHIVING, relay=absent_relay())
    ends.settle()
    before = picture(ends.phone_system)
    ends.phone_system.state.calls.clear()

    office.delete(leaver)
    run = ends.site.complete()

    assert run.state == RunState.FAILED
    assert changes_made(ends.phone_system) == {("update_user", "201"): 1}
    assert picture(ends.phone_system) == before | {"201": before["201"] | {"Enabled": False}}
    states = {row.kind: (row.state, row.error_code) for row in ends.site.commands(run.id)}
    assert states == {
        "disable_extension": ("done", None),
        "archive_extension": ("failed", "relay_unavailable"),
        "delete_extension": ("skipped", "requirement_not_done"),
    }
    (said,) = ends.site.log("command.failed")
    assert "Check that rollcall-relay runs" in said
    assert said.endswith("The extension stays disabled and is not deleted. The next run tries again.")

    # Nothing changes by trying again; with archiving turned off the removal goes through.
    assert ends.site.complete().state == RunState.FAILED
    assert extension(ends.phone_system, "201")["Enabled"] is False
    ends.configure([unit], archive={"is_enabled": False}, relay={})
    assert ends.site.complete().state == RunState.DONE
    after = picture(ends.phone_system)
    del before["201"]
    assert after == before
    ends.assert_in_step()


def test_a_new_number_while_the_relay_is_away_keeps_the_old_extension_disabled(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    mover = office.hire(unit, "mover", "201")
    ends.configure([unit], archive=ARCHIVING, relay=absent_relay())
    ends.settle()
    office.change(mover, telephoneNumber="301")
    assert ends.site.complete().state == RunState.FAILED
    users = picture(ends.phone_system)
    assert (users["201"]["Enabled"], users["301"]["FirstName"]) == (False, "Givenmover")
    assert ends.site.bindings()[office.guid(mover)].number == "301"

    # The extension left behind is not forgotten: it goes when archiving is possible (here: turned off).
    ends.configure([unit], archive={"is_enabled": False}, relay={})
    assert ends.site.complete().state == RunState.DONE
    assert "201" not in picture(ends.phone_system)
    ends.assert_in_step()


def test_the_archive_extension_is_never_removed_even_when_everything_unclaimed_is(ends: Ends) -> None:
    unit = ends.office.unit("Sales")
    ends.office.hire(unit, "seller", "201")
    state = ends.phone_system.state
    owner = [{"GroupId": 1, "Rights": {"RoleName": "system_owners"}}]
    state.change_user(state.user_id_of("100"), {"Groups": owner})
    ends.configure(
        [{"dn": unit, "template_extension": "103"}],
        archive={"is_enabled": False, "extension": "104"},
        rules={"removal_scope": "all", "exclusions": [{"kind": "numbers", "value": "102"}]},
    )
    ends.settle()
    # Left: the system owner, what is excluded, the template, the archive and the seller; 101 was nobody's.
    assert picture(ends.phone_system).keys() == {"100", "102", "103", "104", "201"}
    assert set(state.peers) >= {"800", "801", "802", "888"}
    ends.assert_in_step()
