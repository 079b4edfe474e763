"""The entries of a site's Log, page by page and as files, with nothing but a database: a process that makes one file
imports no more than this.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from services.api.log.queries import PAGE, Entry, LogFilter, conditions
from services.api.log.use_cases.formats import Dates, ExportFormat, as_csv, as_json, as_readable_csv
from shared.database.engine import Database
from shared.database.found import site_of
from shared.database.tables import Event

_EXPORT_PAGE = 1000


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries, newest first. ``next_before`` is the ``before`` of the next page, ``None`` on the last.

    ``searched_to`` is how far back a search came that ended before the page was full; older entries were not looked at.
    """

    entries: list[Entry]
    next_before: int | None
    searched_to: datetime | None = None


def read_page(
    database: Database,
    site_id: str,
    filter: LogFilter,
    limit: int,
    before: int | None,
    reach: int | None = None,
) -> LogPage:
    """One page, newest first. A search for a text looks at ``reach`` entries at most, so that it never takes long.

    :raises NotFound: there is no such site.
    """
    with database.rows() as connection:
        query = PAGE.where(*conditions(connection, site_id, filter))
        if before is not None:
            query = query.where(Event.id < before)
        unread = _first_unread(connection, site_id, filter, before, reach) if filter.text and reach else None
        if unread is not None:
            query = query.where(Event.id > unread)
        found = connection.execute(query.order_by(Event.id.desc()).limit(limit + 1)).all()
        rows = [Entry(*row) for row in found]
        if unread is not None and len(rows) <= limit:
            moment = connection.scalar(select(Event.occurred_at).where(Event.id == unread))
            return LogPage(rows, unread + 1, moment)
    if not rows:
        # Entries are of a site that exists; only where there are none this has to be asked.
        with database.glance() as session:
            site_of(session, site_id)
    return LogPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def _first_unread(
    connection: Connection, site_id: str, filter: LogFilter, before: int | None, reach: int
) -> int | None:
    """The newest entry that a search does not come to; ``None``: it comes to the last. Read from an index alone."""
    query = select(Event.id).where(*conditions(connection, site_id, replace(filter, text=None)))
    if before is not None:
        query = query.where(Event.id < before)
    return connection.scalar(query.order_by(Event.id.desc()).offset(reach).limit(1))


def file_pieces(
    database: Database, site_id: str, filter: LogFilter, format: ExportFormat, dates: Dates | None
) -> Iterator[bytes]:
    """The fitting entries as a file in pieces, newest first; a workbook and a PDF need ``dates``."""
    pages = _pages(database, site_id, filter)
    # What writes workbooks and PDFs takes 20 MB, and would take it in every process, workers too.
    if format == ExportFormat.XLSX:
        from services.api.log.use_cases.xlsx import as_xlsx

        assert dates is not None
        return as_xlsx(pages, dates)
    if format == ExportFormat.PDF:
        from services.api.log.use_cases.pdf import as_pdf

        assert dates is not None
        return as_pdf(pages, dates, site_id, filter)
    if format == ExportFormat.JSON:
        return (piece.encode() for piece in as_json(pages))
    written = as_csv(pages) if dates is None else as_readable_csv(pages, dates)
    return (piece.encode() for piece in written)


def _pages(database: Database, site_id: str, filter: LogFilter) -> Iterator[list[Entry]]:
    before: int | None = None
    while True:
        page = read_page(database, site_id, filter, _EXPORT_PAGE, before)
        yield page.entries
        before = page.next_before
        if before is None:
            return
