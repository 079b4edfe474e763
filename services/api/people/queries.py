"""A page of the roll by what is asked for: by state, unit, department and words, in an order, from a row on."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, literal_column, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.database.search import holds_folded
from shared.database.tables import RollRow
from shared.roll.entry import RollState, Row
from shared.roll.queries import rows_of
from shared.roll.stored import COLUMNS, row_of, words_of

_MOST_WORDS = 8
_FEW = 1_000


class PeopleOrder(StrEnum):
    """What the rows are sorted by."""

    NAME = "name"
    NUMBER = "number"
    SINCE = "since"


_COLUMN: Mapping[PeopleOrder, InstrumentedAttribute[Any]] = {
    PeopleOrder.NAME: RollRow.sort_key,
    PeopleOrder.NUMBER: RollRow.shown_number,
    PeopleOrder.SINCE: RollRow.since,
}


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which rows; what is ``None`` or empty does not limit. ``text`` is the beginning of each of its words."""

    text: str = ""
    state: RollState | None = None
    unit: str | None = None
    department: str | None = None
    drift: bool | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows there are for each value of one filter, under all the other filters."""

    states: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, int] = field(default_factory=dict)
    departments: Mapping[str, int] = field(default_factory=dict)
    drift: int = 0
    total: int = 0


def page_of(
    session: Session,
    site_id: str,
    chosen: PeopleFilter,
    order: PeopleOrder,
    limit: int,
    after: str | None,
    total: int | None = None,
) -> tuple[list[Row], str | None]:
    """So many rows and what the next page begins after, ``None`` on the last.

    The newest change comes first where rows are sorted by it. An ``after`` that none of these gave begins anew. ``total``
    is how many fit, where that is known: few are looked for and sorted, of many the order's index is walked along.
    """
    column, is_down = _COLUMN[order], order is PeopleOrder.SINCE
    conditions, place = [*_conditions(site_id, chosen)], _place(after, order)
    sorted_by: list[ColumnElement[Any] | InstrumentedAttribute[Any]] = [column, RollRow.holder]
    if place is not None:
        value, holder = place
        beyond = and_(column == value, RollRow.holder < holder if is_down else RollRow.holder > holder)
        conditions.append(or_(column < value if is_down else column > value, beyond))
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    if is_sqlite and total is not None and total <= _FEW and chosen != PeopleFilter():
        # SQLite keeps no statistics by itself and would walk along the order whatever fits. The unary plus keeps it from
        # that (its page on the query planner), the range leads it to the index that holds what is asked for.
        conditions.append(RollRow.state >= "")
        sorted_by = [literal_column(f"+roll.{term.key}") for term in (column, RollRow.holder)]
    query = select(*COLUMNS, column.label("place")).where(*conditions)
    rows = session.execute(
        query.order_by(*(term.desc() if is_down else term for term in sorted_by)).limit(limit + 1)
    ).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return [row_of(row) for row in rows[:limit]], None if last is None else _token(last.place, last.holder)


def found_by_words(
    session: Session, site_id: str, chosen: PeopleFilter, order: PeopleOrder, limit: int, after: str | None
) -> tuple[list[Row], str | None, Counts] | None:
    """Page and figures of a search that few rows fit, from one pass over the words; ``None`` when many do."""
    column, is_down = _COLUMN[order], order is PeopleOrder.SINCE
    conditions = _by_words(session, site_id, chosen)
    fitting = session.execute(
        select(RollRow.holder, column.label("place"), *_COUNTED).where(*conditions).limit(_FEW + 1)
    ).all()
    if len(fitting) > _FEW:
        return None
    kept = [(row.place, row.holder) for row in fitting if not _missed(chosen, row)]
    kept.sort(reverse=is_down)
    place = _place(after, order)
    if place is not None:
        kept = [item for item in kept if (item < place if is_down else item > place)]
    rows = rows_of(session, site_id, [holder for _place, holder in kept[:limit]])
    counts = _counted(chosen, [(row, 1) for row in fitting])
    further = _token(*kept[limit - 1]) if len(kept) > limit else None
    return [rows[holder] for _place, holder in kept[:limit] if holder in rows], further, counts


def counts_of(session: Session, site_id: str, chosen: PeopleFilter) -> Counts:
    """The figures beside the filters, from one pass over an index."""
    rows = session.execute(
        select(*_COUNTED, func.count().label("rows"))
        .where(*_by_words(session, site_id, chosen))
        .group_by(*_COUNTED)
    ).all()
    return _counted(chosen, [(row, row.rows) for row in rows])


_COUNTED = (RollRow.state, RollRow.unit, RollRow.department, RollRow.has_drift)


def _missed(chosen: PeopleFilter, row: Any) -> list[str]:
    """By which of the filters the row is none of those asked for."""
    fits = {
        "state": chosen.state in (None, row.state),
        "unit": chosen.unit in (None, row.unit),
        "department": chosen.department in (None, row.department),
        "drift": not chosen.drift or row.has_drift,
    }
    return [name for name, is_fitting in fits.items() if not is_fitting]


def _counted(chosen: PeopleFilter, rows: Iterable[tuple[Any, int]]) -> Counts:
    states, units, departments = Counter[str](), Counter[str](), Counter[str]()
    drift = total = 0
    for row, count in rows:
        missed = _missed(chosen, row)
        states[row.state] += count * (missed in ([], ["state"]))
        units[row.unit] += count * (missed in ([], ["unit"]))
        departments[row.department] += count * (missed in ([], ["department"]))
        drift += count * (row.has_drift and missed in ([], ["drift"]))
        total += count * (not missed)
    return Counts(+states, +units, +departments, drift, total)


def _by_words(session: Session, site_id: str, chosen: PeopleFilter) -> Sequence[ColumnElement[bool]]:
    conditions = [*_conditions(site_id, PeopleFilter(chosen.text))]
    if len(conditions) > 1 and session.get_bind().dialect.name == "sqlite":
        # Leads SQLite, which keeps no statistics by itself, to the index of the words.
        conditions.append(RollRow.search >= " ")
    return conditions


def _conditions(site_id: str, chosen: PeopleFilter) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [RollRow.site_id == site_id]
    for column, value in (
        (RollRow.state, chosen.state.value if chosen.state else None),
        (RollRow.unit, chosen.unit),
        (RollRow.department, chosen.department),
    ):
        if value is not None:
            found.append(column == value)
    if chosen.drift:
        found.append(RollRow.has_drift == literal(True))
    found += [holds_folded(RollRow.search, f" {word}") for word in words_of(chosen.text)[:_MOST_WORDS]]
    return found


def _token(place: Any, holder: str) -> str:
    return json.dumps([place.isoformat() if isinstance(place, datetime) else place, holder])


def _place(after: str | None, order: PeopleOrder) -> tuple[Any, str] | None:
    try:
        value, holder = json.loads(after or "")
        if not isinstance(value, str) or not isinstance(holder, str):
            return None
        return (datetime.fromisoformat(value) if order is PeopleOrder.SINCE else value), holder
    except (TypeError, ValueError):
        return None
