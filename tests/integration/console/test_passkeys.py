"""Passkeys as a second factor, with a security key in software."""

import html
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.api.access import accounts
from services.api.access.factors import owned
from shared.database.tables import SignInAttempt
from shared.worker.context import Context
from tests.integration.console.browser import Browser, Page
from tests.integration.console.conftest import PASSWORD, Open
from tests.support.passkey import SoftPasskey

pytestmark = pytest.mark.usefixtures("people")


def _options(page: Page) -> dict[str, Any]:
    found = re.search(r'data-passkey="([^"]+)"', page.response.text)
    assert found is not None
    options: dict[str, Any] = json.loads(html.unescape(found[1]))
    return options


@pytest.fixture
def origin(address: str) -> str:
    """Where browsers are."""
    return address.rstrip("/")


@pytest.fixture
def key(browser: Open, origin: str) -> SoftPasskey:
    """A passkey that Mary has added."""
    made = SoftPasskey(origin, urlsplit(origin).hostname or "")
    mary = browser("mary")
    page = mary.send(mary.get("/console/account/security"), "/security/passkey", {"password": PASSWORD})
    page = mary.send(
        page, "/passkey/confirm", {"credential": made.create(_options(page)), "label": "Blue key"}
    )
    assert len(re.findall(r"\w{4}-\w{4}-\w{4}-\w{4}", page.text)) == 10
    assert "Blue key" in mary.get("/console/account/security").text
    return made


def _show(browser: Browser, credential: str, page: Page) -> Page:
    return browser.send(page, "/second-factor/passkey", {"credential": credential})


def test_a_passkey_signs_in_and_what_it_signed_counts_once(browser: Open, key: SoftPasskey) -> None:
    anybody = browser()
    page = anybody.sign_in("mary", PASSWORD)
    options = _options(page)
    assert [one["id"] for one in options["allowCredentials"]] == [json.loads(key.show(options))["id"]]
    signed = key.show(options)
    assert _show(anybody, signed, page).response.url.path == "/console/"
    again = browser()
    page = again.sign_in("mary", PASSWORD)
    assert _options(page)["challenge"] != options["challenge"]
    refused = _show(again, signed, page)
    assert refused.status == 401
    assert "showed no passkey" in refused.text


def test_a_passkey_shown_elsewhere_or_another_one_proves_nothing(
    context: Context, browser: Open, key: SoftPasskey, origin: str
) -> None:
    anybody = browser()
    page = anybody.sign_in("mary", PASSWORD)
    options = _options(page)
    stranger = SoftPasskey(origin, key.host)
    stranger.id = key.id
    forged = [stranger.show(options), "", "{}", "[]", "null", "x" * 30_000, key.show({"challenge": "AAAA"})]
    for origin_told, host in (("https://evil.example", key.host), (origin, "evil.example")):
        key.origin, told = origin_told, key.host
        key.host = host
        forged.append(key.show(options))
        key.origin, key.host = origin, told
    signed = json.loads(key.show(options))
    signed["response"]["signature"] = "AAAA"
    forged.append(json.dumps(signed))
    for credential in forged:
        with context.database.begin() as session:
            session.query(SignInAttempt).delete()
        assert _show(anybody, credential, page).status == 401, credential[:80]
    assert _show(anybody, key.show(options), page).response.url.path == "/console/"


def test_a_copy_of_a_passkey_is_noticed_by_its_counter(browser: Open, key: SoftPasskey) -> None:
    for counter, path in ((7, "/console/"), (7, "/console/sign-in/second-factor/passkey"), (9, "/console/")):
        anybody = browser()
        page = anybody.sign_in("mary", PASSWORD)
        key.counter = counter
        signed = key.show(_options(page), counts=False)
        assert _show(anybody, signed, page).response.url.path == path


def test_a_passkey_that_does_not_count_is_good_more_than_once(browser: Open, key: SoftPasskey) -> None:
    for _ in range(2):
        anybody = browser()
        page = anybody.sign_in("mary", PASSWORD)
        assert _show(anybody, key.show(_options(page), counts=False), page).response.url.path == "/console/"


def test_adding_one_needs_the_password_a_true_browser_and_happens_once(
    context: Context, browser: Open, origin: str
) -> None:
    mary = browser("mary")
    page = mary.get("/console/account/security")
    assert "is wrong" in mary.send(page, "/security/passkey", {"password": "wrong horse"}).text
    key = SoftPasskey("https://evil.example", urlsplit(origin).hostname or "")
    page = mary.send(page, "/security/passkey", {"password": PASSWORD})
    credential = key.create(_options(page))
    assert "created no passkey" in mary.send(page, "/passkey/confirm", {"credential": credential}).text
    # The challenge is used up; it is not tried again.
    key.origin = origin
    mary.send(page, "/passkey/confirm", {"credential": key.create(_options(page))})
    assert not owned.factors_of(context, accounts.account_named(context, "mary").id).any
