"""Writes people and extensions as a workbook for Excel."""

from collections.abc import Iterator

from services.api.console.workbook import Sheets, workbook_pieces
from services.api.people.queries import PeopleFilter, PeopleOrder
from services.api.people.use_cases.roll import HEADINGS, cells_of, pages
from shared.database.engine import Database
from shared.language import declared

_WIDTH = 24


def as_xlsx(database: Database, site_id: str, chosen: PeopleFilter, order: PeopleOrder) -> Iterator[bytes]:
    """The fitting rows as a workbook of texts, none of which is a formula."""

    def _write(sheets: Sheets) -> None:
        for rows, read_at in pages(database, site_id, chosen, order):
            for row in rows:
                number = sheets.next_row()
                for column, text in enumerate(cells_of(row, read_at)):
                    sheets.write(number, column, text)

    columns = [(heading, _WIDTH) for heading in HEADINGS]
    return workbook_pieces(declared("People and extensions"), columns, _write)
