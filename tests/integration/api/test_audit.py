"""The audit: what it holds, and that whoever changes it is noticed."""

import csv
import io
import json
import threading
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import text

from services.api.access import tokens
from services.api.accounts import queries as audit
from services.api.log.use_cases import log
from services.api.runs.use_cases import decisions
from services.api.sites.use_cases import sites
from shared.worker.context import Context
from tests.integration.api.builders import make_plan
from tests.integration.api.conftest import SITE

pytestmark = pytest.mark.every_database
VERIFICATION = "/api/v1/audit/verification"


@pytest.fixture
def five(context: Context) -> list[int]:
    """The ids of five entries."""
    for name in ("a", "b", "c", "d", "e"):
        sites.create_site(context, name, "anna")
    return [entry.id for entry in audit.read_audit(context)][::-1]


def _tamper(context: Context, statement: str) -> None:
    with context.database.begin() as session:
        for one in statement.split(";"):
            session.execute(text(one))


def test_an_untouched_audit_is_whole(context: Context, five: list[int], client: httpx.Client) -> None:
    assert client.get(VERIFICATION).json() == {"is_whole": True, "first_broken_id": None}


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        (lambda ids: f"UPDATE audit SET actor = 'bob' WHERE id = {ids[2]}", 2),
        (lambda ids: f"UPDATE audit SET details = '{{}}' WHERE id = {ids[0]}", 0),
        (lambda ids: f"UPDATE audit SET site_id = 'x' WHERE id = {ids[4]}", 4),
        (lambda ids: f"UPDATE audit SET occurred_at = '2020-01-01 00:00:00' WHERE id = {ids[1]}", 1),
        (lambda ids: f"DELETE FROM audit WHERE id = {ids[2]}", 3),
        (lambda ids: f"DELETE FROM audit WHERE id = {ids[0]}", 1),
        (lambda ids: f"UPDATE audit SET hash = '{'0' * 64}' WHERE id = {ids[3]}", 3),
        (
            lambda ids: (
                f"UPDATE audit SET id = 99 WHERE id = {ids[1]};"
                f"UPDATE audit SET id = {ids[1]} WHERE id = {ids[2]};"
                f"UPDATE audit SET id = {ids[2]} WHERE id = 99"
            ),
            1,
        ),
    ],
    ids=["actor", "details", "site", "time", "removed", "first removed", "hash", "order"],
)
def test_tampering_is_noticed_at_its_place(
    context: Context,
    five: list[int],
    client: httpx.Client,
    tampering: Callable[[list[int]], str],
    broken: int,
) -> None:
    _tamper(context, tampering(five))
    assert client.get(VERIFICATION).json() == {"is_whole": False, "first_broken_id": five[broken]}


def test_the_audit_is_read_page_by_page_and_by_site(
    context: Context, five: list[int], client: httpx.Client
) -> None:
    first = client.get("/api/v1/audit", params={"limit": 4}).json()
    rest = client.get("/api/v1/audit", params={"limit": 4, "before": first["next_before"]}).json()
    # The client's own token is the newest entry.
    assert [entry["action"] for entry in first["items"]] == ["token.created", *["site.created"] * 3]
    assert [entry["id"] for entry in first["items"] + rest["items"]][1:] == five[::-1]
    assert rest["next_before"] is None
    only = client.get("/api/v1/audit", params={"site_id": "c"}).json()["items"]
    assert [entry["id"] for entry in only] == [five[2]]


def test_the_audit_is_filtered_by_person_kind_and_time_and_exported(
    context: Context, client: httpx.Client
) -> None:
    sites.create_site(context, "oslo", "account:Anna")
    tokens.create_token(context, "=cmd", actor="account:anna")
    for asked, actions in (
        ({"actor": "anna"}, ["token.created", "site.created"]),
        ({"actor": "ANNA", "kind": "sites"}, ["site.created"]),
        ({"actor": "anna", "since": "2999-01-01T00:00:00Z"}, []),
        ({"actor": "anna", "until": "2000-01-01T00:00:00Z"}, []),
        ({"kind": "plans"}, []),
    ):
        found = client.get("/api/v1/audit", params=asked).json()["items"]
        assert [entry["action"] for entry in found] == actions, asked
    answer = client.get("/api/v1/audit/export", params={"actor": "anna"})
    rows = [*csv.DictReader(io.StringIO(answer.text))]
    assert [row["message"] for row in rows] == [
        "anna created the token “=cmd” (manager, all sites).",
        "Anna created the site oslo.",
    ]
    assert json.loads(rows[0]["details"])["name"] == "=cmd"
    assert rows[1]["hash"] == found_hash(context, rows[1]["id"])


def found_hash(context: Context, entry_id: str) -> str:
    """The hash of a stored entry."""
    return next(entry.hash for entry in audit.read_audit(context) if entry.id == int(entry_id))


def test_an_export_holds_entries_beyond_one_page(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_EXPORTED_AT_ONCE", 2)
    for name in ("a", "b", "c", "d", "e"):
        sites.create_site(context, name, "anna")
    lines = b"".join(audit.audit_csv(context, audit.AuditFilter())).decode().splitlines()
    assert [line.split(",")[2] for line in lines] == ["site_id", "e", "d", "c", "b", "a"]


def test_the_reason_of_a_rejection_outlives_the_log(ready: Context) -> None:
    run_id, _ = make_plan(ready)
    decisions.reject(ready, run_id, "anna", "  Sales moves today. ")
    log.clear_log(ready, SITE, "bob")
    cleared, rejected = audit.read_audit(ready, limit=2)
    assert (cleared.action, cleared.actor) == ("log.cleared", "bob")
    assert (rejected.action, rejected.actor) == ("run.rejected", "anna")
    assert rejected.details["reason"] == "Sales moves today."
    assert rejected.details["state_before"] == "held"


def test_writers_at_once_make_one_chain(context: Context, client: httpx.Client) -> None:
    makers = [
        threading.Thread(target=tokens.create_token, args=(context, f"maker {number}")) for number in range(8)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(audit.read_audit(context)) == 9
    assert audit.verify_audit(context) is None
