"""The audit: what it holds, and that whoever changes it is noticed."""

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
