"""Second factors in a true browser, with an authenticator of its own."""

import re

import playwright.sync_api as web
import pytest
from playwright.sync_api import expect
from pyotp.totp import TOTP

from tests.browser.conftest import Open
from tests.browser.test_accessibility import troubles
from tests.browser.windows import Windows
from tests.integration.console.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("people")


def _sign_in(page: web.Page) -> None:
    page.goto("/console/sign-in")
    page.get_by_label("Name").fill("mary")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def _begin(page: web.Page, button: str) -> None:
    page.goto("/console/account/security")
    form = page.locator("form").filter(has=page.get_by_role("button", name=button))
    form.get_by_label("Your password").fill(PASSWORD)
    form.get_by_role("button", name=button).click()


def test_somebody_adds_a_passkey_and_signs_in_with_it(chrome: web.Browser, address: str) -> None:
    # A passkey belongs to a name; an address is none.
    windows = Windows(chrome, address.replace("127.0.0.1", "localhost"))
    try:
        page = windows.open()
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        device = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                  "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
        session.send("WebAuthn.addVirtualAuthenticator", {"options": device})
        _sign_in(page)
        _begin(page, "Add passkey")
        found = troubles(page)
        page.get_by_label("Name of the passkey").fill("This computer")
        page.get_by_role("button", name="Create passkey").click()
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        found += troubles(page)
        page.get_by_role("link", name="I have saved them").click()
        expect(page.get_by_text("This computer", exact=True)).to_be_visible()
        page.context.clear_cookies()
        _sign_in(page)
        found += troubles(page)
        page.get_by_role("button", name="Use passkey").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    finally:
        windows.close()
    assert windows.mistakes == []
    assert found == []


def test_somebody_adds_an_app_without_scripts(window: Open) -> None:
    page = window("mary", with_scripts=False)
    _begin(page, "Add app")
    expect(page.get_by_alt_text("QR code")).to_be_visible()
    # Drawn, not only there.
    assert page.get_by_alt_text("QR code").evaluate("image => image.naturalWidth") > 100
    key = re.search(r"Key: (\w{32})", page.inner_text("main"))
    assert key is not None
    page.get_by_label("Code", exact=True).fill(TOTP(key[1]).now())
    page.get_by_role("button", name="Add app").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
