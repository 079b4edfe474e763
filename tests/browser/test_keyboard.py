"""The console by keyboard alone."""

import re
from typing import Any

import playwright.sync_api as web
import pytest
from playwright.sync_api import expect

from shared.database.tables import RunState
from shared.worker.context import Context
from tests.browser.conftest import PEOPLE, Open
from tests.integration.api.builders import make_plan
from tests.support.ends import Ends
from tests.support.site import Site

pytestmark = pytest.mark.usefixtures("people")

# Every control that can be seen and used, in the order of the page; of radio buttons, one stands for its group.
_CONTROLS = """() => {
  const found = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")];
  const seen = new Set();
  window.controls = found.filter((one) => {
    if (one.disabled || one.type === "hidden" || one.tabIndex < 0 || !one.checkVisibility()) return false;
    if (one.matches("fieldset:disabled *")) return false;
    if (one.type !== "radio") return true;
    if (one.checked || !document.querySelector(`input[name="${one.name}"]:checked`) && !seen.has(one.name)) {
      seen.add(one.name);
      return true;
    }
    return false;
  });
  return window.controls.length;
}"""
# The place of the focused control among them, and whether somebody sees that it has the focus.
_FOCUS = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  return {
    place: window.controls.indexOf(one),
    // Day, month and so on are stops of their own.
    has_stops: one.type === "datetime-local",
    what: one.outerHTML.slice(0, 120),
    outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    size: box.width * box.height,
  };
}"""


def _walk(page: web.Page) -> list[str]:
    """Go through the page with the tabulator key; what is wrong on the way."""
    count = page.evaluate(_CONTROLS)
    assert count > 5
    wrong: list[str] = []
    for place in range(count):
        page.keyboard.press("Tab")
        focus: dict[str, Any] = page.evaluate(_FOCUS)
        while focus["has_stops"] and focus["place"] == place - 1:
            page.keyboard.press("Tab")
            focus = page.evaluate(_FOCUS)
        if focus["place"] != place:
            wrong.append(f"{page.url}: stop {place} is control {focus['place']}: {focus['what']}")
            break
        if not focus["outline"] or focus["size"] < 1:
            wrong.append(f"{page.url}: nobody sees the focus on {focus['what']}")
    return wrong


@pytest.mark.usefixtures("ready")
def test_every_control_is_reached_in_order_and_shows_its_focus(context: Context, window: Open) -> None:
    run_id, _ = make_plan(context)
    page = window("mary")
    wrong: list[str] = []
    for path in (
        "/",
        f"/runs/{run_id}",
        f"/runs/{run_id}/plan",
        "/log",
        "/people",
        "/accounts",
        "/settings/directory",
        "/settings/units",
    ):
        page.goto(f"/console{path}")
        wrong += _walk(page)
    assert wrong == []


@pytest.mark.usefixtures("ready")
def test_the_first_stop_leads_past_the_menu(window: Open) -> None:
    page = window("mary")
    page.goto("/console/log")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.usefixtures("ready")
def test_a_question_keeps_the_focus_until_it_is_answered_and_gives_it_back(
    context: Context, window: Open
) -> None:
    run_id, _ = make_plan(context)
    page = window("oscar")
    page.goto(f"/console/runs/{run_id}/plan")
    approve = page.get_by_role("button", name=re.compile("^Apply"))
    approve.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Apply 4 changes now?")
    expect(dialog).to_be_visible()
    # The careful answer comes first to hand.
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    for _ in range(5):
        page.keyboard.press("Tab")
        assert page.evaluate("!document.querySelector('main').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(approve).to_be_focused()
    assert not page.url.endswith("/approve")


def test_a_plan_is_approved_in_part_by_keyboard(site: Site, ends: Ends, window: Open) -> None:
    run = site.plan()
    page = window("oscar")
    page.goto(f"/console/runs/{run.id}/plan")
    page.locator("[name=row]").first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Leave out").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Left out: 1 row (1).")).to_be_visible()
    page.get_by_role("button", name=f"Apply {PEOPLE - 1} changes").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(f"{PEOPLE - 1} done")
    assert site.wait_for(run.id, {RunState.DONE}).approved_by == "account:oscar"
    assert len(ends.phone_system.state.users) == 3 + PEOPLE - 1


def test_the_slash_key_leads_to_the_search_but_not_while_one_types(window: Open) -> None:
    page = window("vera")
    page.goto("/console/people")
    field = page.get_by_role("searchbox", name="Search the console")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("a/b")
    expect(field).to_have_value("a/b")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/search?q=a%2Fb")
    expect(page.get_by_role("searchbox", name="Search the console")).to_have_value("a/b")
