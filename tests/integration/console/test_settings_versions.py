"""Versions of the settings: secrets that stay, changes of others, the history, and the way back."""

import pytest

from services.api.settings.use_cases.sections import replace_section
from shared.settings.documents import Section, SiteSettings
from shared.worker.context import Context
from tests.integration.api.conftest import CLIENT_SECRET, SECRET
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")
SETTINGS = "/console/settings"


def _settings(context: Context) -> SiteSettings:
    return context.site_settings("default").settings


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
    page = mary.send(page, "/directory", {"password": "another one"})
    newest = mary.get(f"{SETTINGS}/directory/history")
    assert "another one" not in newest.response.text
    assert "<ins>changed</ins>" in newest.response.text.partition("<strong>2</strong>")[0]
    mary.send(page, "/directory", {"password.clear": "yes"})
    assert "<ins>removed</ins>" in mary.get(f"{SETTINGS}/directory/history").response.text
    assert _settings(context).directory.password.get_secret_value() == ""


def test_somebody_elses_change_meanwhile_is_not_overwritten_unawares(context: Context, browser: Open) -> None:
    mary = browser("mary")
    mine = mary.get(f"{SETTINGS}/limits")
    replace_section(context, "default", Section.LIMITS, {"disables": 99}, "somebody")
    page = mary.send(mine, "/limits", {"removals": "8"})
    assert page.status == 422
    assert "someone else changed these settings in the meantime" in page.text
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
    assert "Saved (version 3)" in page.text
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


def test_the_way_back_is_refused_when_somebody_saved_meanwhile(context: Context, browser: Open) -> None:
    mary = browser("mary")
    for disables in (11, 12):
        replace_section(context, "default", Section.LIMITS, {"disables": disables}, "somebody")
    history = mary.get(f"{SETTINGS}/limits/history")
    replace_section(context, "default", Section.LIMITS, {"disables": 99}, "somebody")
    page = mary.send(history, "#back-1", button=("version", "1"))
    assert page.status == 412
    assert _settings(context).limits.disables == 99
    mary.send(mary.get(f"{SETTINGS}/limits/history"), "#back-1", button=("version", "1"))
    assert _settings(context).limits.disables == 11


def test_a_viewer_sees_the_settings_and_changes_nothing(context: Context, browser: Open) -> None:
    before = context.site_settings("default")
    for name in ("vera", "oscar"):
        somebody = browser(name)
        page = somebody.get(f"{SETTINGS}/limits")
        assert page.status == 200
        assert page.form("#settings").buttons == []
        token = dict(page.form("#settings").values)["form_token"]
        for path in ("limits", "limits/restore", "directory", "relay"):
            answer = somebody.http.post(
                f"{SETTINGS}/{path}",
                data={"form_token": token, "removals": "99", "version": "1", "action": "test"},
            )
            assert answer.status_code == 403, path
        assert somebody.get(f"{SETTINGS}/choices/extensions").status == 403
    assert context.site_settings("default") == before
