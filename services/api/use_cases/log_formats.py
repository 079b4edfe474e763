"""Writes entries of the Log as CSV or JSON, piece by piece, so that memory holds one page of them."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.database.tables import Event

COLUMNS = ("id", "occurred_at", "level", "code", "message", "actor", "run_id", "number", "person_guid")
# What makes a spreadsheet take a cell for a formula (OWASP, "CSV injection"). Cells also begin after line ends and,
# where the comma is the decimal sign, after semicolons: there a spreadsheet splits the line at these instead.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@＝＋－＠])|^(?=[\t\r\n])")


class ExportFormat(StrEnum):
    """How the Log is written out."""

    CSV = "csv"
    JSON = "json"


def as_csv(pages: Iterable[list[Event]]) -> Iterator[str]:
    """CSV with a header (RFC 4180); no cell of it is taken for a formula."""
    yield _csv_lines([COLUMNS])
    for page in pages:
        yield _csv_lines(
            [
                [
                    guard_formula(value) if isinstance(value, str) else value
                    for value in _values(entry).values()
                ]
                for entry in page
            ]
        )


def as_json(pages: Iterable[list[Event]]) -> Iterator[str]:
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


def _values(entry: Event) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value := getattr(entry, name), datetime) else value
        for name in COLUMNS
    }


def _csv_lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
