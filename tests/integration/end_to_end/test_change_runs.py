"""Change runs: what changed in the directory is done for those people alone, and a full run finds nothing more."""

import pytest

from shared.database.tables import RunKind, RunState
from tests.integration.end_to_end.conftest import Ends
from tests.support.changes import taken_up
from tests.support.phone_system import changes_made, extension, picture

pytestmark = pytest.mark.samba


def test_a_day_of_changes_is_done_live_and_a_full_run_finds_nothing_more(ends: Ends) -> None:
    office = ends.office
    unit, away = office.unit("Sales"), office.unit("Away")
    names = ("renamed", "one", "two", "leaver", "mover", "idle", "other")
    dns = {name: office.hire(unit, name, str(201 + place)) for place, name in enumerate(names)}
    guids = {name: office.guid(dn) for name, dn in dns.items()}
    ends.configure([unit])
    ends.site.configure({"schedule": {"is_enabled": True, "live": True}})
    ends.settle()
    before = picture(ends.phone_system)

    # A joiner, whom no run has seen yet.
    joiner = office.hire(unit, "joiner", "220")
    run = taken_up(ends.site, [office.guid(joiner)])
    assert (run.kind, run.state, run.people, run.counts) == (
        RunKind.CHANGES, RunState.DONE, 1, {"create_extension": 1},
    )  # fmt: skip
    assert extension(ends.phone_system, "220")["FirstName"] == "Givenjoiner"

    # A new name: one extension is written, and no other is read by itself.
    office.change(dns["renamed"], sn="Other")
    ends.phone_system.state.calls.clear()
    assert taken_up(ends.site, [guids["renamed"]]).counts == {"update_extension": 1}
    assert changes_made(ends.phone_system) == {("update_user", "201"): 1}
    after = picture(ends.phone_system)
    assert after["201"]["LastName"] == "Other"
    assert {number: after[number] for number in before if number != "201"} == {
        number: row for number, row in before.items() if number != "201"
    }

    # Two who pass a number on, of whom the second is noticed too late to be in the same run.
    office.change(dns["one"], telephoneNumber="230")
    office.change(dns["two"], telephoneNumber="202")
    run = taken_up(ends.site, [guids["two"]])
    assert run.counts["renumber_extension"] == 2, "whoever must move for somebody moves in the same run"
    assert extension(ends.phone_system, "202")["FirstName"] == "Giventwo"
    assert extension(ends.phone_system, "230")["FirstName"] == "Givenone"
    assert taken_up(ends.site, [guids["one"]]).counts == {}

    # Gone, moved out of the units, disabled.
    office.delete(dns["leaver"])
    office.move(dns["mover"], away)
    office.disable(dns["idle"])
    run = taken_up(ends.site, [guids["leaver"], guids["mover"], guids["idle"]])
    assert run.counts == {"disable_extension": 3, "delete_extension": 1}
    evidence = {row.person_guid: row.evidence for row in ends.site.commands(run.id)}
    assert "no object with this GUID exists" in evidence[guids["leaver"]]
    assert "204" not in picture(ends.phone_system)
    assert not extension(ends.phone_system, "205")["Enabled"]
    assert not extension(ends.phone_system, "206")["Enabled"]

    # Noticed, and the same as before: nothing is said of it.
    entries = len(ends.site.log())
    assert taken_up(ends.site, [guids["other"]]).state == RunState.DONE
    assert len(ends.site.log()) == entries
    ends.assert_in_step()
