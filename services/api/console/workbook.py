"""Workbooks for Excel, of the Log and of people. Rows go to disk as they come, so that memory stays flat."""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO

import xlsxwriter  # type: ignore[import-untyped]

from shared.language import shown

# What Excel can hold: rows of a sheet with the heading, characters of a cell and of a sheet's name.
SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767
_NAME_CHARACTERS = 31
_NOT_IN_A_NAME = re.compile(r"[][:*?/\\]")
_PIECE = 1 << 18


class Sheets:
    """The sheets of one workbook, all with the same headings; texts are never formulas or links."""

    def __init__(self, file: IO[bytes], name: str, columns: Sequence[tuple[str, int]], rows: int) -> None:
        """``columns`` are headings with their widths in characters."""
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self.workbook = xlsxwriter.Workbook(file, options)
        self.workbook.use_zip64()
        self._name = _NOT_IN_A_NAME.sub(" ", shown(name))
        self._columns = columns
        self._rows = rows
        self._bold = self.workbook.add_format({"bold": True, "bottom": 1})
        self._row = 0
        self.sheet = self._begin()

    def next_row(self) -> int:
        """The number of the next row; a sheet that is full is followed by another."""
        self._row += 1
        if self._row == self._rows:
            self.sheet, self._row = self._begin(), 1
        return self._row

    def write(self, row: int, column: int, text: str) -> None:
        """Write a cell; an empty one is left out."""
        if text:
            self.sheet.write_string(row, column, text[:_CELL_CHARACTERS])

    def _begin(self) -> xlsxwriter.worksheet.Worksheet:
        number = len(self.workbook.worksheets()) + 1
        behind = "" if number == 1 else f" {number}"
        sheet = self.workbook.add_worksheet(self._name[: _NAME_CHARACTERS - len(behind)].strip() + behind)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, self._rows - 1, len(self._columns) - 1)
        for column, (heading, width) in enumerate(self._columns):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, shown(heading), self._bold)
        return sheet


def workbook_pieces(
    name: str,
    columns: Sequence[tuple[str, int]],
    write: Callable[[Sheets], None],
    rows: int = SHEET_ROWS,
) -> Iterator[bytes]:
    """The workbook that ``write`` fills, in pieces."""
    with tempfile.TemporaryFile() as file:
        sheets = Sheets(file, name, columns, rows)
        with sheets.workbook:
            write(sheets)
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece
