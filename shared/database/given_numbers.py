"""The numbers that were given from ranges: what is remembered of them, and keeping a number for one person only."""

from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.database.tables import GivenNumberRow
from shared.domain.numbers import GivenNumber


class GivenMeanwhile(Exception):
    """A number was given to somebody else after it was read whose it is: nothing of the transaction counts."""


def read(session: Session, site_id: str) -> tuple[GivenNumber, ...]:
    """Every number of the site that is remembered."""
    rows = session.scalars(
        select(GivenNumberRow).where(GivenNumberRow.site_id == site_id).order_by(GivenNumberRow.number)
    )
    return tuple(
        GivenNumber(row.number, row.person_guid, row.person_name, row.given_at, row.is_used, row.released_at)
        for row in rows
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
                    site_id=site_id, number=item.number, written_to="", write_attempts=0, **values
                )
            )
        except IntegrityError as error:
            raise GivenMeanwhile(item.number) from error
        return
    if before.person_guid != item.person_guid:
        # What was written for somebody else says nothing of this person.
        values |= {
            "written_to": "",
            "write_attempts": 0,
            "write_again_at": None,
            "write_error_code": None,
            "write_error_message": None,
        }
    changed = session.execute(
        update(GivenNumberRow)
        .where(GivenNumberRow.site_id == site_id, *_is_as(before))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise GivenMeanwhile(item.number)


def _is_as(before: GivenNumber) -> tuple[ColumnElement[bool], ...]:
    released = GivenNumberRow.released_at
    return (
        GivenNumberRow.number == before.number,
        GivenNumberRow.person_guid == before.person_guid,
        released.is_(None) if before.released_at is None else released.is_not(None),
    )
