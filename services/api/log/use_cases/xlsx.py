"""Writes entries of the Log as a workbook for Excel."""

from collections.abc import Iterable, Iterator

from services.api.console.workbook import SHEET_ROWS, Sheets, workbook_pieces
from services.api.log.queries import Entry
from services.api.log.use_cases.formats import HEADINGS, Dates, cells_after_date
from shared.language import declared

_WIDTHS = (24, 12, 90, 10, 8, 24)
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


def as_xlsx(pages: Iterable[list[Entry]], dates: Dates, sheet_rows: int = SHEET_ROWS) -> Iterator[bytes]:
    """The workbook in pieces: real dates, texts that are never formulas; a sheet that is full is followed by another."""

    def _write(sheets: Sheets) -> None:
        date = sheets.workbook.add_format({"num_format": number_format(dates.pattern), "align": "left"})
        for page in pages:
            for entry in page:
                row = sheets.next_row()
                # Excel knows no time zones: the reader's clock is what is shown. Nor does it know parts of a second here.
                local = entry.occurred_at.astimezone(dates.zone).replace(tzinfo=None, microsecond=0)
                sheets.sheet.write_datetime(row, 0, local, date)
                for column, text in enumerate(cells_after_date(entry), start=1):
                    sheets.write(row, column, text)

    columns = [*zip(HEADINGS, _WIDTHS, strict=True)]
    return workbook_pieces(declared("Log"), columns, _write, sheet_rows)


def number_format(pattern: str) -> str:
    """How Excel is told to write dates as ``strftime`` does with this pattern."""
    for ours, theirs in _NUMBER_FORMAT.items():
        pattern = pattern.replace(ours, theirs)
    return pattern
