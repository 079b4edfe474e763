"""Writes entries of the Log as a workbook for Excel. Rows go to disk as they come, so that memory stays flat."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

import xlsxwriter  # type: ignore[import-untyped]

from services.api.log.use_cases.formats import HEADINGS, Dates, cells_after_date
from shared.database.tables import Event
from shared.language import shown

# What Excel can hold: rows of a sheet with the heading, characters of a cell.
_SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767
_WIDTHS = (24, 12, 90, 10, 8, 24)
_PIECE = 1 << 18
# Of strftime in Excel's words. A month and a minute are both written m there; the neighbours tell which is meant.
_NUMBER_FORMAT = {
    "%d": "dd",
    "%m": "mm",
    "%Y": "yyyy",
    "%I": "hh",
    "%H": "hh",
    "%M": "mm",
    "%S": "ss",
    "%p": "AM/PM",
}


def as_xlsx(pages: Iterable[list[Event]], dates: Dates, sheet_rows: int = _SHEET_ROWS) -> Iterator[bytes]:
    """The workbook in pieces: real dates, texts that are never formulas; a sheet that is full is followed by another."""
    with tempfile.TemporaryFile() as file:
        _write(file, pages, dates, sheet_rows)
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def number_format(pattern: str) -> str:
    """How Excel is told to write dates as ``strftime`` does with this pattern."""
    for ours, theirs in _NUMBER_FORMAT.items():
        pattern = pattern.replace(ours, theirs)
    return pattern


def _write(file: IO[bytes], pages: Iterable[list[Event]], dates: Dates, sheet_rows: int) -> None:
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        workbook.use_zip64()
        bold = workbook.add_format({"bold": True, "bottom": 1})
        date = workbook.add_format({"num_format": number_format(dates.pattern), "align": "left"})
        sheet, row = _new_sheet(workbook, bold, sheet_rows), 0
        for page in pages:
            for entry in page:
                row += 1
                if row == sheet_rows:
                    sheet, row = _new_sheet(workbook, bold, sheet_rows), 1
                _write_row(sheet, row, entry, dates, date)


def _new_sheet(
    workbook: xlsxwriter.workbook.Workbook, bold: xlsxwriter.format.Format, sheet_rows: int
) -> xlsxwriter.worksheet.Worksheet:
    number = len(workbook.worksheets()) + 1
    sheet = workbook.add_worksheet("Log" if number == 1 else f"Log {number}")
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, sheet_rows - 1, len(HEADINGS) - 1)
    for column, (heading, width) in enumerate(zip(HEADINGS, _WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, shown(heading), bold)
    return sheet


def _write_row(
    sheet: xlsxwriter.worksheet.Worksheet,
    row: int,
    entry: Event,
    dates: Dates,
    date: xlsxwriter.format.Format,
) -> None:
    # Excel knows no time zones: the clock of the reader's is what is shown. Nor does it know parts of a second here.
    local = entry.occurred_at.astimezone(dates.zone).replace(tzinfo=None, microsecond=0)
    sheet.write_datetime(row, 0, local, date)
    for column, text in enumerate(cells_after_date(entry), start=1):
        if text:
            sheet.write_string(row, column, text[:_CELL_CHARACTERS])
