"""The settings in the console: every tab saved and reloaded, refused with bad input, tested, taken back."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from services.api.settings.forms.tabs import TABS
from shared.settings.documents import Section, SiteSettings
from shared.settings.fields import fields_of
from shared.worker.context import Context
from tests.integration.console.conftest import Open
from tests.support.relay import some_public_key

pytestmark = pytest.mark.usefixtures("people", "ready")
Changes = dict[str, str | list[str] | None]
SETTINGS = "/console/settings"

PUBLIC_KEY = some_public_key()

SAVED: dict[str, tuple[Changes, Callable[[SiteSettings], Any], Any]] = {
    "directory": (
        # The password is for the first one; a second one needs it again.
        {
            "servers": "dc1.corp.example\r\n\r\n dc2.corp.example ",
            "password": "again",
            "attributes.number": "ipPhone",
        },
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
    "password": (
        {"managers": "100\r\n101", "others_may_view": "yes"},
        lambda s: (s.sign_in.managers, s.sign_in.others_may_view),
        (("100", "101"), True),
    ),
    "relay": (
        {"host": " pbx.example.com ", "port": "8802", "public_key": PUBLIC_KEY},
        lambda s: (s.relay.host, s.relay.port, s.relay.public_key),
        ("pbx.example.com", 8802, PUBLIC_KEY),
    ),
}
REFUSED: list[tuple[str, Changes, str, str]] = [
    ("directory", {"filter": "company=Example"}, "filter", "Put the LDAP filter in brackets"),
    ("directory", {"security": "plain"}, "security", "password is readable"),
    ("directory", {"page_size": "5"}, "page_size", "Enter at least 10."),
    (
        "directory",
        {"number_rule.min_digits": "6"},
        "number_rule.min_digits",
        "Must not exceed the maximum of 5 digits.",
    ),
    ("directory", {"attributes.number": "no good"}, "attributes.number", "e.g. ipPhone"),
    ("units", {"units.1.dn": "Sales"}, "units.1.dn", "is not a distinguished name"),
    ("units", {"units.1.template_extension": "x"}, "units.1.template_extension", "2 to 10 digits"),
    ("units", {"units.1.dn": "ou=sales,dc=corp,dc=example"}, "units", "listed twice"),
    ("rules", {"adoption": "sometimes"}, "adoption", "Choose one of "),
    ("limits", {"removals": "many"}, "removals", "Enter a whole number."),
    ("limits", {"updates_percent": "101"}, "updates_percent", "Enter at most 100."),
    ("limits", {"removals": ""}, "removals", "Enter a whole number."),
    ("schedule", {"every_minutes": "0"}, "every_minutes", "Enter at least 1."),
    ("schedule", {"times": "25:00"}, "times", "written HH:MM"),
    ("schedule", {"time_zone": "Mars/Olympus"}, "time_zone", "is not a time zone"),
    ("schedule", {"is_enabled": "yes", "mode": "times", "times": ""}, "times", "at least one time of day"),
    ("phone-system", {"base_url": "http://pbx.example.com"}, "base_url", "must be https"),
    ("phone-system", {"allowed_roles": "system"}, "allowed_roles", "internal role"),
    (
        "archive",
        {"is_enabled": "yes"},
        "is_enabled",
        "Set “Host” (Relay) and “Public key of the relay” (Relay)",
    ),
    ("archive", {"is_enabled": "yes", "voicemails": None, "recordings": None}, "voicemails", "or both"),
    ("relay", {"public_key": "MCow"}, "public_key", "is not a public key"),
    ("relay", {"port": "70000"}, "port", "Enter at most 65535."),
]


def _settings(context: Context) -> SiteSettings:
    return context.site_settings("default").settings


def test_every_setting_has_its_place_on_one_tab() -> None:
    shown = [
        (tab.section, field.name) for tab in TABS for group in tab.groups for field in tab.fields_in(group)
    ]
    assert len(set(shown)) == len(shown)
    every = {(section, name) for section in Section for name in fields_of(section)}
    # Created by pairing, never typed; and other domains, each of which is a form of its own.
    others = {(Section.DIRECTORY, "name"), (Section.DIRECTORIES, "others")}
    assert every - set(shown) == {(Section.RELAY, "signing_key"), *others}


@pytest.mark.parametrize("tab", SAVED)
def test_a_tab_is_saved_and_shows_what_was_saved(context: Context, browser: Open, tab: str) -> None:
    changes, read, wanted = SAVED[tab]
    before = _settings(context)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/{tab}"), f"/{tab}", changes)
    assert "Saved (version" in page.text
    stored = context.site_settings("default")
    assert read(stored.settings) == wanted
    secret = before.directory.password if "password" not in changes else SecretStr(str(changes["password"]))
    assert stored.settings.directory.password == secret
    # Sent again as it is shown, nothing changes: no field is lost on the way.
    mary.send(page, f"/{tab}")
    assert context.site_settings("default") == stored


@pytest.mark.parametrize("tab", sorted({tab for tab, *_ in REFUSED}))
def test_what_cannot_be_used_is_said_at_its_field_and_nothing_is_saved(
    context: Context, browser: Open, tab: str
) -> None:
    before = context.site_settings("default")
    mary = browser("mary")
    for changes, field, said in [case[1:] for case in REFUSED if case[0] == tab]:
        page = mary.send(mary.get(f"{SETTINGS}/{tab}"), f"/{tab}", changes)
        assert page.status == 422, changes
        assert page.mistakes == []
        assert "Not saved." in page.text
        error = page.response.text.partition(f'id="e-{field}">')[2].partition("<")[0]
        assert said in error.replace("&#39;", "'"), changes
        if field != "units":
            given = page.fields[field]
            assert given["aria-invalid"] == "true"
            assert f"e-{field}" in (given["aria-describedby"] or "").split()
            assert f"#f-{field}" in page.links
        assert context.site_settings("default") == before
        # What was typed is still there.
        sent = page.form(f"/{tab}").values
        for name, value in changes.items():
            if isinstance(value, str) and name != "adoption":
                assert (name, value) in sent


def test_a_page_of_settings_that_does_not_exist_is_said(browser: Open) -> None:
    mary = browser("mary")
    assert mary.get(f"{SETTINGS}/nothing").status == 404
    assert mary.get(SETTINGS).response.url.path == f"{SETTINGS}/directory"


def test_another_domain_is_added_read_back_and_removed_on_the_same_forms(
    context: Context, browser: Open
) -> None:
    before = context.site_settings("default")
    mary = browser("mary")
    of = "directory=emea.example"
    empty = mary.get(f"{SETTINGS}/directory?{of}")
    assert empty.mistakes == []
    assert 'value="dc1' not in empty.response.text
    refused = mary.send(empty, "#settings", {"servers": "dc1.emea.example", "filter": "x=y"})
    assert "Put the LDAP filter in brackets" in refused.response.text
    assert context.site_settings("default") == before
    account: Changes = {
        "servers": "dc1.emea.example",
        "user": "rollcall@emea.example",
        "password": "their secret",
    }
    page = mary.send(empty, "#settings", account)
    assert "Saved (version 1)" in page.text
    units = mary.get(f"{SETTINGS}/units?{of}")
    units = mary.send(units, "#settings", button=("action", "add:units"))
    page = mary.send(units, "#settings", {"units.0.dn": "OU=Sales,DC=emea,DC=example"})
    assert "Saved (version 2)" in page.text
    stored = context.site_settings("default").settings
    (other,) = stored.directories.others
    assert (other.name, other.servers, other.password.get_secret_value()) == (
        "emea.example", ("dc1.emea.example",), "their secret",
    )  # fmt: skip
    assert [unit.dn for unit in other.units] == ["OU=Sales,DC=emea,DC=example"]
    assert stored.directory == before.settings.directory
    first = mary.get(f"{SETTINGS}/directory")
    assert f"{SETTINGS}/directory?{of}" in first.links
    removed = mary.get(f"{SETTINGS}/directory?{of}")
    mary.send(removed, "#settings", button=("action", "remove-directory"))
    assert context.site_settings("default").settings == before.settings
