"""Deciding on a plan, and following what becomes of it."""

import re

import httpx
import playwright.sync_api as web
import pytest
from playwright.sync_api import expect

from services.sandbox.directory import change_company
from shared.database.tables import RunKind, RunState
from tests.browser.conftest import PEOPLE, Open
from tests.support.ends import Ends
from tests.support.site import Site

pytestmark = pytest.mark.usefixtures("people")


def _held_plan(site: Site) -> int:
    run = site.plan()
    assert run.state == RunState.HELD
    return run.id


def _rows(page: web.Page) -> web.Locator:
    return page.locator("table.plan tbody tr")


@pytest.mark.parametrize("with_scripts", [True, False])
def test_of_a_held_plan_exactly_what_was_kept_is_carried_out(
    site: Site, ends: Ends, window: Open, with_scripts: bool
) -> None:
    run_id = _held_plan(site)
    page = window("oscar", with_scripts=with_scripts)
    page.goto("/console/")
    page.get_by_role("link", name="Review plan").click()
    expect(page.get_by_role("heading", name="Approval needed")).to_be_visible()
    expect(_rows(page)).to_have_count(PEOPLE)
    for row in (2, 5):
        page.get_by_role("checkbox", name=str(row), exact=True).check()
    left_out = {site.commands(run_id)[row - 1].number for row in (2, 5)}
    page.get_by_role("button", name="Leave out").click()
    expect(page.get_by_text("Left out: 2 rows (2,5).")).to_be_visible()
    expect(page.locator("tr.left-out")).to_have_count(2)
    page.get_by_role("button", name=f"Apply {PEOPLE - 2} changes").click()
    if with_scripts:
        page.get_by_role("dialog").get_by_role("button").first.click()
    expect(page.get_by_role("heading", name="Results")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(f"{PEOPLE - 2} done")
    there = set(ends.phone_system.state.user_by_number)
    planned = {row.number for row in site.commands(run_id)}
    assert planned & there == planned - left_out
    page.goto(f"/console/runs/{run_id}/plan?state=left_out")
    expect(_rows(page)).to_have_count(2)


def test_a_rejected_plan_does_nothing_and_its_reason_stands_in_the_log(
    site: Site, ends: Ends, window: Open
) -> None:
    run_id = _held_plan(site)
    page = window("oscar")
    page.goto(f"/console/runs/{run_id}/plan")
    page.locator("summary").filter(has_text="Reject plan").click()
    page.get_by_label("Reason (shown in the Log)").fill("Sales moves <b>today</b>.")
    page.get_by_role("button", name="Reject plan").click()
    expect(page.get_by_role("main")).to_contain_text("Cancelled")
    page.get_by_role("link", name="View log").click()
    expect(page.get_by_role("main")).to_contain_text("Sales moves <b>today</b>.")
    assert len(ends.phone_system.state.users) == 3


def test_progress_moves_by_itself_until_the_run_has_ended(site: Site, ends: Ends, window: Open) -> None:
    run_id = _held_plan(site)
    ends.phone_system.faults.add(
        {"kind": "hold_before", "method": "POST", "path": "/Users$", "times": PEOPLE}
    )
    page = window("oscar")
    page.goto(f"/console/runs/{run_id}/plan")
    page.get_by_role("button", name=re.compile("^Apply")).click()
    page.get_by_role("dialog").get_by_role("button").first.click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text(f"of {PEOPLE} commands")
    httpx.delete(f"{ends.phone_system.base_url}/sandbox/faults", trust_env=False)
    # Nobody touches the page.
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("main")).to_contain_text("Done")
    expect(page.get_by_role("main")).to_contain_text(f"{PEOPLE} done")


def test_a_viewer_is_shown_who_leaves_and_on_what_evidence_but_no_button(
    site: Site, ends: Ends, window: Open
) -> None:
    site.complete()
    change_company(ends.directory.directory)
    run = site.plan(RunKind.PREVIEW)
    page = window("vera")
    page.goto(f"/console/runs/{run.id}/plan")
    expect(_rows(page).first).to_be_visible()
    assert page.get_by_role("button", name=re.compile("Apply|Approve|Reject|Leave out")).count() == 0
    assert page.get_by_role("checkbox").count() == 0
    # Removals come first; what one rests on is a click away.
    expect(_rows(page).first).to_contain_text("Delete")
    _rows(page).first.locator("td.why a").click()
    expect(page.get_by_role("main")).to_contain_text(ends.staff_unit.partition(",")[2])
