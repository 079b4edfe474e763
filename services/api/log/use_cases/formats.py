"""Writes entries of the Log as CSV or JSON, piece by piece, so that memory holds one page of them. Pure.

JSON, and CSV by default, are for programs: every column, times in UTC as ISO 8601. CSV with ``Dates``, and the workbook
and the PDF of the neighbouring modules, are for people: the columns that the Log's page has, dates as read there.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from services.api.console.words import LEVELS
from services.api.log.queries import Entry
from shared.language import declared, read_back, shown
from shared.values.text import visible

COLUMNS = ("id", "occurred_at", "level", "code", "message", "actor", "run_id", "number", "person_guid")
# What makes a spreadsheet take a cell for a formula (OWASP, "CSV injection"). Cells also begin after line ends and,
# where the comma is the decimal sign, after semicolons: there a spreadsheet splits the line at these instead.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@＝＋－＠])|^(?=[\t\r\n])")


HEADINGS = (
    declared("Date"),
    declared("Type"),
    declared("Event"),
    declared("Extension"),
    declared("Run"),
    declared("By"),
)


class ExportFormat(StrEnum):
    """How the Log is written out."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"
    JSON = "json"


MEDIA_TYPES: Mapping[ExportFormat, str] = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ExportFormat.PDF: "application/pdf",
    ExportFormat.JSON: "application/json",
}


@dataclass(frozen=True, slots=True)
class Dates:
    """How a person reads dates: in which time zone, and written how (as ``strftime`` says it)."""

    zone: ZoneInfo
    pattern: str = "%d/%m/%Y %I:%M:%S %p"

    def write(self, moment: datetime) -> str:
        """The moment as text."""
        return moment.astimezone(self.zone).strftime(self.pattern)


def as_csv(pages: Iterable[list[Entry]]) -> Iterator[str]:
    """CSV with a header (RFC 4180); no cell of it is taken for a formula."""
    yield csv_lines([COLUMNS])
    for page in pages:
        yield csv_lines(
            [
                [
                    guard_formula(visible(value, "\n\r\t")) if isinstance(value, str) else value
                    for value in _values(entry).values()
                ]
                for entry in page
            ]
        )


def as_readable_csv(pages: Iterable[list[Entry]], dates: Dates) -> Iterator[str]:
    """CSV as the page shows the Log; no cell of it is taken for a formula."""
    # Excel takes a file for UTF-8 only when it begins so.
    yield "\ufeff" + csv_lines([map(shown, HEADINGS)])
    for page in pages:
        yield csv_lines(
            [
                [dates.write(entry.occurred_at), *(guard_formula(text) for text in cells_after_date(entry))]
                for entry in page
            ]
        )


def cells_after_date(entry: Entry) -> tuple[str, ...]:
    """What stands under the ``HEADINGS`` but for the date, which each format writes in its own way; in the reader's language."""
    return (
        shown(LEVELS[entry.level]),
        visible(shown(read_back(entry.message, entry.sentence)), "\n\t"),
        visible(entry.number or ""),
        str(entry.run_id or ""),
        visible(entry.actor),
    )


def as_json(pages: Iterable[list[Entry]]) -> Iterator[str]:
    """One JSON array, an object per line."""
    separator = "[\n"
    for page in pages:
        if page:
            yield separator + ",\n".join(json.dumps(_values(entry), ensure_ascii=False) for entry in page)
            separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def guard_formula(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    return _FORMULA.sub(r"\g<0>'", text)


def _values(entry: Entry) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value := getattr(entry, name), datetime) else value
        for name in COLUMNS
    }


def csv_lines(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as lines of CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
