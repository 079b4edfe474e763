"""Every failure leaves the API as a problem document: what, where, what to do next, and never a traceback."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.api.access import tokens
from services.api.app import create_app as create_api
from services.api.web.bodies import MAX_BODY_BYTES
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import RunState
from shared.settings.documents import Section
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.api.builders import make_plan, set_state
from tests.integration.api.conftest import SITE
from tests.support.databases import deployment_settings
from tests.support.tables import rename_table

SITES = "/api/v1/sites"
JSON = {"Content-Type": "application/json"}


def _problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"urn:rollcall:problem:{code}"
    assert problem["title"]
    assert problem["detail"].endswith(".")
    return problem


def test_an_address_that_is_none_is_named(client: httpx.Client) -> None:
    problem = _problem(client.get("/api/v1/site"), 404, "not_found")
    assert "GET /api/v1/site" in problem["detail"]


def test_a_slash_too_many_leads_nowhere_else(client: httpx.Client) -> None:
    _problem(client.get(f"{SITES}/", follow_redirects=False), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", SITES, "GET, POST"),
        ("POST", f"{SITES}/default/settings/limits", "GET, PUT"),
        ("POST", "/health/live", "GET"),
        ("GET", "/api/v1/runs/1/approve", "POST"),
    ],
)
def test_a_method_that_is_not_possible_is_told_which_are(
    client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    _problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


def test_a_body_that_is_too_large_is_not_read(client: httpx.Client) -> None:
    large = b" " * (MAX_BODY_BYTES + 1)
    _problem(client.post(SITES, content=large, headers=JSON), 413, "body_too_large")
    # In chunks, so that no Content-Length gives it away.
    pieces = (large[:100_000] for _ in range(11))
    _problem(client.post(SITES, content=pieces, headers=JSON), 413, "body_too_large")


def test_a_body_of_the_largest_size_is_read(client: httpx.Client) -> None:
    body = b'{"id": "oslo"}'.ljust(MAX_BODY_BYTES)
    assert client.post(SITES, content=body, headers=JSON).status_code == 201


def test_a_body_that_is_not_marked_as_json_is_refused_with_the_header_to_send(client: httpx.Client) -> None:
    for answer in (
        client.post(SITES, data={"id": "oslo"}),
        client.post(SITES, content=b'{"id": "oslo"}'),
        client.post(f"{SITES}/default/runs", content=b"{}", headers={"Content-Type": "text/plain"}),
    ):
        assert "application/json" in _problem(answer, 415, "not_json")["detail"]


def test_a_missing_body_is_said_to_be_missing(client: httpx.Client) -> None:
    problem = _problem(client.post(SITES), 422, "request_invalid")
    assert problem["errors"] == [{"field": "body", "message": "Field required"}]


def test_broken_json_is_told_where_it_breaks(client: httpx.Client) -> None:
    problem = _problem(client.post(SITES, content=b'{"id": ', headers=JSON), 422, "request_invalid")
    assert problem["errors"] == [{"field": "body", "message": "is not JSON from character 7 on"}]


@pytest.mark.parametrize("body", [b'{"id": "\xff"}', b'{"id": "\\ud83d"}', b'{"\\uDC00": 1}', b"[" * 100_000])
def test_a_body_that_is_no_text_is_refused(client: httpx.Client, body: bytes) -> None:
    for method, path in (("POST", SITES), ("PUT", f"{SITES}/default/settings/directory")):
        _problem(client.request(method, path, content=body, headers=JSON), 400, "body_unreadable")


def test_an_escaped_emoji_is_text(client: httpx.Client) -> None:
    answer = client.post(SITES, content=b'{"id": "oslo", "name": "\\ud83d\\ude00"}', headers=JSON)
    assert answer.json()["name"] == "😀"


@pytest.mark.parametrize(
    "query",
    [
        "before=0",
        f"before={2**63}",
        "limit=501",
        "level=loud",
        "since=yesterday",
        "until=0.5",
        "since=1764500000",
        "until=2026-11-23",
        "run_id=0",
        f"run_id={2**31}",
    ],
)
def test_a_wrong_query_names_its_parameter(client: httpx.Client, query: str) -> None:
    problem = _problem(client.get(f"{SITES}/default/log?{query}"), 422, "request_invalid")
    assert [item["field"] for item in problem["errors"]] == [f"query.{query.partition('=')[0]}"]


def test_times_at_the_ends_of_the_calendar_are_times(client: httpx.Client) -> None:
    chosen = {"since": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-14:00"}
    client.post(SITES, json={"id": "oslo"})
    assert len(client.get(f"{SITES}/oslo/log", params=chosen).json()["items"]) == 1


def test_something_unexpected_is_a_500_that_only_the_log_explains(
    ready: Context, client: httpx.Client
) -> None:
    run_id, _ = make_plan(ready)
    set_state(ready, run_id, RunState.HELD, hold_reasons={"reasons": [{"secret": "hidden"}]})
    with capture_logs() as lines:
        answer = client.get(f"/api/v1/runs/{run_id}")
    problem = _problem(answer, 500, "internal_error")
    assert "KeyError" not in answer.text
    assert "Traceback" not in answer.text
    crash = next(line for line in lines if line["event"] == "request_crashed")
    assert crash["error_id"] == problem["details"]["error_id"]
    assert isinstance(crash["exc_info"], KeyError)


def test_a_database_without_its_tables_is_a_503_that_comes_back(
    context: Context, client: httpx.Client
) -> None:
    rename_table(context.database, "events", "gone")
    answer = client.get(f"{SITES}/default/log")
    assert "rollcall migrate" in _problem(answer, 503, "storage_unavailable")["detail"]
    assert answer.headers["Retry-After"] == "10"
    rename_table(context.database, "gone", "events")
    assert client.get(f"{SITES}/default/log").status_code == 200


@pytest.mark.sqlite_only("the file is ours to damage")
def test_a_damaged_database_is_said_to_be_damaged(context: Context, client: httpx.Client) -> None:
    context.database.engine.dispose()
    for path in Path(str(context.database.url.database)).parent.glob("rollcall.db*"):
        path.write_bytes(b"no database at all " * 1000)
    problem = _problem(client.get(SITES), 503, "storage_unavailable")
    assert "backup" in problem["detail"]


class _Api:
    """The app without a server, for many requests in a row."""

    def __init__(self, context: Context) -> None:
        self._app = create_api(context)
        self._headers = JSON | {"Authorization": f"Bearer {tokens.create_token(context, 'tester')}"}

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def _send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://rollcall.test", headers=self._headers
            ) as client:
                return await client.request(method, path, **more)

        return asyncio.run(_send())


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Api]:
    """One deployment for all that Hypothesis sends; question_seconds is short, because nobody answers."""
    process = deployment_settings(Path(tmp_path_factory.mktemp("data")), question_seconds=0.05)
    database = Database(process.effective_database_url)
    yield _Api(Context(create_app(process), process, database, encryption.load(process)))
    database.close()


_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_FIELDS = [
    "servers",
    "units",
    "password",
    "removals",
    "every_minutes",
    "base_url",
    "kind",
    "person",
    "id",
    "name",
]
_BODIES = _VALUES | st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=4)
_TARGETS = [
    *(("PUT", f"{SITES}/default/settings/{section}") for section in Section),
    ("PUT", f"{SITES}/default/settings"),
    ("POST", SITES),
    ("POST", f"{SITES}/default/runs"),
    ("POST", f"{SITES}/default/phone-system/test"),
    ("POST", "/api/v1/tokens"),
    ("POST", "/api/v1/runs/1/approve"),
]


@settings(max_examples=150)
@given(target=st.sampled_from(_TARGETS), body=_BODIES)
def test_no_body_whatever_makes_the_api_crash(api: _Api, target: tuple[str, str], body: Any) -> None:
    method, path = target
    answer = api.send(method, path, content=json.dumps(body).encode())
    assert answer.status_code in (200, 201, 400, 404, 409, 422, 503), answer.text
    # Whatever was saved can be read again.
    assert api.send("GET", f"{SITES}/default/settings").status_code == 200


@settings(max_examples=100)
@given(
    name=st.sampled_from(["level", "code", "run_id", "number", "text", "since", "until", "limit", "before"]),
    value=st.text(max_size=30) | st.integers().map(str) | st.datetimes(timezones=st.timezones()).map(str),
)
def test_no_query_whatever_makes_the_api_crash(api: _Api, name: str, value: str) -> None:
    answer = api.send("GET", f"{SITES}/{SITE}/log", params={name: value.encode(errors="replace")})
    assert answer.status_code in (200, 422), answer.text
