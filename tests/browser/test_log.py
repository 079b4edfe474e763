"""The Log: filtered, taken away as files, cleared."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import playwright.sync_api as web
import pypdf
import pytest
from playwright.sync_api import expect
from sqlalchemy import insert, select

from shared.database.tables import AuditEntry, Event
from shared.worker.context import Context
from tests.browser.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")

# Newest first; those of run 7 say "found".
FOUND = ["=cmd|' /C calc'!A0 found", "<script>alert(1)</script> found", "Zoë found: 204"]


@pytest.fixture(autouse=True)
def _entries(context: Context) -> None:
    messages = [*(f"Entry {number}." for number in range(60)), *reversed(FOUND)]
    with context.database.begin() as session:
        session.execute(
            insert(Event),
            [
                {
                    "site_id": "default",
                    "run_id": None,
                    "occurred_at": datetime(2026, 11, 24, 8, 0, second % 60, tzinfo=UTC),
                    "level": "warning" if "found" in message else "info",
                    "code": "test.entry",
                    "message": message,
                    "actor": "test",
                    "number": None,
                    "person_guid": None,
                }
                for second, message in enumerate(messages)
            ],
        )


def _csv(file: Path) -> str:
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    assert all(not value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
    assert len(rows) == len(FOUND)
    return "\n".join(value for row in rows for value in row.values())


def _json(file: Path) -> str:
    found = json.loads(file.read_text())
    entries = found["items"] if isinstance(found, dict) else found
    assert len(entries) == len(FOUND)
    return "\n".join(entry["message"] for entry in entries)


def _xlsx(file: Path) -> str:
    sheet = openpyxl.load_workbook(file).active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    return "\n".join(str(cell.value) for cell in cells)


def _pdf(file: Path) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(file).pages)


def _filter(page: web.Page) -> None:
    page.goto("/console/log")
    page.get_by_label("Text").fill("found")
    page.get_by_label("Type").select_option(label="Warning")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(len(FOUND))


@pytest.mark.parametrize("with_scripts", [True, False])
def test_the_log_is_filtered_and_paged(window: Open, with_scripts: bool) -> None:
    page = window("vera", with_scripts=with_scripts)
    _filter(page)
    for row, message in zip(page.locator("tbody tr").all(), FOUND, strict=True):
        expect(row).to_contain_text(message)
        expect(row).to_contain_text("24/11/2026 08:00:")
    page.get_by_role("link", name="All", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr").last).to_contain_text("Entry 0.")


@pytest.mark.parametrize(("name", "read"), [("CSV", _csv), ("JSON", _json), ("Excel", _xlsx), ("PDF", _pdf)])
def test_what_is_filtered_is_taken_away_as_a_file(
    window: Open, tmp_path: Path, name: str, read: Callable[[Path], str]
) -> None:
    page = window("vera")
    _filter(page)
    with page.expect_download() as begun:
        page.get_by_role("link", name=name).click()
    file = tmp_path / begun.value.suggested_filename
    begun.value.save_as(file)
    text = read(file)
    for message in FOUND:
        assert message in text
    assert "Entry" not in text


@pytest.mark.parametrize("with_scripts", [True, False])
def test_clearing_the_log_asks_first_and_leaves_the_audit(
    context: Context, window: Open, with_scripts: bool
) -> None:
    page = window("mary", with_scripts=with_scripts)
    page.goto("/console/log")
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("to confirm").fill("no")
    page.get_by_role("button", name="Clear the Log").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was deleted.")
    page.get_by_label("to confirm").fill("clear")
    page.get_by_role("button", name="Clear the Log").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("The Log was cleared")
    with context.database.read() as session:
        assert "log.cleared" in session.scalars(select(AuditEntry.action)).all()
