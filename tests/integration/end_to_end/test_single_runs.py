"""Runs for one person, and runs that start by themselves."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from services.sandbox.phone_system import RunningPhoneSystem
from services.scheduler import due_runs
from shared.database.tables import Run, RunKind, RunState, SettingsVersion
from tests.integration.end_to_end.conftest import Ends
from tests.support.office import Office
from tests.support.phone_system import changes_made, extension, picture
from tests.support.site import Site, embedded_site
from tests.support.waiting import wait_until

pytestmark = pytest.mark.samba


def test_a_run_for_one_person_touches_that_person_only(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    chosen, other, leaver = (
        office.hire(unit, name, str(201 + place)) for place, name in enumerate(("chosen", "other", "leaver"))
    )
    gone = office.guid(leaver)
    ends.configure([unit])
    ends.settle()
    before = picture(ends.phone_system)
    ends.phone_system.state.calls.clear()
    for dn in (chosen, other):
        office.change(dn, mobile="+49 30 1")
    office.delete(leaver)
    newcomer = office.hire(unit, "newcomer", "204")

    assert ends.site.complete(RunKind.PERSON, person=office.guid(chosen)).state == RunState.DONE
    assert changes_made(ends.phone_system) == {("update_user", "201"): 1}
    assert picture(ends.phone_system) == before | {"201": before["201"] | {"Mobile": "+49301"}}

    # Somebody whom no run has seen yet is named by objectGUID, somebody known also by login or number.
    ends.site.complete(RunKind.PERSON, person=office.guid(newcomer))
    assert extension(ends.phone_system, "204")["FirstName"] == "Givennewcomer"
    ends.site.complete(RunKind.PERSON, person="202")
    assert extension(ends.phone_system, "202")["Mobile"] == "+49301"
    assert picture(ends.phone_system)["203"] == before["203"]
    # A leaver is in no snapshot; the binding knows them.
    ends.site.complete(RunKind.PERSON, person=gone)
    assert "203" not in picture(ends.phone_system)
    ends.assert_in_step()


def test_a_schedule_starts_its_run_by_itself_once_a_slot(tmp_path: Path, office: Office) -> None:
    unit = office.unit("Sales")
    seller = office.hire(unit, "seller", "201")
    with (
        RunningPhoneSystem() as phone_system,
        embedded_site(tmp_path, with_beat=True, tick_seconds=0.2) as site,
    ):
        ends = Ends(office, phone_system, site)
        # A slot a day, at midnight, so that no second one comes while the test runs.
        # Nor does the watch start one.
        schedule = {"is_enabled": True, "live": False, "mode": "every", "every_minutes": 1440}
        ends.configure([unit], schedule=schedule)
        ends.settle()
        office.change(seller, mobile="+49 30 1")
        _yesterday(site)
        wait_until("the scheduled change", lambda: extension(phone_system, "201")["Mobile"] == "+49301")
        run = site.wait_for(2, {RunState.DONE})
        assert (run.trigger, run.actor) == ("schedule", "schedule")
        # Another tick finds the slot used; a run on demand is the next one.
        due_runs.tick(site.context)
        assert site.start_run() == 3


def _yesterday(site: Site) -> None:
    """Let the settings and runs so far be of yesterday."""
    with site.context.database.begin() as session:
        for row in [*session.scalars(select(SettingsVersion)), *session.scalars(select(Run))]:
            row.created_at -= timedelta(days=1)
