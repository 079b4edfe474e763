"""The first set-up, from an empty database to its schedule, as somebody clicks through it: with how few clicks and fields."""

import re

import playwright.sync_api as web
import pytest
from playwright.sync_api import expect

from services.api.access import setup_link
from shared.worker.context import Context
from tests.browser.conftest import PEOPLE, Open
from tests.integration.console.conftest import PASSWORD
from tests.support.ends import Ends
from tests.support.waiting import wait_until

MOST_CLICKS = 12
# One of them is the code of the set-up link.
MOST_FIELDS = 8


class Hand:
    """Clicks and types, and counts both."""

    def __init__(self, page: web.Page) -> None:
        self.page = page
        self.clicks: list[str] = []
        self.fields: list[str] = []

    def click(self, name: str | re.Pattern[str]) -> None:
        """Click the button of that name."""
        self.clicks.append(str(name))
        self.page.get_by_role("button", name=name, exact=isinstance(name, str)).click()

    def type(self, field: str, text: str) -> None:
        """Fill in the field of that name."""
        self.fields.append(field)
        self.page.locator(f"[name={field}]").fill(text)


def _step(page: web.Page, title: str) -> None:
    expect(page.get_by_role("list", name="Steps").locator("[aria-current=step]")).to_contain_text(title)


@pytest.mark.parametrize("with_scripts", [True, False])
def test_from_an_empty_database_to_the_schedule_in_few_clicks(
    context: Context, window: Open, ends: Ends, with_scripts: bool
) -> None:
    page = window(with_scripts=with_scripts)
    hand = Hand(page)
    page.goto("/console/set-up")
    hand.type("code", setup_link.make_code(context, "test"))
    hand.type("password", PASSWORD)
    hand.click("Create account and sign in")

    _step(page, "Active Directory")
    hand.type("servers", ends.directory.url)
    hand.type("user", ends.directory.user)
    hand.type("password", ends.directory.password)
    hand.click("Test and continue")
    # The authority is a private one: it is shown, and trusted after its fingerprint was compared.
    expect(page.locator("#answer")).to_contain_text("The server's certificate")
    hand.click(re.compile("Trust .* and continue"))

    _step(page, "Organizational units")
    name = ends.staff_unit.partition(",")[0].partition("=")[2]
    expect(page.locator("#browse")).to_contain_text(re.compile(rf"\b{PEOPLE}\b"))
    hand.click(f"Add {name}")
    expect(page.locator("[name='units.0.dn']")).to_have_value(ends.staff_unit)
    hand.click("Test and continue")

    _step(page, "Extension number")
    expect(page.get_by_role("radio", name=re.compile("telephoneNumber"))).to_be_checked()
    expect(page.locator(".choices")).to_contain_text(f"of {PEOPLE} people")
    hand.click("Test and continue")

    _step(page, "Phone system")
    hand.type("base_url", ends.phone_system.base_url)
    hand.type("client_id", ends.phone_system.client_id)
    hand.type("client_secret", ends.phone_system.client_secret)
    hand.click("Test and continue")

    _step(page, "Templates")
    hand.click("Save and continue")
    _step(page, "Archive")
    hand.click("Save and continue")
    _step(page, "Rules")
    hand.click("Save and show the plan")

    _step(page, "First plan")
    expect(page.locator(".lead")).to_contain_text(f"create {PEOPLE}")
    # Nothing is deleted or disabled, so nothing is asked once more.
    hand.click("Approve plan")

    _step(page, "Schedule")
    expect(page.locator("[name=is_enabled]")).to_be_checked()
    hand.click("Save and finish")
    expect(page).to_have_url(re.compile(r"/console/$"))
    wait_until("the run", lambda: len(ends.phone_system.state.users) == 3 + PEOPLE, 60)
    wait_until("the verdict", lambda: _is_well(page), 60)
    assert context.site_settings("default").settings.schedule.is_enabled
    assert len(hand.clicks) <= MOST_CLICKS, hand.clicks
    assert len(hand.fields) <= MOST_FIELDS, hand.fields


def _is_well(page: web.Page) -> bool:
    page.goto("/console/")
    return page.get_by_role("heading", name="Everything is in sync").is_visible()
