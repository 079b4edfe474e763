"""People and extensions as they are now: a page of them, one of them with what happened, all of them as a file.

Called by the API, the console and the CLI. Reads the roll and the Log, never the directory or the phone system.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.api.console.words import ROLL_STATES
from services.api.log.use_cases.formats import csv_lines, guard_formula
from services.api.people.queries import Counts, PeopleFilter, PeopleOrder, counts_of, found_by_words, page_of
from shared.database.engine import Database
from shared.database.found import site_of
from shared.database.tables import CommandRow, Event, RollReading, Run
from shared.errors import NotFound
from shared.language import declared, listed, named, phrase, shown
from shared.roll import queries
from shared.roll.entry import Row
from shared.values.text import visible
from shared.worker.context import Context

_EVERYBODY = PeopleFilter()
_EXPORT_PAGE = 1_000
_HISTORY = 50
HEADINGS = (
    declared("Name"),
    declared("Number"),
    declared("State"),
    declared("Reason"),
    declared("Since"),
    declared("E-mail"),
    declared("Login"),
    declared("Department"),
    declared("Unit"),
    declared("Extension in 3CX"),
    declared("Name in 3CX"),
    declared("E-mail in 3CX"),
    declared("Enabled in 3CX"),
    declared("Differs in 3CX"),
    declared("Last seen"),
    declared("objectGUID"),
)


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Rows in order with the figures of the filters; ``read_at`` is ``None`` until a full run has read both ends."""

    rows: list[Row]
    next_after: str | None
    counts: Counts
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class OneRow:
    """One row with what the Log and the runs tell of it, newest first."""

    row: Row
    read_at: datetime | None
    events: Sequence[Event]
    commands: Sequence[CommandRow]


def list_people(
    context: Context,
    site_id: str,
    chosen: PeopleFilter = _EVERYBODY,
    order: PeopleOrder = PeopleOrder.NAME,
    limit: int = 100,
    after: str | None = None,
) -> PeoplePage:
    """One page of a site's people and extensions.

    :raises NotFound: there is no such site.
    """
    with context.database.read() as session:
        site_of(session, site_id)
        few = found_by_words(session, site_id, chosen, order, limit, after) if chosen.text.strip() else None
        if few is not None:
            rows, next_after, counts = few
        else:
            counts = counts_of(session, site_id, chosen)
            rows, next_after = page_of(session, site_id, chosen, order, limit, after, counts.total)
        reading = queries.reading_of(session, site_id)
    return PeoplePage(rows, next_after, counts, _read_at(reading))


def one_row(context: Context, site_id: str, holder: str) -> OneRow:
    """The row of an objectGUID, or of an extension that is nobody's ("extension 1009").

    :raises NotFound: the roll has none, or there is no such site.
    """
    found = find_row(context, site_id, holder)
    if found is None:
        raise NotFound(
            phrase(
                "Nobody and no extension is known as '{holder}'. The list is as of the last full run: search it for the "
                "name or the number.",
                holder=holder[:120],
            )
        )
    return found


def find_row(context: Context, site_id: str, holder: str) -> OneRow | None:
    """The same; ``None`` when the roll has none.

    :raises NotFound: there is no such site.
    """
    with context.database.read() as session:
        site_of(session, site_id)
        row = queries.rows_of(session, site_id, [holder]).get(holder)
        if row is None:
            return None
        reading = queries.reading_of(session, site_id)
        return OneRow(
            row, _read_at(reading), _events(session, site_id, row), _commands(session, site_id, row)
        )


def export_pieces(
    database: Database, site_id: str, chosen: PeopleFilter, order: PeopleOrder
) -> Iterator[bytes]:
    """The fitting rows as CSV in pieces; no cell of it is taken for a formula."""
    # Excel takes a file for UTF-8 only when it begins so.
    yield ("\ufeff" + csv_lines([list(map(shown, HEADINGS))])).encode()
    for rows, read_at in pages(database, site_id, chosen, order):
        yield csv_lines([[guard_formula(cell) for cell in cells_of(row, read_at)] for row in rows]).encode()


def pages(
    database: Database, site_id: str, chosen: PeopleFilter, order: PeopleOrder
) -> Iterator[tuple[list[Row], datetime | None]]:
    """All fitting rows, some at a time, with the moment of the last reading."""
    after: str | None = None
    while True:
        with database.glance() as session:
            rows, after = page_of(session, site_id, chosen, order, _EXPORT_PAGE, after)
            reading = queries.reading_of(session, site_id)
        yield rows, _read_at(reading)
        if after is None:
            return


def cells_of(row: Row, read_at: datetime | None) -> list[str]:
    """What stands under the ``HEADINGS``; times are UTC as ISO 8601."""
    entry, extension, person = row.entry, row.entry.extension, row.entry.person
    seen = row.last_seen_at or read_at
    cells = (
        entry.name,
        entry.number,
        shown(ROLL_STATES[entry.state]),
        str(shown(entry.reason)),
        row.since.isoformat(timespec="seconds"),
        person.email if person else "",
        person.login if person else "",
        entry.department,
        person.unit if person else "",
        extension.number if extension else "",
        extension.name if extension else "",
        extension.email if extension else "",
        shown(declared("yes") if extension.enabled else declared("no")) if extension else "",
        shown(listed(named(item.field) for item in entry.drift)),
        seen.isoformat(timespec="seconds") if seen else "",
        entry.guid or "",
    )
    return [visible(cell) for cell in cells]


def _read_at(reading: RollReading | None) -> datetime | None:
    return reading.read_at if reading is not None else None


def _events(session: Session, site_id: str, row: Row) -> Sequence[Event]:
    entry = row.entry
    extension = entry.extension or entry.last_extension
    number = extension.number if extension is not None else entry.number
    concerned = []
    if number:
        # The number may have been somebody else's before.
        theirs = or_(Event.person_guid.is_(None), Event.person_guid == (entry.guid or ""))
        concerned = list(
            session.scalars(
                select(Event)
                .where(Event.site_id == site_id, Event.number == number, theirs)
                .order_by(Event.id.desc())
                .limit(_HISTORY)
            )
        )
    return concerned


def _commands(session: Session, site_id: str, row: Row) -> Sequence[CommandRow]:
    entry = row.entry
    extension = entry.extension or entry.last_extension
    if entry.guid is not None:
        concerned = CommandRow.person_guid == entry.guid
    elif extension is not None:
        concerned = CommandRow.extension_id == extension.id
    else:
        return []
    return session.scalars(
        select(CommandRow)
        .join(Run, Run.id == CommandRow.run_id)
        .where(Run.site_id == site_id, concerned)
        .order_by(CommandRow.run_id.desc(), CommandRow.sequence)
        .limit(_HISTORY)
    ).all()
