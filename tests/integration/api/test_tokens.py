"""Signing in: which tokens are taken, what is kept of them, and that nothing is open without one."""

import hashlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import event, select, update

from services.api.access import tokens
from services.api.accounts import queries as audit
from shared.database.tables import ApiToken
from shared.worker.context import Context
from tests.support.tables import everything_in

PATH = "/api/v1/tokens"


def _sign_in(client: httpx.Client, token: str) -> int:
    return client.get("/api/v1/sites", headers={"Authorization": f"Bearer {token}"}).status_code


def _change(context: Context, name: str, **values: datetime | None) -> None:
    with context.database.begin() as session:
        session.execute(update(ApiToken).where(ApiToken.name == name).values(**values))


def _last_used(context: Context, name: str) -> datetime | None:
    with context.database.read() as session:
        return session.scalars(select(ApiToken.last_used_at).where(ApiToken.name == name)).one()


def test_no_operation_but_the_health_checks_is_open(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    del client.headers["Authorization"]
    asked = 0
    for path, item in document["paths"].items():
        for method in item:
            if not path.startswith("/health/"):
                answer = client.request(method, path.replace("{run_id}", "1").replace("{token_id}", "1"))
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="rollcall"'
                asked += 1
    assert asked > 25


@pytest.mark.parametrize(
    "header", ["Bearer rc_wrong", "Bearer", "Basic dGVzdGVyOnJj", "rc_wrong", "Bearer \xe4\xff"]
)
def test_whatever_is_no_valid_token_is_refused(client: httpx.Client, header: str) -> None:
    answer = client.get("/api/v1/sites", headers=[(b"Authorization", header.encode("latin-1"))])
    assert answer.status_code == 401
    assert "rc_wrong" not in answer.text


def test_the_scheme_is_known_in_any_case(client: httpx.Client, context: Context) -> None:
    token = tokens.create_token(context, "shouting")
    assert client.get("/api/v1/sites", headers={"Authorization": f"BEARER {token}"}).status_code == 200


def test_a_revoked_token_is_refused_at_once(client: httpx.Client, context: Context) -> None:
    made = client.post(PATH, json={"name": "short"}).json()["token"]
    assert _sign_in(client, made) == 200
    token_id = next(item["id"] for item in client.get(PATH).json()["items"] if item["name"] == "short")
    revoked = client.delete(f"{PATH}/{token_id}").json()
    assert _sign_in(client, made) == 401
    again = client.delete(f"{PATH}/{token_id}").json()
    assert again["revoked_at"] == revoked["revoked_at"] is not None


def test_an_expired_token_is_refused(client: httpx.Client, context: Context) -> None:
    token = tokens.create_token(context, "short", expires_in_days=1)
    assert _sign_in(client, token) == 200
    _change(context, "short", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert _sign_in(client, token) == 401


def test_a_token_is_shown_once_and_only_its_hash_is_kept(client: httpx.Client, context: Context) -> None:
    answer = client.post(PATH, json={"name": "once", "expires_in_days": 90})
    token = answer.json()["token"]
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert token.removeprefix("rc_") not in client.get(PATH).text + client.get("/api/v1/audit").text
    with context.database.read() as session:
        kept = session.scalars(select(ApiToken.token_hash).where(ApiToken.name == "once")).one()
    assert kept == hashlib.sha256(token.encode()).hexdigest()
    stored = everything_in(context.database)
    assert kept in stored
    assert token not in stored


def test_making_and_revoking_is_audited(client: httpx.Client, context: Context) -> None:
    client.post(PATH, json={"name": "seen"})
    client.delete(f"{PATH}/2")
    newest = audit.read_audit(context, limit=2)
    assert [(entry.action, entry.actor) for entry in newest] == [
        ("token.revoked", "token:tester"),
        ("token.created", "token:tester"),
    ]


def test_a_name_is_free_again_only_when_its_token_has_ended(client: httpx.Client) -> None:
    assert client.post(PATH, json={"name": "twin"}).status_code == 201
    refused = client.post(PATH, json={"name": " twin "})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    client.delete(f"{PATH}/2")
    assert client.post(PATH, json={"name": "twin"}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"name": "  "},
        {"name": "a" * 101},
        {"name": "a\nb"},
        {"name": "a", "expires_in_days": 0},
        {"name": "a", "expires_in_days": 10**30},
        {"name": "a", "expires_in_day": 1},
        {},
    ],
)
def test_a_token_that_makes_no_sense_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    assert client.post(PATH, json=body).status_code == 422
    assert len(client.get(PATH).json()["items"]) == 1


def test_an_unknown_token_cannot_be_revoked(client: httpx.Client) -> None:
    assert client.delete(f"{PATH}/77").json()["code"] == "not_found"


def test_a_use_is_noted_at_most_once_a_minute(client: httpx.Client, context: Context) -> None:
    assert _last_used(context, "tester") is None
    client.get(PATH)
    first = _last_used(context, "tester")
    client.get(PATH)
    assert _last_used(context, "tester") == first is not None
    _change(context, "tester", last_used_at=first - timedelta(minutes=1))
    client.get(PATH)
    assert (_last_used(context, "tester") or first) > first


@pytest.mark.sqlite_only("whose folder became read-only")
def test_a_use_that_cannot_be_noted_keeps_nobody_out(client: httpx.Client, context: Context) -> None:
    # As on a full disk or in a folder that became read-only.
    context.database.engine.dispose()
    event.listen(context.database.engine, "connect", lambda raw, _record: raw.execute("PRAGMA query_only=ON"))
    assert client.get("/api/v1/sites").status_code == 200
    refused = client.post("/api/v1/sites", json={"id": "oslo"})
    assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
    assert "read-only" in refused.json()["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    assert _last_used(context, "tester") is None
