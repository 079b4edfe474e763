"""Writes people and extensions as a workbook for Excel. Rows go to disk as they come, so that memory stays flat."""

import tempfile
from collections.abc import Iterator
from typing import IO

import xlsxwriter  # type: ignore[import-untyped]

from services.api.people.queries import PeopleFilter, PeopleOrder
from services.api.people.use_cases.roll import HEADINGS, cells_of, pages
from shared.database.engine import Database
from shared.language import shown

# What Excel can hold: rows of a sheet with the heading, characters of a cell.
_SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767
_WIDTH = 24
_PIECE = 1 << 18


def workbook_pieces(
    database: Database, site_id: str, chosen: PeopleFilter, order: PeopleOrder
) -> Iterator[bytes]:
    """The fitting rows as a workbook of texts, none of which is a formula."""
    with tempfile.TemporaryFile() as file:
        _write(file, database, site_id, chosen, order)
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def _write(
    file: IO[bytes], database: Database, site_id: str, chosen: PeopleFilter, order: PeopleOrder
) -> None:
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        bold = workbook.add_format({"bold": True, "bottom": 1})
        sheet = workbook.add_worksheet("People and extensions")
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, _SHEET_ROWS - 1, len(HEADINGS) - 1)
        sheet.set_column(0, len(HEADINGS) - 1, _WIDTH)
        for column, heading in enumerate(HEADINGS):
            sheet.write_string(0, column, shown(heading), bold)
        number = 0
        for rows, read_at in pages(database, site_id, chosen, order):
            for row in rows:
                number += 1
                for column, text in enumerate(cells_of(row, read_at)):
                    if text:
                        sheet.write_string(number, column, text[:_CELL_CHARACTERS])
