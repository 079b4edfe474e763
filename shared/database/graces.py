"""The countdowns of leavers' extensions: noted with a plan, begun when an extension was disabled, gone with it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from shared.database.events import LogEntry
from shared.database.tables import GraceRow
from shared.domain.grace import Departure, Grace, is_nobodys
from shared.language import declared, phrase

T = TypeVar("T")
# SQL Server takes at most 2,100 parameters in a statement.
_AT_ONCE = 100


def of_site(session: Session, site_id: str) -> list[Grace]:
    """All of a site. Of a kind that only a newer version knows: as if the person had been deleted."""
    return [
        grace_of(row) for row in session.scalars(select(GraceRow).where(GraceRow.site_id == site_id)).all()
    ]


def grace_of(row: GraceRow) -> Grace:
    """The row as a plain value."""
    is_known = row.departure in [*Departure]
    return Grace(
        row.holder,
        row.extension_id,
        row.number,
        row.name,
        Departure(row.departure) if is_known else Departure.DELETED,
        row.days,
        row.began_at,
        row.until,
        row.is_kept,
    )


def put(session: Session, site_id: str, graces: Iterable[Grace]) -> None:
    """Store these in place of what is known of the same people; what a person decided meanwhile stands."""
    for chunk in _chunks(graces):
        mine = (GraceRow.site_id == site_id, GraceRow.holder.in_([grace.holder for grace in chunk]))
        known = {row.holder: row for row in session.scalars(select(GraceRow).where(*mine))}
        for grace in chunk:
            row = known.get(grace.holder)
            if row is None:
                row = GraceRow(site_id=site_id, holder=grace.holder, until=grace.until, is_kept=grace.is_kept)
                session.add(row)
            elif row.until is not None and grace.until is None and grace.began_at is None:
                # Set for days that are over, before the extension was enabled again.
                row.until = None
            row.extension_id, row.number, row.name = grace.extension_id, grace.number, grace.name[:300]
            row.departure, row.days, row.began_at = grace.departure.value, grace.days, grace.began_at
            row.ends_at = grace_of(row).ends_at
    session.flush()


def begin(session: Session, site_id: str, extension_ids: Iterable[int], now: datetime) -> Sequence[Grace]:
    """The days of these extensions begin, for they were disabled just now; returns those that have days."""
    begun = []
    for chunk in _chunks(extension_ids):
        mine = (GraceRow.site_id == site_id, GraceRow.extension_id.in_(chunk), GraceRow.began_at.is_(None))
        for row in session.scalars(select(GraceRow).where(*mine)).all():
            row.began_at = now
            row.ends_at = grace_of(row).ends_at
            begun.append(grace_of(row))
    session.flush()
    return begun


def grace_begun(grace: Grace, run_id: int) -> LogEntry:
    """What the Log says when days begin."""
    when = (
        phrase("is deleted on {ends_at}", ends_at=f"{grace.ends_at:%Y-%m-%d}")
        if grace.ends_at is not None
        else declared("is kept")
    )
    return LogEntry(
        "grace.begun",
        phrase(
            "Extension {number} ({name}) is disabled and {when}, unless they return.",
            number=grace.number,
            name=grace.name,
            when=when,
        ),
        run_id=run_id,
        number=grace.number,
        person_guid=None if is_nobodys(grace.holder) else grace.holder,
    )


def grace_ended(grace: Grace, run_id: int) -> LogEntry:
    """What the Log says when nothing counts down any more, for another reason than the deletion."""
    return LogEntry(
        "grace.ended",
        phrase(
            "Extension {number} ({name}) will not be deleted: the person has returned, or the rules or the link have changed.",
            number=grace.number,
            name=grace.name,
        ),
        run_id=run_id,
        number=grace.number,
        person_guid=None if is_nobodys(grace.holder) else grace.holder,
    )


def remove(session: Session, site_id: str, holders: Iterable[str]) -> None:
    """Remove the countdowns of these."""
    for chunk in _chunks(holders):
        _delete(session, site_id, GraceRow.holder.in_(chunk))


def remove_extensions(session: Session, site_id: str, extension_ids: Iterable[int]) -> None:
    """These extensions are gone."""
    for chunk in _chunks(extension_ids):
        _delete(session, site_id, GraceRow.extension_id.in_(chunk))


def protected(
    session: Session, site_id: str, extension_ids: Collection[int], now: datetime
) -> dict[int, Grace]:
    """Of these extensions, those that a person has decided not to be deleted yet."""
    rows = session.scalars(
        select(GraceRow).where(GraceRow.site_id == site_id, GraceRow.extension_id.in_(extension_ids))
    )
    found = {row.extension_id: grace_of(row) for row in rows}
    return {id_: grace for id_, grace in found.items() if grace.is_protected(now)}


def _delete(session: Session, site_id: str, condition: ColumnElement[bool]) -> None:
    session.execute(
        delete(GraceRow)
        .where(GraceRow.site_id == site_id, condition)
        .execution_options(synchronize_session=False)
    )


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    listed = list(items)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]
