"""Invariant 1: an incomplete, empty or shrunken snapshot removes nobody."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from shared.database.tables import PartState, RunState, SnapshotPage
from shared.work.parts import MAX_ATTEMPTS
from tests.faults.conftest import World, settle
from tests.support.office import Office
from tests.support.phone_system import changes_made, phone_system_settings, picture
from tests.support.samba import SambaDomain
from tests.support.site import ENDED, WAITING, Site, embedded_site
from tests.support.waiting import wait_until

REMOVALS = {"disable_extension", "archive_extension", "delete_extension"}
# Fewer than a page of ten in each of the two units.
PEOPLE = 18


@pytest.fixture
def company(world: World, site: Site) -> World:
    """Eighteen people in step, with the usual limits and rules that delete."""
    world.staff.hire_many(PEOPLE)
    site.configure(world.sections(rules={"when_moved_out": "delete"}))
    settle(site)
    world.phone_system.state.calls.clear()
    return world


def read_to_the_end(site: Site) -> int:
    """A run whose further attempts at reading come at once; its id when it is planned or has ended."""
    run_id = site.start_run()

    def _is_planned() -> bool:
        site.bring_forward(run_id)
        return site.run(run_id).state in ENDED | WAITING | {RunState.EXECUTING}

    wait_until(f"run {run_id} planned", _is_planned)
    return run_id


def assert_nobody_is_removed(world: World, site: Site, before: dict[str, dict[str, object]]) -> None:
    """Not one extension of before is gone or disabled, and no plan that runs by itself would do so."""
    after = picture(world.phone_system)
    assert {number: after[number] for number in before} == before
    assert not [key for key in changes_made(world.phone_system) if key[0] == "delete_user"]


def test_a_controller_that_dies_between_pages_every_time_removes_nobody(company: World, site: Site) -> None:
    staff = company.staff
    for index in range(5):
        staff.hire(f"s{index}", str(2800 + index), staff.sales)
    sections = company.sections(directory={"page_size": 10}, rules={"when_moved_out": "delete"})
    site.configure(sections)
    settle(site)
    before = picture(company.phone_system)
    for login in ("p0000", "p0001", "s4"):
        staff.leave(login)
    staff.hire("late", "2900", staff.support)

    # OU=Sales has a second page, which never comes; OU=Support is read to its end.
    company.directory.faults.fail_page(2, 52)
    run_id = read_to_the_end(site)
    run = site.finish(run_id)
    assert run.counts == {"create_extension": 1}
    parts = {part.unit: part for part in site.parts(run_id) if part.kind == "unit"}
    assert {unit: part.state for unit, part in parts.items()} == {
        staff.sales: PartState.FAILED.value,
        staff.support: PartState.COMPLETE.value,
    }
    assert parts[staff.sales].attempt == MAX_ATTEMPTS
    assert_nobody_is_removed(company, site, before)

    company.directory.faults.clear()
    settle(site)
    assert not {"2000", "2001", "2804"} & picture(company.phone_system).keys()


def test_a_unit_that_vanished_removes_nobody_while_the_others_still_gain_people(
    company: World, site: Site
) -> None:
    before = picture(company.phone_system)
    company.staff.directory.rename(company.staff.support, "Helpdesk")
    company.staff.leave("p0000")
    company.staff.hire("joiner", "2900")
    run_id = read_to_the_end(site)
    run = site.finish(run_id)
    assert run.counts == {"create_extension": 1}
    states = {part.unit: part.state for part in site.parts(run_id) if part.kind == "unit"}
    assert states == {
        company.staff.sales: PartState.COMPLETE.value,
        company.staff.support: PartState.FAILED.value,
    }
    assert_nobody_is_removed(company, site, before)
    assert "2900" in picture(company.phone_system)
    (finding,) = site.findings(run_id)["incomplete_snapshot"]
    assert company.staff.support in finding.message


def _empty(world: World, site: Site) -> None:
    world.directory.faults.answer_empty()


def _no_one_selected(world: World, site: Site) -> None:
    site.configure(world.sections(directory={"filter": "(company=nobody's)"}, limits={}))


def _all_moved_away(world: World, site: Site) -> None:
    elsewhere = world.staff.directory.add_unit("Elsewhere")
    for index in range(PEOPLE):
        world.staff.move(f"p{index:04}", elsewhere)


def _half_deleted(world: World, site: Site) -> None:
    for index in range(0, PEOPLE, 2):
        world.staff.leave(f"p{index:04}")


def _all_disabled(world: World, site: Site) -> None:
    for index in range(PEOPLE):
        world.staff.set_enabled(f"p{index:04}", False)


def _numbers_cleared(world: World, site: Site) -> None:
    site.configure(world.sections(directory={"attributes": {"number": "ipPhone"}}, limits={}))


@pytest.mark.parametrize(
    "what", [_empty, _no_one_selected, _all_moved_away, _half_deleted, _all_disabled, _numbers_cleared]
)
def test_an_empty_or_shrunken_answer_removes_nobody_by_itself(
    company: World, site: Site, what: Callable[[World, Site], None]
) -> None:
    site.configure(company.sections(limits={}, rules={"when_moved_out": "delete"}))
    before = picture(company.phone_system)
    what(company, site)
    run = site.run(read_to_the_end(site))
    if run.state == RunState.DONE:
        # Nothing to do, but with a warning: nobody at all was read.
        assert (run.error_code, run.counts) == ("incomplete_snapshot", {})
    else:
        assert run.state in (RunState.HELD, RunState.FAILED), run.counts
    if run.state == RunState.HELD:
        # It would remove people, and therefore waits for one; nothing happens until then.
        assert REMOVALS & run.counts.keys()
    assert_nobody_is_removed(company, site, before)
    assert not changes_made(company.phone_system)


@pytest.mark.samba
def test_a_domain_controller_killed_between_pages_removes_nobody(
    own_samba: SambaDomain, world: World, tmp_path: Path
) -> None:
    with own_samba.administrator() as connection, embedded_site(tmp_path) as site:
        office = Office(own_samba, connection, "Killed")
        unit = office.unit("Sales")
        people = [office.account(unit, f"p{index:04}", str(2000 + index)) for index in range(200)]
        own_samba.load("".join(people))
        sections = {
            "directory": office.settings([unit], page_size=10),
            "phone_system": phone_system_settings(world.phone_system),
            "rules": {},
        }
        site.configure(sections)
        settle(site)
        before = picture(world.phone_system)
        office.delete(f"CN=p0000,{unit}")

        run_id = site.start_run()
        _kill_in_mid_reading(own_samba, site, run_id)
        wait_until("the failed reading", lambda: _has_failed(site, run_id))
        run = site.run(run_id)
        assert (run.state, run.error_code) == (RunState.FAILED, "directory_unavailable")
        assert_nobody_is_removed(world, site, before)

        own_samba.start()
        settle(site)
        assert "2000" not in picture(world.phone_system)


def _has_failed(site: Site, run_id: int) -> bool:
    site.bring_forward(run_id)
    return site.run(run_id).state in ENDED


def _kill_in_mid_reading(samba: SambaDomain, site: Site, run_id: int) -> None:
    """Kill the controller when some pages are stored and others are not, with the database locked meanwhile."""
    (unit,) = [part.id for part in site.parts(run_id) if part.kind == "unit"]
    stored = 0
    while not stored:
        with site.context.database.begin() as session:
            stored = (
                session.scalar(
                    select(func.count()).select_from(SnapshotPage).where(SnapshotPage.part_id == unit)
                )
                or 0
            )
            if stored:
                samba.kill()
    assert stored < 20
