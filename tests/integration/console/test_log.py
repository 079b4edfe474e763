"""The Log in the console: its columns, filters and pages, and how it is cleared."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from services.api.log import pages
from services.api.settings.use_cases.sections import apply_settings
from shared.database.tables import AuditEntry, Event, EventLevel
from shared.worker.context import Context
from tests.integration.api.builders import fill_log
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people")


def _messages(text: str) -> list[str]:
    return re.findall(r"Entry \d+\.", text)


def test_the_log_has_date_type_and_event_in_the_time_zone_of_the_schedule(
    context: Context, browser: Open
) -> None:
    apply_settings(context, "default", {"schedule": {"time_zone": "Asia/Tokyo"}}, "test")
    with context.database.begin() as session:
        session.add(
            Event(
                site_id="default",
                occurred_at=datetime(2026, 11, 23, 16, 5, 9, tzinfo=UTC),
                level=EventLevel.ERROR.value,
                code="run.failed",
                message="The run failed.",
            )
        )
    vera = browser("vera")
    page = vera.get("/console/log?level=error")
    assert re.search(r"Date\s*Type\s*Event", page.text)
    assert re.search(r"24/11/2026 01:05:09 AM\s*Error\s*The run failed\.", page.text)
    # What is asked for is meant in the same zone.
    assert "The run failed." in vera.get("/console/log?since=2026-11-24T01:05&until=2026-11-24T01:06").text
    assert (
        "No matching entries" in vera.get("/console/log?since=2026-11-23T16:05&until=2026-11-23T16:06").text
    )


def test_the_log_is_paged_without_gap_or_repetition(context: Context, browser: Open) -> None:
    fill_log(context, 120)
    vera = browser("vera")
    page = vera.get("/console/log?text=Entry")
    seen = _messages(page.text)
    while older := [link for link in page.links if "before=" in link]:
        page = vera.get(older[0])
        seen += _messages(page.text)
    assert seen == [f"Entry {number}." for number in range(119, -1, -1)]


def test_a_long_search_says_how_far_back_it_came_and_goes_on(
    context: Context, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_REACH", 20)
    fill_log(context, 30)
    page = browser("vera").get("/console/log?text=Entry+7.")
    assert "Nothing found yet" in page.text
    assert "Searched back to" in page.text
    (older,) = [link for link in page.links if "before=" in link]
    page = browser("vera").get(older)
    assert _messages(page.text) == ["Entry 7."]
    assert "Searched back to" not in page.text


def test_the_log_is_filtered_by_every_field(context: Context, browser: Open) -> None:
    first = fill_log(context, 60)
    vera = browser("vera")

    def _found(**values: str) -> list[str]:
        page = vera.send(vera.get("/console/log"), "/log", dict(values))
        assert page.status == 200
        return _messages(page.text)

    tens = [f"Entry {number}." for number in (50, 40, 30, 20, 10, 0)]
    assert _found(level="warning") == tens
    assert _found(number="100") == tens
    assert _found(run="7") == tens
    assert _found(text="entry 1", level="info") == [f"Entry {number}." for number in range(19, 10, -1)] + [
        "Entry 1."
    ]
    since = (first + timedelta(seconds=57)).replace(tzinfo=None).isoformat()
    until = (first + timedelta(seconds=2)).replace(tzinfo=None).isoformat()
    assert _found(since=since, text="Entry") == ["Entry 59.", "Entry 58.", "Entry 57."]
    assert _found(until=until, text="Entry") == ["Entry 1.", "Entry 0."]
    assert _found(text="%") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run", "seven"),
        ("run", "0"),
        ("run", "99999999999"),
        ("since", "yesterday"),
        ("until", "9999-12-31T23:59:59+99"),
    ],
)
def test_a_filter_that_means_nothing_is_said_at_its_field(browser: Open, field: str, value: str) -> None:
    page = browser("vera").http.get("/console/log", params={field: value})
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text


def test_the_log_is_cleared_after_confirmation_and_the_audit_stays(context: Context, browser: Open) -> None:
    fill_log(context, 20)
    mary = browser("mary")
    page = mary.send(mary.get("/console/log/clear"), "/clear", {"confirm": "no"})
    assert page.status == 422
    assert "Nothing was deleted." in page.text
    assert len(_messages(mary.get("/console/log").text)) == 20
    page = mary.send(page, "/clear", {"confirm": "clear"})
    assert page.response.url.path == "/console/log"
    assert _messages(page.text) == []
    assert "The Log was cleared" in page.text
    with context.database.read() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert last is not None
    assert (last.action, last.actor) == ("log.cleared", "account:mary")
    assert "log.cleared" in mary.get("/console/audit").text
