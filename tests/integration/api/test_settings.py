"""Settings use cases and routes: whole or not at all, versioned, secrets write-only."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from services.api.settings.use_cases import sections as settings
from shared.database.tables import AuditEntry, Event
from shared.errors import Conflict, NotFound, SettingsInvalid
from shared.settings.candidate import candidate
from shared.settings.documents import Section
from shared.worker.context import Context
from tests.integration.api.conftest import CLIENT_SECRET, READY, SECRET, SITE
from tests.support.relay import absent_relay


def _password(context: Context) -> str:
    return context.site_settings(SITE).settings.directory.password.get_secret_value()


def _everything_said(context: Context) -> str:
    with context.database.read() as session:
        entries = session.scalars(select(Event)).all()
        audited = session.scalars(select(AuditEntry)).all()
    return " ".join([*(entry.message for entry in entries), *(str(entry.details) for entry in audited)])


def test_a_section_is_read_without_its_secret(ready: Context) -> None:
    values, version = settings.read_section(ready, SITE, Section.DIRECTORY)
    assert (values["password"], version) == ("set", 1)


@pytest.mark.parametrize("given", [{}, {"password": None}, {"password": "set"}, {"password": "**********"}])
def test_a_secret_that_is_not_given_stays(ready: Context, given: dict[str, Any]) -> None:
    values = {key: value for key, value in READY["directory"].items() if key != "password"}
    settings.replace_section(ready, SITE, Section.DIRECTORY, values | given | {"page_size": 500}, "anna")
    assert _password(ready) == SECRET


def test_an_empty_secret_clears_it(ready: Context) -> None:
    settings.replace_section(ready, SITE, Section.DIRECTORY, READY["directory"] | {"password": ""}, "anna")
    assert _password(ready) == ""


def test_saving_what_is_stored_makes_no_new_version(ready: Context) -> None:
    assert settings.replace_section(ready, SITE, Section.DIRECTORY, READY["directory"], "anna") == 1


def test_the_log_and_the_audit_name_the_changed_fields_and_no_secret(ready: Context) -> None:
    changed = READY["directory"] | {"password": "another secret", "page_size": 500}
    settings.replace_section(ready, SITE, Section.DIRECTORY, changed, "anna")
    said = _everything_said(ready)
    assert "Page size, Password" in said
    for secret in (SECRET, CLIENT_SECRET, "another secret"):
        assert secret not in said


def test_a_stale_version_is_refused(ready: Context) -> None:
    with pytest.raises(Conflict, match="changed in the meantime"):
        settings.replace_section(ready, SITE, Section.LIMITS, {"removals": 9}, "anna", expected_version=3)


def test_apply_changes_nothing_when_one_section_is_wrong(ready: Context) -> None:
    before = ready.site_settings(SITE)
    with pytest.raises(SettingsInvalid):
        settings.apply_settings(
            ready, SITE, {"limits": {"removals": 9}, "archive": {"is_enabled": True}}, "anna"
        )
    assert ready.site_settings(SITE) == before


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"archive": {"is_enabled": True, "extension": "900"}}, "need the relay"),
        ({"archive": {"is_enabled": True, "voicemails": False, "keep_backup": True}}, "need the relay"),
        ({"archive": {"is_enabled": True}, "relay": absent_relay()}, "Enter the archive extension"),
    ],
    ids=["voicemails", "backup", "extension"],
)
def test_archiving_can_be_chosen_only_where_it_can_be_done(
    ready: Context, sections: dict[str, Any], said: str
) -> None:
    before = ready.site_settings(SITE)
    with pytest.raises(SettingsInvalid, match=said):
        settings.apply_settings(ready, SITE, sections, "anna")
    assert ready.site_settings(SITE) == before


def test_a_relay_that_archiving_needs_cannot_be_taken_away(ready: Context) -> None:
    archive = {"is_enabled": True, "extension": "900"}
    settings.apply_settings(ready, SITE, {"relay": absent_relay(), "archive": archive}, "anna")
    with pytest.raises(SettingsInvalid, match="Nothing was saved"):
        settings.replace_section(ready, SITE, Section.RELAY, {}, "anna")
    recordings = {"is_enabled": True, "voicemails": False}
    settings.apply_settings(ready, SITE, {"relay": {}, "archive": recordings}, "anna")


def test_apply_names_every_mistake_of_every_section(ready: Context) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        settings.apply_settings(
            ready,
            SITE,
            {
                "limit": {},
                "limits": {"removal": 1},
                "archive": {"is_enabled": True, "voicemails": False, "recordings": False},
                "rules": 3,
            },
            "anna",
        )
    for said in (
        "no section 'limit'",
        "removal: Unknown setting.",
        "Archiving needs voicemails",
        "section 'rules' must",
    ):
        assert said in refused.value.message


def test_apply_gives_only_changed_sections_a_new_version(ready: Context) -> None:
    changed = settings.apply_settings(ready, SITE, READY | {"limits": {"removals": 9}}, "anna")
    assert changed == {"limits": 1}


def test_what_was_exported_applies_again_and_changes_nothing(ready: Context) -> None:
    exported = settings.export_settings(ready, SITE)
    assert "password" not in exported["directory"]
    assert settings.apply_settings(ready, SITE, exported, "anna") == {}
    assert _password(ready) == SECRET


def test_an_unknown_site_is_not_found(context: Context) -> None:
    with pytest.raises(NotFound):
        context.site_settings("oslo")


def test_a_candidate_takes_the_stored_secret(ready: Context) -> None:
    stored = ready.site_settings(SITE)
    made = candidate(stored, Section.DIRECTORY, READY["directory"] | {"password": None})
    assert getattr(made, "password") == SecretStr(SECRET)  # noqa: B009


def test_get_never_shows_a_secret(ready: Context, client: httpx.Client) -> None:
    everything = client.get("/api/v1/sites/default/settings").text
    one = client.get("/api/v1/sites/default/settings/phone_system")
    assert SECRET not in everything
    assert CLIENT_SECRET not in everything + one.text
    assert one.json()["values"]["client_secret"] == "set"


def test_put_with_the_current_etag_saves_and_gives_the_next(ready: Context, client: httpx.Client) -> None:
    path = "/api/v1/sites/default/settings/limits"
    etag = client.get(path).headers["ETag"]
    saved = client.put(path, json={"removals": 9}, headers={"If-Match": etag})
    assert (saved.status_code, saved.headers["ETag"], saved.json()["values"]["removals"]) == (200, '"1"', 9)


@pytest.mark.parametrize("tag", ['"7"', "nonsense"])
def test_put_with_a_stale_etag_is_412(ready: Context, client: httpx.Client, tag: str) -> None:
    stale = client.put("/api/v1/sites/default/settings/limits", json={}, headers={"If-Match": tag})
    assert stale.status_code == 412
    assert stale.json()["code"] == "conflict"
    assert stale.json()["details"] == {"current_version": 0}


def test_a_wrong_value_is_a_problem_that_names_its_field(context: Context, client: httpx.Client) -> None:
    answer = client.put("/api/v1/sites/default/settings/limits", json={"removals": -1, "removal": 2})
    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {item["field"] for item in problem["errors"]} == {"removals", "removal"}


def test_a_wrong_value_never_comes_back_with_the_secret(context: Context, client: httpx.Client) -> None:
    bodies: list[tuple[str, Any]] = [
        ("/api/v1/sites/default/settings/directory", {"password": [SECRET], "pasword": SECRET}),
        ("/api/v1/sites/default/settings/directory", [SECRET]),
        ("/api/v1/sites/default/settings", {"directory": SECRET}),
    ]
    for path, body in bodies:
        answer = client.put(path, json=body)
        assert answer.status_code == 422
        assert SECRET not in answer.text


def test_several_sections_are_applied_at_once(ready: Context, client: httpx.Client) -> None:
    answer = client.put("/api/v1/sites/default/settings", json={"limits": {"removals": 9}, "rules": {}})
    # A body without the rule means what it always has, which is not what a new site begins with.
    assert answer.json() == {"changed": {"limits": 1, "rules": 1}}
    again = client.put("/api/v1/sites/default/settings", json={"limits": {"removals": 10}, "rules": {}})
    assert again.json() == {"changed": {"limits": 2}}


def test_the_actor_is_the_token(ready: Context, client: httpx.Client) -> None:
    client.put("/api/v1/sites/default/settings/limits", json={"removals": 9})
    newest = client.get("/api/v1/audit", params={"limit": 1}).json()["items"][0]
    assert (newest["actor"], newest["action"]) == ("token:tester", "settings.changed")
    assert newest["details"] == {
        "section": "limits",
        "version": 1,
        "fields": ["removals"],
        "changes": [["removals", "5", "9"]],
        "changes_in_all": 1,
    }
    assert newest["message"] == "The token “tester” changed the limits settings (version 1)."
    assert newest["changes"] == [{"setting": "Deletions", "before": "5", "after": "9"}]
