"""The ends are asked from the settings: tested, and what they offer to choose from."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from services.api.settings.use_cases.sections import replace_section
from shared.errors import BadCredentials, RollcallError, SettingsInvalid
from shared.settings.documents import DirectorySettings, Section, SiteSettings
from shared.worker.context import Context
from shared.worker.questions import unseal
from tests.integration.console.conftest import Open
from tests.support.relay import some_public_key

pytestmark = pytest.mark.usefixtures("people", "ready")
SETTINGS = "/console/settings"
PUBLIC_KEY = some_public_key()


def _settings(context: Context) -> SiteSettings:
    return context.site_settings("default").settings


def test_the_directory_is_tested_with_what_is_filled_in_and_nothing_is_saved(
    context: Context, browser: Open, answering: Callable[..., None]
) -> None:
    asked: list[Any] = []

    def _answer(arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(unseal(Section.DIRECTORY, arguments["settings"], context.encryption))
        return {
            "server": "dc9.corp.example:636",
            "units": [{"dn": "OU=Sales,DC=corp,DC=example", "people": 1280}],
            "seconds": 0.14,
            "warnings": ["The certificate expires in 3 days."],
        }

    answering("collector.test_directory", _answer)
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/directory")
    page = mary.send(
        page, "/directory", {"servers": "dc9.corp.example", "password": "typed just now"}, ("action", "test")
    )
    assert "Connection successful" in page.text
    assert "1,280 people" in page.text
    assert "The certificate expires in 3 days." in page.text
    assert asked[0].servers == ("dc9.corp.example",)
    assert asked[0].password.get_secret_value() == "typed just now"
    assert _settings(context).directory.servers == ("dc1.corp.example",)
    # What was typed for the test is what is saved after it.
    mary.send(page, "/directory")
    assert _settings(context).directory.password.get_secret_value() == "typed just now"


def test_the_phone_system_is_tested_and_its_extensions_are_offered(
    browser: Open, answering: Callable[..., None]
) -> None:
    answering(
        "relay_client.test_phone_system",
        lambda _: {
            "version": "20.0.6",
            "used_extensions": 212,
            "max_extensions": None,
            "is_limit_known": True,
            "warnings": [],
        },
    )
    answering("relay_client.list_extensions", lambda _: [{"number": "900", "name": "Template <b>"}])
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/phone-system"), "/phone-system", button=("action", "test"))
    assert "Connection successful" in page.text
    assert "20.0.6" in page.text
    # That a secret is stored is still known.
    assert "leave empty to keep it" in str(page.fields["client_secret"]["placeholder"])
    page = mary.send(mary.get(f"{SETTINGS}/units"), "/units", button=("action", "extensions"))
    assert page.mistakes == []
    assert '<option value="900">Template &lt;b&gt;</option>' in page.response.text
    assert page.fields["units.0.template_extension"]["list"] == "known-extensions"


def test_attributes_are_offered_with_samples(browser: Open, answering: Callable[..., None]) -> None:
    answering(
        "collector.list_attributes",
        lambda _: [{"name": "ipPhone", "people": 200, "filled": 190, "numbers": 188, "samples": ["204"]}],
    )
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/directory"), "/directory", button=("action", "attributes"))
    assert page.mistakes == []
    assert "190 of 200" in page.text
    assert page.fields["attributes.number"]["list"] == "known-attributes"
    assert '<option value="ipPhone">204</option>' in page.response.text
    # The page's script fills the list by itself.
    address = f"{SETTINGS}/choices/attributes"
    assert f'data-load="{address}"' in mary.get(f"{SETTINGS}/directory").response.text
    assert mary.http.get(address).json() == {"items": [{"value": "ipPhone", "text": "204"}], "reason": ""}


def test_an_expression_is_tried_on_real_people_before_it_is_saved(
    context: Context, browser: Open, answering: Callable[..., None]
) -> None:
    asked: list[dict[str, Any]] = []
    row = {
        "name": "Ada <b>",
        "read": {"ipPhone": "x"},
        "before": "204",
        "after": "",
        "problem": "'x' is not a number.",
    }

    def _answer(arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(arguments)
        return {
            "field": "number", "people": 5000, "is_all": False, "changed": 7, "empty": 12, "problems": 1, "colliding": 2,
            "collisions": [{"value": "300", "people": 9, "names": ["Alan", "Grace"]}],
            "rows": [row | {"collides": False}],
        }  # fmt: skip

    answering("collector.try_mapping", _answer)
    mary = browser("mary")
    typed: dict[str, str | list[str] | None] = {"attributes.number": "first(ipPhone, pager)"}
    page = mary.send(
        mary.get(f"{SETTINGS}/directory"), "/directory", typed, ("action", "try:attributes.number")
    )
    assert page.mistakes == []
    (arguments,) = asked
    wanted = cast(DirectorySettings, unseal(Section.DIRECTORY, arguments["settings"], context.encryption))
    assert (arguments["field"], wanted.attributes.number) == ("number", "first(ipPhone, pager)")
    for said in (
        "tried on 5,000 people, the first of more",
        "Ada <b>",
        "'x' is not a number.",
        "300 Alan, Grace and 7 more",
    ):
        assert said in page.text
    # What was typed is still there, and is not saved.
    assert page.fields["attributes.number"]["value"] == "first(ipPhone, pager)"
    assert _settings(context).directory.attributes.number == "telephoneNumber"


def test_an_expression_that_is_wrong_is_shown_with_its_place(browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(
        mary.get(f"{SETTINGS}/directory"),
        "/directory",
        {"attributes.email": "lower(mail"},
        ("action", "try:attributes.email"),
    )
    assert page.status == 422
    assert '<code class="pointed">lower(mail\n     ^</code>' in page.response.text


def test_why_an_end_refuses_is_said(context: Context, browser: Open, answering: Callable[..., None]) -> None:
    def _answer(arguments: dict[str, Any]) -> dict[str, Any]:
        error: RollcallError = BadCredentials("3CX refused the client secret. Make a new key.")
        raise error

    answering("relay_client.test_phone_system", _answer)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/phone-system"), "/phone-system", button=("action", "test"))
    assert page.status == 422
    assert "3CX refused the client secret. Make a new key." in page.text


def test_the_relay_is_paired_with_the_code_and_what_it_lacks_is_listed(
    context: Context, browser: Open, answering: Callable[..., None]
) -> None:
    answering("relay_client.pair_relay", lambda _: {"address": "pbx.example.com:8801"})
    answering(
        "relay_client.test_relay",
        lambda _: {"address": "pbx", "free_bytes": 2_000_000, "is_usable": False, "problems": ["No rights."]},
    )
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/relay")
    page = mary.send(
        page, "/relay", {"host": "pbx.example.com", "public_key": PUBLIC_KEY}, ("action", "pair")
    )
    assert "Enter the code" in page.text
    replace_section(context, "default", Section.RELAY, {"port": 8802}, "somebody")
    page = mary.send(page, "/relay", {"pairing_code": "ABCD-EFGH"}, ("action", "pair"))
    assert "someone else changed these settings in the meantime" in page.text
    assert not _settings(context).relay.host
    page = mary.send(page, "/relay", {"pairing_code": "ABCD-EFGH"}, ("action", "pair"))
    assert "Paired." in page.text
    key = _settings(context).relay.signing_key.get_secret_value()
    assert key
    assert key not in page.response.text
    page = mary.send(page, "/relay", button=("action", "test"))
    assert "archiving is not possible yet" in page.text
    assert "No rights." in page.text
    assert "2.0 MB" in page.text


def test_the_pages_script_is_given_the_extensions_or_the_reason_why_not(
    browser: Open, answering: Callable[..., None]
) -> None:
    answers: list[Any] = [
        [{"number": "900", "name": "Template"}],
        BadCredentials("3CX refused the client secret."),
    ]

    def _answer(_: dict[str, Any]) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, RollcallError):
            raise answer
        return answer

    answering("relay_client.list_extensions", _answer)
    mary = browser("mary")
    address = f"{SETTINGS}/choices/extensions"
    assert f'data-load="{address}"' in mary.get(f"{SETTINGS}/units").response.text
    assert mary.http.get(address).json() == {"items": [{"value": "900", "text": "Template"}], "reason": ""}
    assert mary.http.get(address).json() == {"items": [], "reason": "3CX refused the client secret."}


def test_a_reason_names_the_fields_as_the_form_does(browser: Open, answering: Callable[..., None]) -> None:
    def _answer(_: dict[str, Any]) -> Any:
        error: RollcallError = BadCredentials("Look at directory.ca_certificate and phone_system.base_url.")
        raise error

    answering("collector.test_directory", _answer)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/directory"), "/directory", button=("action", "test"))
    assert "Look at “CA certificate” and “Address” (Phone system)." in page.text


def test_an_end_that_is_not_filled_in_yet_is_said_beside_the_button(
    browser: Open, answering: Callable[..., None]
) -> None:
    def _answer(_: dict[str, Any]) -> Any:
        error: RollcallError = SettingsInvalid("There is no relay. Set relay.host and relay.public_key.")
        raise error

    answering("relay_client.test_relay", _answer)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/relay"), "/relay", button=("action", "test"))
    assert page.status == 422
    said = page.response.text.partition('id="answer"')[2]
    assert "Set “Host” and “Public key of the relay”" in said
    # Nothing was to be saved, so nothing is said of it.
    assert "Not saved." not in page.text
