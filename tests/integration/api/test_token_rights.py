"""What a token may do: every operation with every role, and tokens of one site at the doors of another."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from services.api.access import tokens
from services.api.access.permissions import OF_ALL_SITES, ROLES, SECTIONS_OF_ALL_SITES
from services.api.app import create_app
from services.api.sites.use_cases import sites
from shared.database.tables import AccountRole, ApiToken, AuditEntry, Run
from shared.settings.documents import Section
from shared.worker.context import Context

OPEN = {"isLive", "isReady"}
# What somebody of one site asks for when the other site is called "other".
_OTHER = {
    "site_id": "other",
    "section": "limits",
    "guid": "x",
    "person": "x",
    "holder": "x",
    "token_id": "1",
    "message_id": "1",
    "number": "200",
}


def _operations(context: Context) -> list[tuple[str, str, str]]:
    """Name, method and path of every operation of the API."""
    document = create_app(context).openapi()
    return [
        (operation["operationId"], method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if operation["operationId"] not in OPEN
    ]


@pytest.fixture
def other_run(context: Context) -> int:
    """A run of the site "other"."""
    sites.create_site(context, "other", "test")
    with context.database.begin() as session:
        return _run(session, "other")


def _run(session: Any, site_id: str) -> int:
    made = Run(
        site_id=site_id,
        kind="preview",
        state="cancelled",
        trigger="api",
        actor="test",
        schedule_slot="",
        settings_versions={},
        selection_hash="",
        counts={},
        hold_reasons={},
        created_at=datetime.now(UTC),
    )
    session.add(made)
    session.flush()
    return int(made.id)


def _ask(client: httpx.Client, token: str, method: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    # A body that no operation can use: whoever may do it is told so, and nothing happens.
    body = json.dumps(["nothing"]) if method in ("POST", "PUT") else None
    with client.stream(method, path, headers=headers, content=body) as answer:
        if answer.status_code >= 400:
            answer.read()
        return answer


def test_every_operation_says_what_it_needs(context: Context) -> None:
    names = {name for name, _, _ in _operations(context)}
    assert len(names) > 30
    assert names == set(ROLES)
    assert names >= OF_ALL_SITES


@pytest.mark.parametrize("role", AccountRole)
def test_every_operation_is_refused_to_lesser_roles_alone(
    client: httpx.Client, context: Context, other_run: int, role: AccountRole
) -> None:
    token = tokens.create_token(context, "somebody", role=role)
    # One that is allowed waits for workers that are not there.
    slow = {"listExtensions", "diagnose"} if role is not AccountRole.VIEWER else set()
    for name, method, path in _operations(context):
        if name in slow or (role is AccountRole.MANAGER and method == "DELETE"):
            # What a manager deletes would be gone.
            continue
        answer = _ask(client, token, method, path.format(**_OTHER, run_id=other_run))
        is_refused = answer.status_code == 403
        assert is_refused == (not role.may(ROLES[name])), (name, answer.status_code)
        if is_refused:
            problem = answer.json()
            assert problem["code"] == "not_allowed"
            assert ROLES[name].value in problem["detail"]


def test_a_token_of_one_site_reaches_nothing_of_another_nor_of_all(
    client: httpx.Client, context: Context, other_run: int
) -> None:
    token = tokens.create_token(context, "local", role=AccountRole.MANAGER, site_id="default")
    for name, method, path in _operations(context):
        written = (str(other_run), f"{other_run}.0", f"0_{other_run}", "\u0661")
        for run_id in written if "{run_id}" in path else written[:1]:
            answer = _ask(client, token, method, path.format(**_OTHER, run_id=run_id))
            # Whether another site or run is there is not told: as if it were not.
            refused = (403, "not_allowed") if name in OF_ALL_SITES else (404, "not_found")
            assert (answer.status_code, answer.json()["code"]) == refused, (name, run_id)


def test_another_sites_run_answers_as_one_that_is_not_there(
    client: httpx.Client, context: Context, other_run: int
) -> None:
    token = tokens.create_token(context, "local", role=AccountRole.MANAGER, site_id="default")
    known, unknown = other_run, other_run + 1000
    for method, path in (
        ("GET", "runs/{}"),
        ("GET", "runs/{}/plan"),
        ("POST", "runs/{}/cancel"),
        ("POST", "runs/{}/apply-now"),
        ("POST", "runs/{}/undo"),
    ):
        there, not_there = (
            _ask(client, token, method, f"/api/v1/{path.format(run)}").json() for run in (known, unknown)
        )
        assert str(there).replace(str(known), "N") == str(not_there).replace(str(unknown), "N")
    answers = [
        _ask(client, token, "GET", f"/api/v1/sites/{site}/runs").json() for site in ("other", "nowhere")
    ]
    assert answers[0]["detail"].replace("other", "N") == answers[1]["detail"].replace("nowhere", "N")


def test_a_token_of_one_site_works_there(client: httpx.Client, context: Context) -> None:
    with context.database.begin() as session:
        run_id = _run(session, "default")
    token = tokens.create_token(context, "local", role=AccountRole.MANAGER, site_id="default")
    for path in ("sites/default/settings", "sites/default/runs", f"runs/{run_id}"):
        assert _ask(client, token, "GET", f"/api/v1/{path}").status_code == 200
    assert _ask(client, token, "GET", "/api/v1/runs/999").status_code == 404


def test_who_may_sign_in_everywhere_is_not_for_a_token_of_one_site_to_say(
    client: httpx.Client, context: Context
) -> None:
    token = tokens.create_token(context, "local", role=AccountRole.MANAGER, site_id="default")
    headers = {"Authorization": f"Bearer {token}"}
    rights = {"password_type": "voicemail_pin", "managers": ["666"]}
    for path, body in (("/sign_in", rights), ("", {"limits": {}, "sign_in": rights})):
        answer = client.put(f"/api/v1/sites/default/settings{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert client.put("/api/v1/sites/default/settings/limits", json={}, headers=headers).status_code == 200
    stored = client.get("/api/v1/sites/default/settings/sign_in").json()
    assert stored["values"]["managers"] == []


def test_who_may_sign_in_everywhere_is_not_shown_to_a_token_of_one_site(
    client: httpx.Client, context: Context
) -> None:
    rule = {"group": "CN=Oslo Quasar", "role": "manager", "site": "other"}
    client.put("/api/v1/sites/default/settings", json={"directory_groups": {"groups": [rule]}})
    token = tokens.create_token(context, "local", role=AccountRole.MANAGER, site_id="default")
    headers = {"Authorization": f"Bearer {token}"}
    for section in SECTIONS_OF_ALL_SITES:
        answer = client.get(f"/api/v1/sites/default/settings/{section}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    answer = client.get("/api/v1/sites/default/settings", headers=headers)
    assert "Quasar" not in answer.text
    shown = {item["section"] for item in answer.json()["sections"]}
    assert shown == {*Section} - SECTIONS_OF_ALL_SITES
    assert "Quasar" in client.get("/api/v1/sites/default/settings").text


def test_role_and_site_are_listed_and_audited(client: httpx.Client, context: Context) -> None:
    body = {"name": "wallboard", "role": "viewer", "site_id": "default", "expires_in_days": 30}
    token = client.post("/api/v1/tokens", json=body).json()["token"]
    listed = client.get("/api/v1/tokens").json()["items"]
    assert [(item["name"], item["role"], item["site_id"]) for item in listed][-1] == (
        "wallboard",
        "viewer",
        "default",
    )
    with context.database.read() as session:
        made = session.scalars(select(AuditEntry).where(AuditEntry.action == "token.created")).all()[-1]
        kept = session.scalars(select(ApiToken).where(ApiToken.name == "wallboard")).one()
    assert (made.details["role"], made.details["site"]) == ("viewer", "default")
    assert kept.role == "viewer"
    assert _ask(client, token, "POST", "/api/v1/sites/default/runs").status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [({"name": "a", "site_id": "nowhere"}, 404), ({"name": "a", "role": "king"}, 422)],
)
def test_a_token_with_rights_that_make_no_sense_is_not_made(
    client: httpx.Client, body: dict[str, str], status: int
) -> None:
    before = client.get("/api/v1/tokens").json()
    assert client.post("/api/v1/tokens", json=body).status_code == status
    assert client.get("/api/v1/tokens").json()["items"][0]["name"] == before["items"][0]["name"]
    assert len(client.get("/api/v1/tokens").json()["items"]) == len(before["items"])
