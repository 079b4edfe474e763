"""The settings in the console: every tab saved and reloaded, refused with bad input, tested, taken back."""

from collections.abc import Callable
from typing import Any

import pytest

from services.api.console.settings.fields import fields_of
from services.api.console.settings.tabs import MADE_BY_ROLLCALL, TABS
from services.api.use_cases.settings import read_settings, replace_section
from shared.errors import BadCredentials, RollcallError
from shared.settings.documents import Section, SiteSettings
from shared.worker.context import Context
from shared.worker.questions import unseal
from tests.integration.api.conftest import CLIENT_SECRET, SECRET
from tests.integration.console.conftest import Open
from tests.support.relay import some_public_key

pytestmark = pytest.mark.usefixtures("people", "ready")
Changes = dict[str, str | list[str] | None]
SETTINGS = "/console/settings"

PUBLIC_KEY = some_public_key()

SAVED: dict[str, tuple[Changes, Callable[[SiteSettings], Any], Any]] = {
    "directory": (
        {"servers": "dc1.corp.example\r\n\r\n dc2.corp.example ", "attributes.number": "ipPhone"},
        lambda s: (s.directory.servers, s.directory.attributes.number),
        (("dc1.corp.example", "dc2.corp.example"), "ipPhone"),
    ),
    "units": (
        {"units.1.dn": "OU=Support,DC=corp,DC=example", "units.1.template_extension": "900"},
        lambda s: [(unit.dn, unit.template_extension) for unit in s.directory.units],
        [("OU=Sales,DC=corp,DC=example", None), ("OU=Support,DC=corp,DC=example", "900")],
    ),
    "rules": (
        {"when_deleted": "disable", "add_missing": None, "add_to_departments": "yes"},
        lambda s: (s.rules.when_deleted, s.rules.add_missing, s.rules.add_to_departments),
        ("disable", False, True),
    ),
    "limits": (
        {"removals": "8", "removals_percent": "2.5"},
        lambda s: (s.limits.removals, s.limits.removals_percent),
        (8, 2.5),
    ),
    "schedule": (
        {"is_enabled": "yes", "mode": "times", "times": "07:30\r\n13:00", "time_zone": "Europe/Berlin"},
        lambda s: (s.schedule.is_enabled, s.schedule.mode, s.schedule.times, s.schedule.time_zone),
        (True, "times", ("07:30", "13:00"), "Europe/Berlin"),
    ),
    "phone-system": (
        {"base_url": "https://other.example.test:5001/", "client_secret": "fresh fresh fresh"},
        lambda s: (s.phone_system.base_url, s.phone_system.client_secret.get_secret_value()),
        ("https://other.example.test:5001", "fresh fresh fresh"),
    ),
    "archive": (
        {"is_enabled": "yes", "extension": "999", "voicemails": None},
        lambda s: (s.archive.is_enabled, s.archive.extension, s.archive.voicemails, s.archive.recordings),
        (True, "999", False, True),
    ),
    "relay": (
        {"host": " pbx.example.com ", "port": "8802", "public_key": PUBLIC_KEY},
        lambda s: (s.relay.host, s.relay.port, s.relay.public_key),
        ("pbx.example.com", 8802, PUBLIC_KEY),
    ),
}
REFUSED: list[tuple[str, Changes, str, str]] = [
    ("directory", {"filter": "company=Example"}, "filter", "An LDAP filter stands in brackets"),
    ("directory", {"security": "plain"}, "security", "sends the password readable"),
    ("directory", {"page_size": "5"}, "page_size", "At least 10."),
    ("directory", {"number_rule.min_digits": "6"}, "number_rule.min_digits", "greater than max_digits"),
    ("directory", {"attributes.number": "no good"}, "attributes.number", "such as ipPhone"),
    ("units", {"units.1.dn": "Sales"}, "units.1.dn", "is not a distinguished name"),
    ("units", {"units.1.template_extension": "x"}, "units.1.template_extension", "2 to 10 digits"),
    ("units", {"units.1.dn": "ou=sales,dc=corp,dc=example"}, "units", "listed twice"),
    ("rules", {"adoption": "sometimes"}, "adoption", "Choose one of the list."),
    ("limits", {"removals": "many"}, "removals", "Enter a whole number."),
    ("limits", {"updates_percent": "101"}, "updates_percent", "At most 100.0."),
    ("limits", {"removals": ""}, "removals", "Enter a whole number."),
    ("schedule", {"every_minutes": "0"}, "every_minutes", "At least 1."),
    ("schedule", {"times": "25:00"}, "times", "written HH:MM"),
    ("schedule", {"time_zone": "Mars/Olympus"}, "time_zone", "is not a time zone"),
    ("schedule", {"is_enabled": "yes", "mode": "times", "times": ""}, "times", "at least one time of day"),
    ("phone-system", {"base_url": "http://pbx.example.com"}, "base_url", "must be https"),
    ("phone-system", {"allowed_roles": "system"}, "allowed_roles", "internal role"),
    ("archive", {"is_enabled": "yes"}, "is_enabled", "need the relay"),
    ("relay", {"public_key": "MCow"}, "public_key", "is not a public key"),
    ("relay", {"port": "70000"}, "port", "At most 65535."),
]


def _settings(context: Context) -> SiteSettings:
    return read_settings(context, "default").settings


def test_every_setting_has_its_place_on_one_tab() -> None:
    shown = [(tab.section, name) for tab in TABS for _, names in tab.groups for name in names]
    assert len(set(shown)) == len(shown)
    every = {(section, name) for section in Section for name in fields_of(section)}
    assert set(shown) == every - MADE_BY_ROLLCALL


@pytest.mark.parametrize("tab", SAVED)
def test_a_tab_is_saved_and_shows_what_was_saved(context: Context, browser: Open, tab: str) -> None:
    changes, read, wanted = SAVED[tab]
    before = _settings(context)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/{tab}"), f"/{tab}", changes)
    assert "Saved: version" in page.text
    stored = read_settings(context, "default")
    assert read(stored.settings) == wanted
    assert stored.settings.directory.password == before.directory.password
    # Sent again as it is shown, nothing changes: no field is lost on the way.
    mary.send(page, f"/{tab}")
    assert read_settings(context, "default") == stored


@pytest.mark.parametrize(("tab", "changes", "field", "said"), REFUSED)
def test_what_cannot_be_used_is_said_at_its_field_and_nothing_is_saved(
    context: Context, browser: Open, tab: str, changes: Changes, field: str, said: str
) -> None:
    before = read_settings(context, "default")
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/{tab}"), f"/{tab}", changes)
    assert page.status == 422
    assert "Nothing was saved." in page.text
    error = page.response.text.partition(f'id="e-{field}">')[2].partition("<")[0]
    assert said in error.replace("&#39;", "'")
    assert read_settings(context, "default") == before
    # What was typed is still there.
    sent = dict(page.form(f"/{tab}").values)
    for name, value in changes.items():
        if isinstance(value, str) and name != "adoption":
            assert sent[name] == value


def test_an_exclusion_is_added_saved_and_removed_without_javascript(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/exclude")
    assert "Nobody is excluded." in page.text
    page = mary.send(page, "/exclude", button=("action", "add:exclusions"))
    page = mary.send(
        page,
        "/exclude",
        {"exclusions.0.kind": "numbers", "exclusions.0.value": "900-999"},
        ("action", "add:exclusions"),
    )
    page = mary.send(page, "/exclude", {"exclusions.1.value": "=cmd|'/C calc'!A0"})
    assert [(item.kind, item.value) for item in _settings(context).rules.exclusions] == [
        ("numbers", "900-999"),
        ("exact", "=cmd|'/C calc'!A0"),
    ]
    page = mary.send(page, "/exclude", button=("action", "remove:exclusions:0"))
    mary.send(page, "/exclude")
    assert [item.value for item in _settings(context).rules.exclusions] == ["=cmd|'/C calc'!A0"]


def test_a_row_that_nobody_filled_in_is_dropped(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/units"), "/units", button=("action", "add:units"))
    mary.send(page, "/units")
    assert len(_settings(context).directory.units) == 2


def test_units_change_their_order(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/units"), "/units", button=("action", "up:units:1"))
    assert _settings(context).directory.units[0].dn.startswith("OU=Sales")
    mary.send(page, "/units")
    assert _settings(context).directory.units[0].dn.startswith("OU=IT")


def test_a_stored_secret_is_never_shown_stays_when_not_typed_and_can_be_forgotten(
    context: Context, browser: Open
) -> None:
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/directory")
    assert SECRET not in page.response.text
    page = mary.send(page, "/directory", {"user": "other@corp.example"})
    assert _settings(context).directory.password.get_secret_value() == SECRET
    history = mary.get(f"{SETTINGS}/directory/history")
    assert SECRET not in history.response.text
    assert "other@corp.example" in history.text
    mary.send(page, "/directory", {"password.clear": "yes"})
    assert _settings(context).directory.password.get_secret_value() == ""


def test_somebody_elses_change_meanwhile_is_not_overwritten_unawares(context: Context, browser: Open) -> None:
    mary = browser("mary")
    mine = mary.get(f"{SETTINGS}/limits")
    replace_section(context, "default", Section.LIMITS, {"disables": 99}, "somebody")
    page = mary.send(mine, "/limits", {"removals": "8"})
    assert page.status == 422
    assert "changed meanwhile" in page.text
    assert _settings(context).limits.removals == 5
    # Meant, it is saved.
    mary.send(page, "/limits")
    assert _settings(context).limits.removals == 8


def test_tabs_of_one_document_leave_each_other_alone(context: Context, browser: Open) -> None:
    mary = browser("mary")
    mary.send(
        mary.send(mary.get(f"{SETTINGS}/exclude"), "/exclude", button=("action", "add:exclusions")),
        "/exclude",
        {"exclusions.0.value": "Test"},
    )
    mary.send(mary.get(f"{SETTINGS}/rules"), "/rules", {"when_deleted": "keep"})
    rules = _settings(context).rules
    assert (rules.when_deleted, len(rules.exclusions)) == ("keep", 1)


def test_an_earlier_version_is_taken_back_without_its_secret(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/phone-system")
    mary.send(page, "/phone-system", {"client_id": "other", "client_secret": "fresh fresh fresh"})
    history = mary.get(f"{SETTINGS}/phone-system/history")
    assert "rollcall" in history.text
    assert CLIENT_SECRET not in history.response.text
    page = mary.send(history, "/restore", button=("version", "1"))
    assert "Saved: version 3" in page.text
    stored = _settings(context).phone_system
    assert (stored.client_id, stored.client_secret.get_secret_value()) == ("rollcall", "fresh fresh fresh")


def test_the_history_tells_of_lists_what_came_and_what_went(browser: Open) -> None:
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/units")
    mary.send(page, "/units", {"units.1.dn": "OU=Support,DC=corp,DC=example"})
    text = mary.get(f"{SETTINGS}/units/history").response.text
    newest = text.partition("<strong>2</strong>")[2].partition("<strong>1</strong>")[0]
    assert "<del>OU=IT,DC=corp,DC=example</del>" in newest
    assert "<ins>OU=Support,DC=corp,DC=example</ins>" in newest
    assert "OU=Sales" not in newest


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
    assert "It works" in page.text
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
        lambda _: {"version": "20.0.6", "used_extensions": 212, "max_extensions": None, "warnings": []},
    )
    answering("relay_client.list_extensions", lambda _: [{"number": "900", "name": "Template <b>"}])
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/phone-system"), "/phone-system", button=("action", "test"))
    assert "It works" in page.text
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


def test_why_an_end_refuses_is_said(context: Context, browser: Open, answering: Callable[..., None]) -> None:
    def _answer(arguments: dict[str, Any]) -> dict[str, Any]:
        error: RollcallError = BadCredentials("3CX refused the client secret. Make a new key.")
        raise error

    answering("relay_client.test_phone_system", _answer)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/phone-system"), "/phone-system", button=("action", "test"))
    assert page.status == 422
    assert "3CX refused the client secret. Make a new key." in page.text


def test_units_are_chosen_by_browsing(
    context: Context, browser: Open, answering: Callable[..., None]
) -> None:
    def _answer(arguments: dict[str, Any]) -> list[dict[str, Any]]:
        if arguments["base"] == "OU=All,DC=corp,DC=example":
            return [{"dn": "OU=A\\, B,OU=All,DC=corp,DC=example", "name": "A, B", "people": 3, "units": 0}]
        return [{"dn": "OU=All,DC=corp,DC=example", "name": "All", "people": 30, "units": 4}]

    answering("collector.browse_units", _answer)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/units"), "/units", button=("action", "browse:"))
    assert "30 people" in page.text
    page = mary.send(page, "/units", button=("action", "browse:OU=All,DC=corp,DC=example"))
    page = mary.send(page, "/units", button=("action", "take:OU=A\\, B,OU=All,DC=corp,DC=example"))
    mary.send(page, "/units")
    assert [unit.dn for unit in _settings(context).directory.units][
        -1
    ] == "OU=A\\, B,OU=All,DC=corp,DC=example"


def test_a_page_of_settings_that_does_not_exist_is_said(browser: Open) -> None:
    mary = browser("mary")
    assert mary.get(f"{SETTINGS}/nothing").status == 404
    assert mary.get(SETTINGS).response.url.path == f"{SETTINGS}/directory"


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
    page = mary.send(page, "/relay", {"pairing_code": "ABCD-EFGH"}, ("action", "pair"))
    assert "Paired:" in page.text
    key = _settings(context).relay.signing_key.get_secret_value()
    assert key
    assert key not in page.response.text
    page = mary.send(page, "/relay", button=("action", "test"))
    assert "archiving cannot work yet" in page.text
    assert "No rights." in page.text
    assert "2 MB" in page.text
