"""Reading, exporting and clearing the Log of a site. A page costs the same whether the Log holds 50 or 1,000,000.

Pages are found by id, so that new entries never shift them. Clearing leaves the audit untouched.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select

from services.api.log.queries import LogFilter
from services.api.log.use_cases.formats import Dates, ExportFormat
from services.api.log.use_cases.pieces import LogPage, file_pieces, read_page
from shared.database import events
from shared.database.found import site_of
from shared.database.tables import Event
from shared.language import phrase
from shared.runs.retention import delete_events
from shared.worker.context import Context

__all__ = ["ExportFormat", "LogFilter", "LogPage", "clear_log", "export_log", "read_log"]

_EVERYTHING = LogFilter()
# What takes memory or time that others would miss; the rest flows page by page.
HEAVY = frozenset({ExportFormat.XLSX, ExportFormat.PDF})


def read_log(
    context: Context,
    site_id: str,
    filter: LogFilter = _EVERYTHING,
    limit: int = 50,
    before: int | None = None,
    reach: int | None = None,
) -> LogPage:
    """One page of the site's Log, newest first; a search for a text looks at ``reach`` entries at most.

    :raises NotFound: there is no such site.
    """
    return read_page(context.database, site_id, filter, limit, before, reach)


def export_log(
    context: Context,
    site_id: str,
    filter: LogFilter = _EVERYTHING,
    format: ExportFormat = ExportFormat.CSV,
    dates: Dates | None = None,
) -> Iterator[bytes]:
    """The fitting entries as a file in pieces, newest first; a PDF has no more than ``log_pdf.MOST_ROWS`` of them.

    ``dates`` says how a person reads dates. Without it CSV is for programs, and the workbook and the PDF have the
    time zone of the site's schedule.

    :raises NotFound: there is no such site; at once, before the first piece.
    """
    dates = dates_of(context, site_id, format, dates)
    return file_pieces(context.database, site_id, filter, format, dates)


def dates_of(context: Context, site_id: str, format: ExportFormat, dates: Dates | None) -> Dates | None:
    """How the dates of an export are written: as given, else for people as the site's schedule has it.

    :raises NotFound: there is no such site.
    """
    with context.database.read() as session:
        site_of(session, site_id)
        if dates is None and format in HEAVY:
            # Slow to import, and not needed to read the Log.
            from shared.settings import store

            schedule = store.read(session, site_id, context.encryption).settings.schedule
            return Dates(ZoneInfo(schedule.time_zone))
    return dates


def clear_log(context: Context, site_id: str, actor: str) -> int:
    """Remove the site's entries up to now and return how many there were; the audit says who did it.

    :raises NotFound: there is no such site.
    """
    with context.database.begin() as session:
        site_of(session, site_id)
        newest, count = session.execute(
            select(func.max(Event.id), func.count(Event.id)).where(Event.site_id == site_id)
        ).one()
        # Said before it is done: a process that ends half-way leaves a clearing that the audit knows of.
        message = phrase("The Log was cleared: {count} entries removed.", count=count)
        entry = events.LogEntry("log.cleared", message, actor=actor)
        events.record_audited(session, site_id, entry, {"entries": count})
    if newest is not None:
        delete_events(context.database, and_(Event.site_id == site_id, Event.id <= newest))
    return int(count)
