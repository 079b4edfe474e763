"""What is filtered as a file: the same entries in every format, dates as on the page, and safe to open."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import openpyxl
import pypdf
import pytest
from sqlalchemy import update

from services.api.console import sending
from services.api.log.queries import Entry
from services.api.log.use_cases.formats import Dates
from services.api.log.use_cases.log import LogFilter
from services.api.log.use_cases.pdf import as_pdf
from services.api.log.use_cases.xlsx import as_xlsx, number_format
from services.api.settings.use_cases.sections import apply_settings
from shared.database.events import LogEntry, record
from shared.database.tables import Account, Event, EventLevel
from shared.worker.context import Context
from tests.integration.api.builders import fill_log
from tests.integration.console.conftest import Open
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("people")

FORMULA = "=cmd|' /C calc'!A0"
HEADINGS = ["Date", "Type", "Event", "Extension", "Run", "By"]
AFTERNOON = datetime(2026, 11, 23, 16, 5, 9, tzinfo=UTC)
TOKYO = Dates(ZoneInfo("Asia/Tokyo"))


@pytest.fixture
def filled(context: Context) -> Context:
    """Entries of which seven are warnings, the newest a formula of a fixed time; the schedule is Tokyo's."""
    apply_settings(context, "default", {"schedule": {"time_zone": "Asia/Tokyo"}}, "test")
    fill_log(context, 60)
    with context.database.begin() as session:
        record(session, "default", LogEntry("x.y", FORMULA, EventLevel.WARNING, number="100", actor="@anna"))
        session.execute(update(Event).where(Event.message == FORMULA).values(occurred_at=AFTERNOON))
    return context


def _export(browser: Open, name: str, query: str = "level=warning") -> httpx.Response:
    vera = browser("vera")
    [address] = [one for one in vera.get(f"/console/log?{query}").links if f"format={name}" in one]
    answer = vera.http.get(address)
    while answer.status_code == 202:
        # What a browser does with the page that says that the file is being made.
        assert answer.headers["Refresh"] == "2"
        answer = vera.http.get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="rollcall-default-log.{name}"'
    return answer


@pytest.mark.usefixtures("filled")
def test_csv_has_the_columns_and_dates_of_the_page_and_no_formula(browser: Open) -> None:
    text = _export(browser, "csv").content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == HEADINGS
    assert rows[1] == ["24/11/2026 01:05:09 AM", "Warning", f"'{FORMULA}", "100", "", "'@anna"]
    assert [row[2] for row in rows[2:]] == [f"Entry {number}." for number in (50, 40, 30, 20, 10, 0)]


@pytest.mark.usefixtures("filled")
def test_a_workbook_has_real_dates_and_texts_that_are_never_formulas(browser: Open) -> None:
    content = _export(browser, "xlsx").content
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]] == HEADINGS
    date, kind, event, number, _, actor = rows[1]
    assert (date.value, date.number_format) == (
        AFTERNOON.astimezone(TOKYO.zone).replace(tzinfo=None),
        "dd/mm/yyyy hh:mm:ss AM/PM",
    )
    assert (kind.value, number.value, actor.value) == ("Warning", "100", "@anna")
    # "f" would be a formula.
    assert (event.value, event.data_type) == (FORMULA, "s")
    assert [row[2].value for row in rows[2:]] == [f"Entry {number}." for number in (50, 40, 30, 20, 10, 0)]
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert b"<f>" not in b"".join(map(parts.read, parts.namelist()))


@pytest.mark.usefixtures("filled")
def test_a_pdf_says_what_was_asked_for_and_has_the_entries(browser: Open) -> None:
    text = _read_pdf(_export(browser, "pdf", "level=warning&text=Entry").content)
    assert "Log of site default" in text
    assert "Type: Warning · Text: “Entry”" in text
    assert "times in Asia/Tokyo" in text
    assert "Date Type Event" in text
    assert "Page 1 of 1" in text
    for number in (50, 40, 30, 20, 10, 0):
        assert f"Entry {number}." in text
    assert "Entry 1." not in text
    assert FORMULA not in text


@pytest.mark.usefixtures("filled")
def test_json_has_every_column_with_times_in_utc(browser: Open) -> None:
    entries = json.loads(_export(browser, "json").content)
    assert len(entries) == 7
    assert (entries[0]["message"], entries[0]["occurred_at"]) == (FORMULA, AFTERNOON.isoformat())


def test_a_reader_of_german_who_has_chosen_no_format_exports_german_dates(
    filled: Context, browser: Open
) -> None:
    vera = browser("vera")
    vera.http.headers["Accept-Language"] = "de"
    assert "24.11.2026 01:05:09" in vera.http.get("/console/log/export?format=csv").text
    account = vera.get("/console/account")
    assert ("date_format", "dd.mm.yyyy") in account.form("/account/dates").values


def test_dates_are_written_as_whoever_exports_has_chosen(filled: Context, browser: Open) -> None:
    with filled.database.begin() as session:
        session.execute(update(Account).where(Account.name == "vera").values(date_format="yyyy-mm-dd"))
    assert "2026-11-24 01:05:09" in _export(browser, "csv").text
    sheet = openpyxl.load_workbook(io.BytesIO(_export(browser, "xlsx").content)).active
    assert sheet is not None
    assert sheet["A2"].number_format == "yyyy-mm-dd hh:mm:ss"


@pytest.mark.usefixtures("filled")
def test_a_filter_that_means_nothing_exports_nothing(browser: Open) -> None:
    vera = browser("vera")
    assert [one for one in vera.get("/console/log?run=seven").links if "export" in one] == []
    page = vera.get("/console/log/export?run=seven&format=csv")
    assert page.status == 422
    assert "A run is a number" in page.text


def test_a_full_sheet_is_followed_by_another(context: Context) -> None:
    pages = [[_entry(f"Entry {number}.") for number in range(3)], [_entry("Entry 3.")]]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(as_xlsx(pages, TOKYO, sheet_rows=3))))
    told = [[row[2] for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]
    assert told == [["Event", "Entry 0.", "Entry 1."], ["Event", "Entry 2.", "Entry 3."]]


def test_a_workbook_takes_texts_that_excel_cannot_hold() -> None:
    hostile = ["x" * 40_000, "a\x00b\x0bc", "", "_x0041_", "http://example.test/?a=1", "😀 Привет"]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(as_xlsx([[*map(_entry, hostile)]], TOKYO))))
    sheet = book.active
    assert sheet is not None
    assert len(str(sheet["C2"].value)) == 32_767
    assert sheet["C6"].value == "http://example.test/?a=1"
    assert sheet["C6"].hyperlink is None
    assert sheet["C7"].value == "😀 Привет"


def test_a_pdf_ends_at_its_limit_and_says_so() -> None:
    pages = [[_entry(f"Entry {number}.") for number in range(100)]]
    text = _read_pdf(b"".join(as_pdf(pages, TOKYO, "default", LogFilter(), most_rows=99)))
    assert "All entries" in text
    assert "Entry 98." in text
    assert "Entry 99." not in text
    assert "There are more entries: a PDF ends after the newest 99." in text
    whole = _read_pdf(b"".join(as_pdf(pages, TOKYO, "default", LogFilter(), most_rows=100)))
    assert "There are more entries" not in whole
    assert "Entry 99." in whole


def test_every_page_of_a_pdf_has_the_heads_of_the_columns_and_its_number() -> None:
    pages = [[_entry("A word and another. " * 40) for _ in range(60)]]
    reader = pypdf.PdfReader(io.BytesIO(b"".join(as_pdf(pages, TOKYO, "default", LogFilter()))))
    count = len(reader.pages)
    assert count > 3
    for number, page in enumerate(reader.pages, start=1):
        assert "Date Type Event" in page.extract_text()
        assert f"Page {number} of {count}" in page.extract_text()


def test_a_pdf_takes_texts_that_are_wider_than_it_and_letters_of_any_script() -> None:
    pages = [[_entry("x" * 5_000), _entry("Привет Ελλάδα"), _entry(""), _entry("\x00\x07 %s <b>")]]
    text = _read_pdf(b"".join(as_pdf(pages, TOKYO, "default", LogFilter())))
    assert "Привет Ελλάδα" in text
    assert text.count("x") > 3_900


def test_without_a_font_a_pdf_says_what_its_question_marks_are() -> None:
    nowhere = (Path("/nowhere.ttf"),)
    text = _read_pdf(
        b"".join(as_pdf([[_entry("Привет Ähre")]], TOKYO, "default", LogFilter(), fonts=nowhere))
    )
    assert "?????? Ähre" in text
    assert "Letters beyond Latin-1 are shown as question marks" in text


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("%d/%m/%Y %I:%M:%S %p", "dd/mm/yyyy hh:mm:ss AM/PM"),
        ("%d.%m.%Y %H:%M:%S", "dd.mm.yyyy hh:mm:ss"),
        ("%Y-%m-%d %H:%M:%S", "yyyy-mm-dd hh:mm:ss"),
    ],
)
def test_excel_is_told_the_same_way_of_writing(pattern: str, said: str) -> None:
    assert number_format(pattern) == said


def _entry(message: str) -> Entry:
    return Entry(
        id=1,
        code="x.y",
        sentence=None,
        person_guid=None,
        occurred_at=AFTERNOON,
        level=EventLevel.INFO.value,
        message=message,
        number=None,
        run_id=None,
        actor="",
    )


def _read_pdf(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


@pytest.mark.usefixtures("filled")
def test_a_file_that_takes_long_has_a_page_until_it_is_there(
    browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_PATIENCE_SECONDS", 0.0)
    vera = browser("vera")
    page = vera.get("/console/log/export?format=pdf")
    assert page.status == 202
    assert "PDF export of the Log is being prepared" in page.text
    assert page.mistakes == []
    assert page.response.headers["Refresh"] == "2"
    # Whoever asks for more than may wait is told so; what is being made is not begun anew.
    for run in (1, 2):
        assert vera.get(f"/console/log/export?format=xlsx&run={run}").status == 202
    assert vera.get("/console/log/export?format=xlsx&run=3").status == 429
    assert vera.get("/console/log/export?format=pdf").status in (200, 202)
    answers: list[httpx.Response] = []

    def _is_there() -> bool:
        answers.append(vera.http.get("/console/log/export?format=pdf"))
        return answers[-1].status_code == 200

    wait_until("the file", _is_there, 60)
    assert answers[-1].content.startswith(b"%PDF")
    assert int(answers[-1].headers["Content-Length"]) == len(answers[-1].content)
