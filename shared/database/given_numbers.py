"""The numbers that were given from ranges: what is remembered of them, and keeping a number for one person only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.database.rows import rows_of
from shared.database.tables import BindingRow, GivenNumberRow
from shared.domain.numbers import GivenNumber, UnwrittenNumber


class GivenMeanwhile(Exception):
    """A number was given to somebody else after it was read whose it is: nothing of the transaction counts."""


def read(session: Session, site_id: str, *which: ColumnElement[bool]) -> tuple[GivenNumber, ...]:
    """Every number of the site that is remembered; only those for which the conditions hold, if there are any."""
    rows = session.scalars(select(GivenNumberRow).where(GivenNumberRow.site_id == site_id, *which))
    # Sorted here: asked for an order, SQLite reads all of the site in that order.
    return tuple(
        GivenNumber(row.number, row.person_guid, row.person_name, row.given_at, row.is_used, row.released_at)
        for row in sorted(rows, key=lambda row: row.number)
    )


def remember(
    session: Session,
    site_id: str,
    items: Iterable[GivenNumber],
    forgotten: Iterable[str],
    known: Mapping[str, GivenNumber],
) -> None:
    """Store these and forget those, if each still is whose it was when ``known`` was read.

    :raises GivenMeanwhile: one is not.
    """
    for item in items:
        _write(session, site_id, item, known.get(item.number))
    for number in forgotten:
        session.execute(
            delete(GivenNumberRow)
            .where(GivenNumberRow.site_id == site_id, *_is_as(known[number]))
            .execution_options(synchronize_session=False)
        )


def write_to(session: Session, site_id: str, attribute: str) -> None:
    """From now on the site's given numbers are to stand in this attribute of the directory; in none when it is empty."""
    session.execute(
        update(GivenNumberRow)
        .where(GivenNumberRow.site_id == site_id, GivenNumberRow.write_to != attribute)
        .values(write_to=attribute, **NOT_TRIED)
        .execution_options(synchronize_session=False)
    )


# Of a number that nobody has tried to write yet.
NOT_TRIED: Mapping[str, Any] = {
    "write_attempts": 0,
    "write_again_at": None,
    "write_error_code": None,
    "write_error_message": None,
}


def unwritten(session: Session, site_id: str) -> tuple[UnwrittenNumber, ...]:
    """The given numbers of the site that are in use and are to stand in the directory, and do not yet."""
    return tuple(
        UnwrittenNumber(
            row.number,
            row.person_guid,
            row.person_name,
            row.write_error_code or "",
            row.write_error_message or "",
        )
        for row in session.scalars(_owed().where(GivenNumberRow.site_id == site_id))
    )


def sites_with_due(session: Session, now: datetime) -> list[str]:
    """The sites of which a number can be written now."""
    due = _owed().where(_is_due(now)).with_only_columns(GivenNumberRow.site_id).order_by(None).distinct()
    return sorted(session.scalars(due))


def due(session: Session, site_id: str, now: datetime, most: int) -> Sequence[GivenNumberRow]:
    """Of the site's numbers that can be written now the first so many."""
    return session.scalars(_owed().where(GivenNumberRow.site_id == site_id, _is_due(now)).limit(most)).all()


def _owed() -> Select[GivenNumberRow]:
    # Only once the extension exists and is linked: before that the number may still go to somebody else.
    linked = and_(
        BindingRow.site_id == GivenNumberRow.site_id,
        BindingRow.person_guid == GivenNumberRow.person_guid,
        BindingRow.number == GivenNumberRow.number,
    )
    return (
        select(GivenNumberRow)
        .join(BindingRow, linked)
        .where(
            GivenNumberRow.released_at.is_(None),
            GivenNumberRow.write_to != "",
            GivenNumberRow.write_to != GivenNumberRow.written_to,
        )
        .order_by(GivenNumberRow.number)
    )


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(GivenNumberRow.write_again_at.is_(None), GivenNumberRow.write_again_at <= now)


def _write(session: Session, site_id: str, item: GivenNumber, before: GivenNumber | None) -> None:
    values = {
        "person_guid": item.person_guid,
        "person_name": item.person_name[:300],
        "given_at": item.given_at,
        "is_used": item.is_used,
        "released_at": item.released_at,
    }
    if before is None:
        try:
            session.execute(
                insert(GivenNumberRow).values(
                    site_id=site_id,
                    number=item.number,
                    write_to="",
                    written_to="",
                    write_attempts=0,
                    **values,
                )
            )
        except IntegrityError as error:
            raise GivenMeanwhile(item.number) from error
        return
    if before.person_guid != item.person_guid:
        # What was written for somebody else says nothing of this person.
        values |= {"written_to": "", **NOT_TRIED}
    changed = session.execute(
        update(GivenNumberRow)
        .where(GivenNumberRow.site_id == site_id, *_is_as(before))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if not rows_of(changed):
        raise GivenMeanwhile(item.number)


def _is_as(before: GivenNumber) -> tuple[ColumnElement[bool], ...]:
    released = GivenNumberRow.released_at
    return (
        GivenNumberRow.number == before.number,
        GivenNumberRow.person_guid == before.person_guid,
        released.is_(None) if before.released_at is None else released.is_not(None),
    )
