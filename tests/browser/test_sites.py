"""The pages of a partner with several sites: no page keeps anybody out, and each says of which site it is."""

import pytest
from playwright.sync_api import expect

from services.api.settings.use_cases.sections import apply_settings
from services.api.sites.use_cases.sites import create_site
from shared.worker.context import Context
from tests.browser.conftest import Open
from tests.browser.test_accessibility import troubles
from tests.integration.api.builders import make_plan
from tests.integration.api.conftest import READY

pytestmark = pytest.mark.usefixtures("people", "ready")


def test_a_partner_goes_from_all_sites_into_one_and_takes_over_settings(
    context: Context, window: Open
) -> None:
    make_plan(context)
    create_site(context, "oslo", "test", "Oslo")
    apply_settings(context, "oslo", {**READY, "phone_system": {}, "limits": {"removals": 77}}, "test")
    page = window("mary")
    page.goto("/console/sites")
    found = troubles(page)
    page.get_by_role("link", name="Oslo").first.click()
    expect(page).to_have_title("Overview · Oslo · Rollcall")
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_role("link", name="Take over from a site").click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("checkbox", name="Limits")).to_be_visible()
    assert found + troubles(page) == []
    page.get_by_role("checkbox", name="Limits").check()
    page.get_by_role("button", name="Take over selected sections").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert context.site_settings("oslo").settings.limits == context.site_settings("default").settings.limits
