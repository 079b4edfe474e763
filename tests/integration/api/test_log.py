"""The Log: pages, filters, exports and clearing, and that every page is found by an index."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from services.api.accounts import queries as audit
from services.api.log.use_cases import log
from services.api.log.use_cases.log import ExportFormat, LogFilter
from services.api.sites.use_cases import sites
from shared.database import events
from shared.database.tables import EventLevel
from shared.errors import NotFound
from shared.worker.context import Context
from tests.integration.api.builders import fill_log
from tests.integration.api.conftest import SITE

pytestmark = pytest.mark.every_database

FILTERS = {
    "none": LogFilter(),
    "level": LogFilter(level=EventLevel.WARNING),
    "code": LogFilter(code="extension.failed"),
    "run": LogFilter(run_id=7),
    "number": LogFilter(number="100"),
    "several": LogFilter(level=EventLevel.WARNING, code="extension.failed", run_id=7, number="100"),
}


def test_pages_follow_each_other_without_gap(context: Context) -> None:
    fill_log(context, 25)
    seen: list[int] = []
    before: int | None = None
    while True:
        page = log.read_log(context, SITE, limit=10, before=before)
        seen += [entry.id for entry in page.entries]
        before = page.next_before
        if before is None:
            break
    assert seen == list(range(25, 0, -1))


@pytest.mark.parametrize("name", [name for name in FILTERS if name != "none"])
def test_a_filter_gives_exactly_what_fits(context: Context, name: str) -> None:
    fill_log(context, 50)
    assert {entry.message for entry in log.read_log(context, SITE, FILTERS[name]).entries} == {
        f"Entry {position}." for position in range(0, 50, 10)
    }


def test_a_text_is_found_literally_whatever_its_case(context: Context) -> None:
    with context.database.begin() as session:
        events.record(session, SITE, *(events.LogEntry("x.y", text) for text in ("100% sure", "100 sure")))
    page = log.read_log(context, SITE, LogFilter(text="100% SURE"))
    assert [entry.message for entry in page.entries] == ["100% sure"]


def test_a_search_stops_after_so_many_entries_says_where_and_goes_on_from_there(context: Context) -> None:
    first = fill_log(context, 50)
    chosen = LogFilter(text="entry 7.")
    before: int | None = None
    searched, found = [], []
    while True:
        page = log.read_log(context, SITE, chosen, before=before, reach=20)
        searched.append(page.searched_to)
        found += [entry.message for entry in page.entries]
        before = page.next_before
        if before is None:
            break
    assert found == ["Entry 7."]
    assert searched == [first + timedelta(seconds=29), first + timedelta(seconds=9), None]
    # A page that is full is followed by the next as without a limit.
    full = log.read_log(context, SITE, LogFilter(text="entry"), limit=10, reach=20)
    assert (len(full.entries), full.searched_to) == (10, None)


def test_since_is_inclusive_and_until_exclusive(context: Context) -> None:
    first = fill_log(context, 200)
    chosen = LogFilter(since=first + timedelta(seconds=20), until=first + timedelta(seconds=23))
    found = [entry.message for entry in log.read_log(context, SITE, chosen).entries]
    assert found == ["Entry 22.", "Entry 21.", "Entry 20."]


@pytest.mark.parametrize("days", [-2, 2])
def test_a_time_without_entries_gives_an_empty_page(context: Context, days: int) -> None:
    first = fill_log(context, 5)
    chosen = LogFilter(since=first + timedelta(days=days), until=first + timedelta(days=days, hours=1))
    assert log.read_log(context, SITE, chosen).entries == []


@pytest.mark.sqlite_only("the others plan by what the table holds, which is too little here")
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("times", [False, True])
def test_a_page_is_found_by_an_index_without_sorting(context: Context, name: str, times: bool) -> None:
    first = fill_log(context, 100)
    chosen = FILTERS[name]
    if times:
        values = {slot: getattr(chosen, slot) for slot in ("level", "code", "run_id", "number")}
        chosen = LogFilter(**values, since=first, until=first + timedelta(seconds=50))
    steps: list[str] = []

    def _explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "FROM events" in statement:
            raw = connection.connection.driver_connection
            steps.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    event.listen(context.database.engine, "before_cursor_execute", _explain)
    log.read_log(context, SITE, chosen, before=90)
    event.remove(context.database.engine, "before_cursor_execute", _explain)
    assert steps
    for step in steps:
        assert "SEARCH" in step, steps
        assert "INDEX ix_events_site_id" in step, steps
    wanted = {"none": "site_id_id", "level": "level_id", "code": "code_id", "run": "run_id_id"}
    assert wanted.get(name, "number_id") in steps[-1]


def test_a_site_sees_only_its_own_entries(context: Context) -> None:
    sites.create_site(context, "oslo", "anna")
    fill_log(context, 5)
    assert [entry.code for entry in log.read_log(context, "oslo").entries] == ["site.created"]


def test_an_unknown_site_has_no_log(context: Context) -> None:
    for read in (log.read_log, log.export_log):
        with pytest.raises(NotFound):
            read(context, "oslo")


def test_a_csv_export_has_every_entry_that_fits(context: Context) -> None:
    fill_log(context, 2500)
    text = b"".join(log.export_log(context, SITE, LogFilter(run_id=8))).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2250
    assert rows[0]["message"] == "Entry 2499."


def test_a_json_export_has_every_entry_that_fits(context: Context) -> None:
    fill_log(context, 1500)
    entries = json.loads(b"".join(log.export_log(context, SITE, format=ExportFormat.JSON)))
    assert len(entries) == 1500
    assert entries[-1]["message"] == "Entry 0."


def test_an_empty_json_export_is_an_empty_array(context: Context) -> None:
    assert json.loads(b"".join(log.export_log(context, SITE, format=ExportFormat.JSON))) == []


def test_clearing_leaves_one_entry_and_the_audit(context: Context) -> None:
    sites.create_site(context, "oslo", "anna")
    fill_log(context, 25)
    assert log.clear_log(context, SITE, "anna") == 25
    assert [entry.code for entry in log.read_log(context, SITE).entries] == ["log.cleared"]
    assert len(log.read_log(context, "oslo").entries) == 1
    assert [entry.action for entry in audit.read_audit(context)] == ["log.cleared", "site.created"]
    assert audit.verify_audit(context) is None


def test_the_log_is_read_filtered_over_http(context: Context, client: httpx.Client) -> None:
    first = fill_log(context, 50)
    chosen: dict[str, str | int] = {
        "level": "warning",
        "since": (first + timedelta(seconds=5)).isoformat(),
        "limit": 2,
    }
    page = client.get("/api/v1/sites/default/log", params=chosen).json()
    assert [entry["message"] for entry in page["items"]] == ["Entry 40.", "Entry 30."]
    rest = client.get("/api/v1/sites/default/log", params={**chosen, "before": page["next_before"]}).json()
    assert [entry["message"] for entry in rest["items"]] == ["Entry 20.", "Entry 10."]


def test_the_log_is_downloaded_as_a_file(context: Context, client: httpx.Client) -> None:
    fill_log(context, 5)
    for format in ("csv", "json"):
        answer = client.get("/api/v1/sites/default/log/export", params={"format": format})
        assert (
            answer.headers["Content-Disposition"] == f'attachment; filename="rollcall-default-log.{format}"'
        )
        assert "Entry 4." in answer.text


def test_the_log_is_cleared_over_http(context: Context, client: httpx.Client) -> None:
    fill_log(context, 5)
    assert client.delete("/api/v1/sites/default/log", params={"confirm": "default"}).json() == {"removed": 5}


def test_a_time_without_zone_is_refused(client: httpx.Client) -> None:
    answer = client.get("/api/v1/sites/default/log", params={"since": "2026-11-23T12:00:00"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.since")
