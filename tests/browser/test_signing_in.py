"""Coming in and going out."""

import re

import playwright.sync_api as web
import pytest
from playwright.sync_api import expect

from services.api.access import setup_link
from services.api.settings.use_cases.sections import apply_settings
from shared.worker.context import Context
from tests.browser.conftest import Open
from tests.integration.console.conftest import PASSWORD
from tests.support.ends import Ends
from tests.support.site import Site


def sign_in(page: web.Page, name: str, password: str) -> None:
    """Fill in and send the form."""
    page.goto("/console/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("with_scripts", [True, False])
def test_the_code_of_the_set_up_link_makes_the_first_manager(
    context: Context, window: Open, with_scripts: bool
) -> None:
    page = window(with_scripts=with_scripts)
    page.goto("/console/set-up")
    page.get_by_label("Code").fill(setup_link.make_code(context, "test"))
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Display name").fill("Ada Lovelace")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    # It is typed once, so it can be looked at; without scripts that is not offered.
    show, typed = page.get_by_label("Show password"), page.get_by_label("Password", exact=True)
    expect(show).to_be_visible(visible=with_scripts)
    if with_scripts:
        show.check()
        expect(typed).to_have_attribute("type", "text")
    page.get_by_role("button", name="Create account and sign in").click()
    expect(page.get_by_role("heading", name="Connect Active Directory")).to_be_visible()
    header = page.get_by_role("banner")
    expect(header).to_contain_text("Ada Lovelace")
    expect(header).to_contain_text("manager")


@pytest.mark.usefixtures("people")
def test_one_comes_back_to_the_page_one_wanted(window: Open) -> None:
    page = window()
    page.goto("/console/log?level=error")
    expect(page).to_have_title(re.compile("Sign in"))
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
    expect(page.get_by_label("Name")).to_have_value("vera")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/console/log\?level=error$"))


@pytest.mark.usefixtures("people")
def test_guessing_locks_the_name_and_says_for_how_long(window: Open) -> None:
    page = window()
    for _ in range(5):
        sign_in(page, "mary", "guessed")
    sign_in(page, "mary", PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"Wait \d+ seconds"))
    expect(page).to_have_title(re.compile("Sign in"))


@pytest.mark.usefixtures("people")
def test_signing_out_everywhere_ends_the_other_browser_too(window: Open) -> None:
    one, other = window(), window()
    for page in (one, other):
        sign_in(page, "vera", PASSWORD)
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    one.get_by_role("link", name="Vera").click()
    one.get_by_role("button", name="Sign out everywhere").click()
    one.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    expect(one).to_have_title(re.compile("Sign in"))
    other.goto("/console/runs")
    expect(other).to_have_title(re.compile("Sign in"))


@pytest.mark.usefixtures("people")
def test_after_signing_out_going_back_shows_nothing(window: Open) -> None:
    page = window("mary")
    page.goto("/console/accounts")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title(re.compile("Sign in"))
    page.go_back()
    expect(page).to_have_title(re.compile("Sign in"))
    expect(page.get_by_role("table")).to_have_count(0)


def _sign_in_by(context: Context, password_type: str, manager: str) -> None:
    sections = {"sign_in": {"password_type": password_type, "managers": [manager]}}
    apply_settings(context, "default", sections, "test")


def test_one_signs_in_with_extension_and_voicemail_pin(
    context: Context, site: Site, ends: Ends, window: Open
) -> None:
    state = ends.phone_system.state
    state.change_user(state.user_id_of("100"), {"VMPIN": "918273", "FirstName": "Anna", "LastName": "Adler"})
    _sign_in_by(context, "voicemail_pin", "100")
    page = window()
    page.goto("/console/sign-in")
    page.get_by_label("Extension").fill("100")
    page.get_by_label("Voicemail PIN").fill("918274")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The extension or the PIN is wrong")
    page.get_by_label("Voicemail PIN").fill("918273")
    page.keyboard.press("Enter")
    header = page.get_by_role("banner")
    expect(header).to_contain_text("Anna Adler")
    expect(header).to_contain_text("Ext. 100")
    expect(header).to_contain_text("manager")


@pytest.mark.usefixtures("people")
def test_one_signs_in_with_extension_and_directory_password_and_own_accounts_still_can(
    context: Context, site: Site, ends: Ends, window: Open
) -> None:
    site.complete()
    binding = min(site.bindings().values(), key=lambda row: row.number)
    directory = ends.directory.directory
    entry = next(one for one in directory.people() if str(one.guid) == binding.person_guid)
    directory.set_password(entry.dn, "Winter-Tree.0815")
    _sign_in_by(context, "directory", binding.number)
    page = window()
    page.goto("/console/sign-in")
    page.get_by_label("Extension").fill(binding.number)
    page.get_by_label("Directory password").fill("Winter-Tree.0816")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The extension or the password is wrong")
    page.get_by_label("Directory password").fill("Winter-Tree.0815")
    page.keyboard.press("Enter")
    expect(page.get_by_role("banner")).to_contain_text(f"Ext. {binding.number}")
    other = window()
    other.goto("/console/sign-in")
    other.get_by_label("Extension").fill("vera")
    other.get_by_label("Directory password").fill(PASSWORD)
    other.keyboard.press("Enter")
    expect(other.get_by_role("banner")).to_contain_text("Vera")
