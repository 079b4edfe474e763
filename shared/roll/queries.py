"""Who has this number, this address, this extension: small questions to the roll, each answered by an index.

What is asked about the directory concerns people who are selected there now. Addresses are folded as the roll keeps them:
``shared.values.keys.email_key``.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.database.tables import RollReading, RollRow
from shared.domain.person import Presence
from shared.roll.entry import Row
from shared.roll.stored import COLUMNS, row_of

# SQL Server takes at most 2,100 parameters in a statement.
AT_ONCE = 500


def reading_of(session: Session, site_id: str) -> RollReading | None:
    """The full reading the roll was rebuilt by last; ``None``: the roll is empty until the next full run."""
    return session.get(RollReading, site_id)


def rows_of(session: Session, site_id: str, holders: Collection[str]) -> dict[str, Row]:
    """The rows of these objectGUIDs (or holders of extensions that are nobody's); whoever is not known is left out."""
    return {row.holder: row_of(row) for row in _all(session, site_id, RollRow.holder, holders)}


def rows_of_extensions(session: Session, site_id: str, ids: Collection[int]) -> dict[int, Row]:
    """By 3CX's id, the row that has the extension."""
    found = _all(session, site_id, RollRow.extension_id, ids)
    return {row.extension_id or 0: row_of(row) for row in found}


def rows_of_numbers(session: Session, site_id: str, numbers: Collection[str]) -> list[Row]:
    """Whoever has one of these numbers, in the directory or in 3CX, each row once."""
    columns = RollRow.number, RollRow.extension_number
    found = (row for column in columns for row in _all(session, site_id, column, numbers))
    return [*{row.holder: row_of(row) for row in found}.values()]


def guids_by_number(session: Session, site_id: str, numbers: Collection[str]) -> dict[str, list[str]]:
    """By number, the objectGUIDs of the people to whom the directory gives it."""
    return _guids(session, site_id, RollRow.number, numbers)


def guids_by_email(session: Session, site_id: str, keys: Collection[str]) -> dict[str, list[str]]:
    """By folded address, the objectGUIDs of the people who have it in the directory."""
    return _guids(session, site_id, RollRow.email_key, keys)


def people_by_unit(session: Session, site_id: str) -> Mapping[str, int]:
    """By unit of the settings, how many people are selected there."""
    rows = session.execute(
        select(RollRow.unit, func.count())
        .where(RollRow.site_id == site_id, RollRow.presence == Presence.SELECTED.value)
        .group_by(RollRow.unit)
    )
    return {unit: count for unit, count in rows}  # noqa: C416 - a row is no pair to mypy


def _guids(
    session: Session, site_id: str, column: InstrumentedAttribute[str], wanted: Collection[str]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for chunk in _chunks(wanted):
        mine = RollRow.site_id == site_id, column.in_(chunk)
        for key, holder in session.execute(select(column, RollRow.holder).where(*mine)):
            found.setdefault(key, []).append(holder)
    # Sorted here: asked for an order, SQLite reads the whole table in that order.
    return {key: sorted(holders) for key, holders in found.items()}


def _all(
    session: Session, site_id: str, column: InstrumentedAttribute[Any], wanted: Collection[Any]
) -> Iterator[Any]:
    for chunk in _chunks(wanted):
        mine: Sequence[ColumnElement[bool]] = (RollRow.site_id == site_id, column.in_(chunk))
        yield from session.execute(select(*COLUMNS).where(*mine))


def _chunks(wanted: Collection[Any]) -> Iterator[list[Any]]:
    """Without what is empty: nobody has that."""
    items = sorted({item for item in wanted if item not in ("", None)})
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
