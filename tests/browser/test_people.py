"""People and extensions: found while one types, and without JavaScript by the same form."""

import re

import pytest
from playwright.sync_api import expect

from shared.worker.context import Context
from tests.browser.conftest import Open
from tests.support.roll import fill

pytestmark = pytest.mark.usefixtures("people", "ready")


@pytest.fixture(autouse=True)
def _company(context: Context) -> None:
    fill(context)


def test_the_list_follows_what_is_typed_and_the_address_keeps_it(window: Open) -> None:
    page = window("vera")
    page.goto("/console/people")
    expect(page.get_by_role("link", name="Ola Berg")).to_be_visible()
    page.get_by_label("Name, number, login").press_sequentially("ang")
    expect(page.get_by_role("link", name="Ola Berg")).to_have_count(0, timeout=60_000)
    expect(page.get_by_role("link", name="Zoë Ängström")).to_be_visible()
    expect(page.get_by_label("Name, number, login")).to_be_focused()
    expect(page).to_have_url(re.compile(r"/people\?text=ang$"))
    expect(page.get_by_role("link", name="Export as CSV")).to_have_attribute("href", re.compile("text=ang"))


def test_without_javascript_the_form_finds_the_same(window: Open) -> None:
    page = window("vera", with_scripts=False)
    page.goto("/console/people")
    page.get_by_label("Name, number, login").fill("ang")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Zoë Ängström")).to_be_visible()
    expect(page.get_by_role("link", name="Ola Berg")).to_have_count(0)
