"""Exporting the Log: exact, as a stream of flat memory, and safe to open; clearing it only on purpose."""

import asyncio
import csv
import io
import json
import tracemalloc
from collections import deque
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from services.api.accounts import queries as audit
from services.api.log.use_cases import log
from services.api.log.use_cases.log import ExportFormat, LogFilter
from shared.database import events
from shared.database.tables import Event
from shared.worker.context import Context
from tests.integration.api.builders import fill_log
from tests.integration.api.conftest import SITE
from tests.support.crowd import ask, request

PATH = f"/api/v1/sites/{SITE}/log"
MANY = 10_000


def _stored(context: Context) -> list[dict[str, Any]]:
    with context.database.read() as session:
        rows = session.scalars(select(Event).order_by(Event.id.desc())).all()
    return [
        {
            "id": row.id,
            "occurred_at": row.occurred_at.isoformat(),
            "level": row.level,
            "code": row.code,
            "message": row.message,
            "actor": row.actor,
            "run_id": row.run_id,
            "number": row.number,
            "person_guid": row.person_guid,
        }
        for row in rows
    ]


def _say(context: Context, *messages: str) -> None:
    with context.database.begin() as session:
        events.record(session, SITE, *(events.LogEntry("x.y", message, actor="anna") for message in messages))


def test_ten_thousand_entries_are_exported_exactly_as_json(context: Context, client: httpx.Client) -> None:
    fill_log(context, MANY - 1)
    _say(context, 'A "quoted", comma; umlaut ü, emoji 😀\nand a second line')
    exported = client.get(f"{PATH}/export", params={"format": "json"})
    assert exported.headers["Content-Type"] == "application/json"
    assert exported.json() == _stored(context)
    assert len(exported.json()) == MANY


def test_ten_thousand_entries_are_exported_exactly_as_csv(context: Context, client: httpx.Client) -> None:
    fill_log(context, MANY - 1)
    _say(context, 'A "quoted", comma; umlaut ü, emoji 😀\nand a second line')
    exported = client.get(f"{PATH}/export")
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(exported.content.decode(), newline="")))
    wanted = [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in _stored(context)
    ]
    assert rows == wanted


# A PDF is made in memory, and has a limit for that.
@pytest.mark.parametrize("format", [format for format in ExportFormat if format != ExportFormat.PDF])
def test_memory_stays_flat_however_many_entries_are_exported(context: Context, format: ExportFormat) -> None:
    def _peak() -> int:
        tracemalloc.start()
        deque(log.export_log(context, SITE, format=format), maxlen=0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    fill_log(context, 2_000)
    _peak()  # what is made once, at the first use
    few = _peak()
    fill_log(context, 6_000)
    assert _peak() < few * 1.5


def test_an_export_that_begins_is_not_disturbed_by_what_is_logged_meanwhile(context: Context) -> None:
    fill_log(context, 2_500)
    pieces = log.export_log(context, SITE, format=ExportFormat.JSON)
    begun = next(pieces)
    fill_log(context, 500)
    exported = json.loads(begun + b"".join(pieces))
    assert [entry["id"] for entry in exported] == list(range(2_500, 0, -1))


def test_a_name_that_would_be_a_formula_is_text_in_the_file(context: Context, client: httpx.Client) -> None:
    _say(context, "=HYPERLINK(1)", "Created extension 100 for x;=cmd|' /C calc'!A0.", "fine = good; a-b")
    rows = list(csv.DictReader(io.StringIO(client.get(f"{PATH}/export").text)))
    assert [row["message"] for row in rows] == [
        "fine = good; a-b",
        "Created extension 100 for x;'=cmd|' /C calc'!A0.",
        "'=HYPERLINK(1)",
    ]
    plain = client.get(f"{PATH}/export", params={"format": "json"}).json()
    assert plain[-1]["message"] == "=HYPERLINK(1)"


def test_an_export_takes_the_filters_of_the_page(context: Context, client: httpx.Client) -> None:
    fill_log(context, 50)
    chosen = {"format": "json", "level": "warning", "text": "entry 1"}
    assert [entry["message"] for entry in client.get(f"{PATH}/export", params=chosen).json()] == ["Entry 10."]


def test_an_export_of_no_site_or_no_format_is_a_problem_and_no_file(client: httpx.Client) -> None:
    assert client.get("/api/v1/sites/oslo/log/export").json()["code"] == "not_found"
    assert client.get(f"{PATH}/export", params={"format": "doc"}).json()["code"] == "request_invalid"


def test_pages_stay_where_they_are_while_entries_arrive(context: Context, client: httpx.Client) -> None:
    fill_log(context, 25)
    seen: list[int] = []
    chosen: dict[str, int] = {"limit": 10}
    while True:
        page = client.get(PATH, params=chosen).json()
        seen += [entry["id"] for entry in page["items"]]
        fill_log(context, 7)
        if page["next_before"] is None:
            break
        chosen["before"] = page["next_before"]
    assert seen == list(range(25, 0, -1))


@pytest.mark.parametrize("text", ["50%", "a_b", "/etc", "UMLAUT"])
def test_a_text_is_searched_as_it_is_written(context: Context, text: str) -> None:
    _say(context, "50% done", "a_b", "see /etc", "an umlaut", "501 done", "axb", "see etc")
    found = log.read_log(context, SITE, LogFilter(text=text)).entries
    assert [text.lower() in entry.message.lower() for entry in found] == [True]


def test_a_text_is_searched_in_one_site_only(context: Context, client: httpx.Client) -> None:
    _say(context, "a needle")
    assert len(log.read_log(context, SITE, LogFilter(text="needle")).entries) == 1
    client.post("/api/v1/sites", json={"id": "oslo"})
    assert log.read_log(context, "oslo", LogFilter(text="needle")).entries == []
    assert len(log.read_log(context, SITE, LogFilter(text="needle")).entries) == 1


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, (422, "request_invalid")),
        ({"confirm": ""}, (409, "conflict")),
        ({"confirm": "yes"}, (409, "conflict")),
        ({"confirm": "DEFAULT"}, (409, "conflict")),
    ],
)
def test_the_log_is_not_cleared_without_confirmation(
    context: Context, client: httpx.Client, params: dict[str, str], wanted: tuple[int, str]
) -> None:
    fill_log(context, 5)
    answer = client.delete(PATH, params=params)
    assert (answer.status_code, answer.json()["code"]) == wanted
    assert len(log.read_log(context, SITE).entries) == 5


def test_clearing_a_large_log_leaves_only_what_came_meanwhile_and_the_audit(
    context: Context, client: httpx.Client
) -> None:
    # More than is removed in one piece.
    with context.database.begin() as session:
        row = {
            "site_id": SITE,
            "occurred_at": datetime.now(UTC),
            "level": "info",
            "code": "x.y",
            "message": "",
            "actor": "",
        }
        session.execute(insert(Event), [row] * 20_001)
    assert client.delete(PATH, params={"confirm": SITE}).json() == {"removed": 20_001}
    left = client.get(PATH).json()["items"]
    assert [entry["message"] for entry in left] == ["The Log was cleared: 20001 entries removed."]
    newest = audit.read_audit(context, limit=1)[0]
    assert (newest.action, newest.actor, newest.details) == (
        "log.cleared",
        "token:tester",
        {"entries": 20_001},
    )
    assert audit.verify_audit(context) is None


def test_a_fourth_file_of_a_caller_is_refused_and_the_others_come_one_after_the_other(
    context: Context, client: httpx.Client
) -> None:
    fill_log(context, 30)
    token = {"Authorization": client.headers["Authorization"]}
    asked = [request("GET", f"{PATH}/export?format=xlsx&run_id={number}", token) for number in range(1, 7)]

    async def _all() -> list[int]:
        return await asyncio.gather(*(ask(str(client.base_url), sent, "127.0.0.1") for sent in asked))

    assert sorted(asyncio.run(_all())) == [200, 200, 200, 429, 429, 429]
    assert client.get(f"{PATH}/export", params={"format": "pdf"}).content.startswith(b"%PDF")
