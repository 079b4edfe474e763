"""What somebody may not do is neither offered to them nor done when they send it all the same."""

import re

import pytest
from playwright.sync_api import expect

from shared.database.tables import Run, RunState
from shared.worker.context import Context
from tests.browser.conftest import Open
from tests.integration.api.builders import make_plan

pytestmark = pytest.mark.usefixtures("people", "ready")
# What a viewer may press: searching, and signing out.
# What a menu looks like is each reader's own.
_HARMLESS = re.compile("^(Search|Filter|Explain|Sign out|Everywhere|« Collapse menu)$")


def test_a_viewer_is_offered_no_button_that_changes_anything_and_refused_when_sending_it(
    context: Context, window: Open
) -> None:
    run_id, plan_hash = make_plan(context)
    before = context.site_settings("default")
    page = window("vera")
    for path in ("/", "/runs", f"/runs/{run_id}", f"/runs/{run_id}/plan", "/log", "/people", "/templates", "/audit", "/support",
                 "/settings/rules", "/settings/units", "/settings/phone-system", "/settings/site"):  # fmt: skip
        page.goto(f"/console{path}")
        offered = [button.inner_text().strip() for button in page.locator("button:visible").all()]
        assert [name for name in offered if not _HARMLESS.match(name)] == [], path
        assert page.locator(
            "main form :is(input, select, textarea):enabled:not([type=hidden])"
        ).count() == 0 or ("/settings/" not in path), path
    for path in ("/accounts", "/tokens", "/log/clear", "/wizard"):
        answer = page.goto(f"/console{path}")
        assert answer is not None
        assert answer.status == 403, path
        expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()

    page.goto("/console/")
    token = page.locator("[name=form_token]").first.input_value()
    for path, values in (
        ("/runs", {"kind": "full"}),
        (f"/runs/{run_id}/approve", {"plan_hash": plan_hash}),
        (f"/runs/{run_id}/reject", {"reason": "no"}),
        (f"/runs/{run_id}/cancel", {}),
        ("/settings/rules", {"action": "save", "when_deleted": "keep"}),
        ("/settings/site", {"action": "reset"}),
        ("/accounts", {"name": "eve", "role": "manager", "password": "quiet river stone"}),
        ("/tokens", {"name": "mine", "role": "manager"}),
        ("/log/clear", {"confirm": "clear"}),
        ("/wizard/preview", {"action": "preview"}),
    ):  # fmt: skip
        sent = page.request.post(f"/console{path}", form={"form_token": token, **values})
        assert sent.status == 403, path
    assert context.site_settings("default") == before
    with context.database.read() as session:
        assert [run.state for run in session.query(Run)] == [RunState.HELD]


def test_a_form_from_elsewhere_is_refused(context: Context, window: Open) -> None:
    run_id, _ = make_plan(context)
    page = window("oscar")
    page.goto(f"/console/runs/{run_id}/plan")
    # As a page of another site would have it: the cookie comes with it, the token does not.
    page.locator("form[action$=approve] [name=form_token]").evaluate("field => field.remove()")
    page.get_by_role("button", name=re.compile("^Apply")).click()
    page.get_by_role("dialog").get_by_role("button").first.click()
    expect(page.get_by_role("heading", name="The form has expired")).to_be_visible()
    with context.database.read() as session:
        assert session.get_one(Run, run_id).state == RunState.HELD
