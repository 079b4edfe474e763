"""Every page: it opens, is well-formed, loads only our own files, and shows what others wrote as text."""

import json
from datetime import UTC, datetime

import pytest

from services.api.access.tokens import create_token
from services.api.settings.use_cases.sections import apply_settings
from shared.database.events import LogEntry, record
from shared.database.tables import OutboxRow, RunState
from shared.domain.command import Command, CommandKind
from shared.worker.context import Context
from tests.integration.api.builders import (
    ADA,
    bind,
    complete_units,
    make_person,
    make_plan,
    make_run,
    set_state,
)
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people")

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd|' /C calc'!A0",
    "{{ 7*7 }}",
    "'; --",
)
PAGES = (
    "/", "/runs", "/runs/1", "/runs/1/plan", "/runs/1/plan/row?row=1", "/runs/1/plan/print", "/exclusions?who=204:Ada", "/take-over", "/runs/1/findings", "/runs/2", "/runs/2/plan", "/log", "/log?level=error",
    "/people", f"/people?q={ADA}", "/people?q=nobody", "/settings/directory", "/settings/units", "/settings/exclude", "/settings/numbers",
    "/settings/rules", "/settings/limits", "/settings/schedule", "/settings/phone-system", "/settings/archive", "/settings/site", "/settings/site/history",
    "/settings/directory/history", "/accounts", "/account", "/account/security", "/tokens", "/audit?check=1", "/support",
    "/sites", "/log/clear", "/nowhere", "/wizard/directory", "/wizard/phone-system", "/wizard/rules", "/wizard/preview",
    "/wizard/schedule", "/database", "/settings/relay", "/settings/password", "/settings/ad-accounts", "/settings/single-sign-on", "/settings/second-factor", "/settings/rules/history",
    "/settings/notifications", "/notifications", "/help", "/help?q=backup", "/search", "/search?q=%230001", "/search?q=nothing-like-it", "/help/install",
)  # fmt: skip


@pytest.fixture
def full(ready: Context) -> Context:
    """A site with one of everything, and hostile texts wherever others may write."""
    name = HOSTILE[0] + HOSTILE[1]
    commands = [
        Command(
            number,
            kind,
            f"{name} {{{{ 7*7 }}}}",
            number="=1+1",
            person_guid=ADA,
            person_name=name,
            before={"first_name": HOSTILE[2], "departments": HOSTILE},
            after={"first_name": HOSTILE[0], "departments": HOSTILE[1:2]},
            unit=f"OU={HOSTILE[1]}",
            evidence=HOSTILE[0],
        )
        for number, kind in enumerate(CommandKind, start=1)
    ]
    first, _ = make_plan(ready, commands)
    complete_units(ready, first, [make_person(last_name=name, login=HOSTILE[0], display_name=HOSTILE[1])])
    bind(ready, name=name)
    set_state(ready, first, RunState.FAILED, error_message=name, finished_at=datetime.now(UTC))
    assert make_run(ready) == 2
    with ready.database.begin() as session:
        for state in ("pending", "sent", "failed"):
            session.add(
                OutboxRow(
                    site_id="default", channel="email", kind="run_failed", severity="error", message_id="m", title=name, lines=[],
                    path="/runs", state=state, error_message=HOSTILE[0], created_at=datetime.now(UTC),
                    due_at=datetime.now(UTC), sent_at=datetime.now(UTC),
                )
            )  # fmt: skip
        record(session, "default", *(LogEntry("test.hostile", text, actor=text) for text in HOSTILE))
    apply_settings(
        ready,
        "default",
        {"rules": {"exclusions": [{"kind": "exact", "value": text} for text in HOSTILE]}},
        HOSTILE[0],
    )
    create_token(ready, HOSTILE[0], 1, HOSTILE[1])
    return ready


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("name", ["mary", "oscar", "vera"])
def test_every_page_is_well_formed_and_loads_nothing_from_elsewhere(browser: Open, name: str) -> None:
    somebody = browser(name)
    for path in PAGES:
        page = somebody.get(f"/console{path}")
        assert page.status in (200, 403, 404), path
        assert page.mistakes == [], path
        assert all(address.startswith("/console/static/") for address in page.loaded), path
        # Only the documentation names others' pages.
        places = ("/", "#", "https://") if path.startswith("/help") else ("/", "#")
        assert all(link.startswith(places) for link in page.links), path
        assert page.text.strip(), path
        # Every field says what it is for.
        for field, given in page.fields.items():
            is_named = given.get("type") in ("hidden", "checkbox") or given.get("id") in page.labels
            is_named = is_named or bool(given.get("aria-label"))
            assert is_named, (path, field)


@pytest.mark.usefixtures("full")
def test_what_others_wrote_is_shown_as_text(browser: Open) -> None:
    mary = browser("mary")
    for path in PAGES:
        answer = mary.get(f"/console{path}")
        text = answer.response.text
        assert "<script>" not in text, path
        assert "<img src=x" not in text, path
        assert "49" not in text.partition("<main")[2].partition("7*7")[0][-2:], path
    plan = mary.get("/console/runs/1/plan")
    assert HOSTILE[0] in plan.text
    assert HOSTILE[1] in plan.text
    assert "{{ 7*7 }}" in plan.text
    assert HOSTILE[2] in mary.get("/console/log").text


@pytest.mark.usefixtures("full")
def test_every_link_of_every_page_leads_somewhere(browser: Open) -> None:
    mary = browser("mary")
    links = {
        link.partition("#")[0]
        for path in PAGES
        for link in mary.get(f"/console{path}").links
        if link.startswith("/")
    }
    assert len(links) > 40
    for link in sorted(links):
        # A file that takes longer has a page until it is there.
        made_meanwhile = {202} if "/export" in link or link.endswith("/pdf") else set()
        assert mary.http.get(link).status_code in {200} | made_meanwhile, link


def test_files_are_ours_and_kept_by_browsers_until_they_change(browser: Open) -> None:
    page = browser().get("/console/sign-in")
    assert len(page.loaded) >= 3
    for address in page.loaded:
        answer = browser().http.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert browser().get("/console/static/../app.py").status == 404


@pytest.mark.parametrize("path", ["/", "/console"])
def test_the_address_alone_leads_to_the_console(browser: Open, path: str) -> None:
    assert browser().get(path).response.url.path == "/console/sign-in"


def test_the_set_up_page_is_well_formed(browser: Open) -> None:
    page = browser().get("/console/set-up")
    assert page.status == 200
    assert page.mistakes == []


@pytest.mark.usefixtures("ready")
def test_the_api_still_answers_with_problem_documents(browser: Open) -> None:
    mary = browser("mary")
    answer = mary.http.get("/api/v1/sites")
    assert answer.status_code == 401
    assert json.loads(answer.text)["code"] == "unauthorized"


@pytest.mark.usefixtures("full")
def test_a_page_is_light(browser: Open) -> None:
    mary = browser("mary")
    for path in PAGES:
        page = mary.get(f"/console{path}")
        weight = len(page.response.content) + sum(len(mary.http.get(one).content) for one in set(page.loaded))
        assert weight < 150_000, path
