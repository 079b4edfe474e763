"""The first set-up, from an empty database to the first finished run, as somebody clicks through it."""

import re

import playwright.sync_api as web
import pytest
from playwright.sync_api import expect

from services.api.access import setup_link
from shared.worker.context import Context
from tests.browser.conftest import PEOPLE, Open
from tests.integration.console.conftest import PASSWORD
from tests.support.ends import Ends


def _step(page: web.Page, title: str) -> None:
    expect(page.get_by_role("list", name="Steps").locator("[aria-current=step]")).to_contain_text(title)


def _press(page: web.Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def _confirm(page: web.Page, with_scripts: bool) -> None:
    if with_scripts:
        page.get_by_role("dialog").get_by_role("button").first.click()


@pytest.mark.parametrize("with_scripts", [True, False])
def test_from_an_empty_database_to_the_first_finished_run(
    context: Context, window: Open, ends: Ends, with_scripts: bool
) -> None:
    page = window(with_scripts=with_scripts)
    page.goto(f"/console/set-up/{setup_link.make_link(context, 'test')}")
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm password").fill(PASSWORD)
    _press(page, "Create account and sign in")
    expect(page.get_by_role("heading", name="Set-up required")).to_be_visible()
    page.get_by_role("link", name="Start set-up").click()

    _step(page, "Active Directory")
    page.locator("[name=servers]").fill(ends.directory.url.partition("//")[2])
    page.locator("[name=user]").fill(ends.directory.user)
    page.locator("[name=password]").fill("wrong")
    page.locator("summary").filter(has_text="Certificate").click()
    page.locator("[name=tls_name]").fill(ends.directory.tls_name)
    page.locator("[name=ca_certificate]").fill(ends.directory.ca_certificate)
    _press(page, "Test")
    expect(page.locator("#answer")).to_contain_text("Connection failed.")
    expect(page.locator("#answer")).to_contain_text(re.compile("password", re.IGNORECASE))
    page.locator("[name=password]").fill(ends.directory.password)
    _press(page, "Test and continue")

    _step(page, "Organizational units")
    tree = page.locator("#browse")
    expect(tree).to_contain_text(re.compile(rf"\b{PEOPLE}\b"))
    name = ends.staff_unit.partition(",")[0].partition("=")[2]
    tree.get_by_role("button", name=f"Add {name}").click()
    expect(page.locator("[name='units.0.dn']")).to_have_value(ends.staff_unit)
    # Left here and taken up again, it is still this step.
    page.goto("/console/")
    page.get_by_role("link", name="Start set-up").click()
    _step(page, "Organizational units")
    page.locator("#browse").get_by_role("button", name=f"Add {name}").click()
    expect(page.locator("[name='units.0.dn']")).to_have_value(ends.staff_unit)
    _press(page, "Test and continue")

    _step(page, "Extension number")
    number = page.get_by_role("radio", name=re.compile("telephoneNumber"))
    expect(number).to_be_checked()
    expect(page.locator(".choices")).to_contain_text(f"of {PEOPLE} people")
    page.locator(".actions").get_by_role("button").first.click()

    _step(page, "Phone system")
    page.locator("[name=base_url]").fill(ends.phone_system.base_url)
    page.locator("[name=client_id]").fill(ends.phone_system.client_id)
    page.locator("[name=client_secret]").fill(ends.phone_system.client_secret)
    _press(page, "Test")
    expect(page.locator("#answer")).to_contain_text(ends.phone_system.options.version)
    _press(page, "Test and continue")

    _step(page, "Templates")
    page.locator("[name='units.0.template_extension']").select_option("100")
    _press(page, "Save and continue")

    _step(page, "Rules")
    page.locator("[name=when_deleted]").select_option("disable")
    _press(page, "Save and continue")

    _step(page, "First plan")
    _press(page, "Start the preview")
    approve = page.get_by_role("button", name="Approve plan")
    expect(page.locator(".lead")).to_contain_text(f"create {PEOPLE}")
    approve.click()
    _confirm(page, with_scripts)
    expect(page.get_by_text("Done: the phone system matches the directory.")).to_be_visible()
    assert len(ends.phone_system.state.users) == 3 + PEOPLE
    page.get_by_role("link", name="Continue: Schedule").click()

    _step(page, "Schedule")
    expect(page.locator("[name=is_enabled]")).to_be_checked()
    _press(page, "Save and finish")
    expect(page.get_by_role("heading", name="Everything is in sync")).to_be_visible()
    stored = context.site_settings("default").settings
    assert stored.rules.when_deleted == "disable"
    assert stored.directory.units[0].template_extension == "100"
    assert stored.schedule.is_enabled
