"""A page of the roll by what is asked for: by state, unit, department and words, in an order, from a row on."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.database.search import holds_folded
from shared.database.tables import RollRow
from shared.roll.entry import RollState, Row
from shared.roll.stored import COLUMNS, row_of, words_of

_MOST_WORDS = 8


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
    session: Session, site_id: str, chosen: PeopleFilter, order: PeopleOrder, limit: int, after: str | None
) -> tuple[list[Row], str | None]:
    """So many rows and what the next page begins after, ``None`` on the last.

    The newest change comes first where rows are sorted by it. An ``after`` that none of these gave begins anew.
    """
    column, is_down = _COLUMN[order], order is PeopleOrder.SINCE
    query = select(*COLUMNS, column.label("place")).where(*_conditions(site_id, chosen))
    place = _place(after, order)
    if place is not None:
        value, holder = place
        beyond = column < value if is_down else column > value
        query = query.where(or_(beyond, and_(column == value, RollRow.holder > holder)))
    query = query.order_by(column.desc() if is_down else column, RollRow.holder).limit(limit + 1)
    rows = session.execute(query).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return [row_of(row) for row in rows[:limit]], None if last is None else _token(last.place, last.holder)


def counts_of(session: Session, site_id: str, chosen: PeopleFilter) -> Counts:
    """The figures beside the filters, from one pass over an index."""
    rows = session.execute(
        select(RollRow.state, RollRow.unit, RollRow.department, RollRow.has_drift, func.count())
        .where(*_conditions(site_id, PeopleFilter(chosen.text)))
        .group_by(RollRow.state, RollRow.unit, RollRow.department, RollRow.has_drift)
    ).all()
    states, units, departments = Counter[str](), Counter[str](), Counter[str]()
    drift = total = 0
    for state, unit, department, has_drift, count in rows:
        fits = {
            "state": chosen.state in (None, state),
            "unit": chosen.unit in (None, unit),
            "department": chosen.department in (None, department),
            "drift": not chosen.drift or has_drift,
        }
        missed = [name for name, is_fitting in fits.items() if not is_fitting]
        states[state] += count * (missed in ([], ["state"]))
        units[unit] += count * (missed in ([], ["unit"]))
        departments[department] += count * (missed in ([], ["department"]))
        drift += count * (has_drift and missed in ([], ["drift"]))
        total += count * (not missed)
    return Counts(+states, +units, +departments, drift, total)


def without(chosen: PeopleFilter, name: str) -> PeopleFilter:
    """The filter without one of its parts."""
    return replace(chosen, **{name: None})  # type: ignore[arg-type]


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
        found.append(RollRow.has_drift.is_(True))
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
