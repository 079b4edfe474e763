"""Turns a filter of the Log into SQL that finds a page by an index, however many entries the Log holds.

Used by ``log`` alone. The indexes are those of the table ``events``: (site, number | run | code | level, id) and
(site, occurred_at).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute

from shared.database.search import holds
from shared.database.tables import Event, EventLevel, Site

# Ids follow the clock but for writers that waited for each other this long, and small corrections of the clock.
_CLOCK_SLACK = timedelta(seconds=60)
# No entry lies outside, and times beyond have no room for a time zone or the slack.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class Entry(NamedTuple):
    """An entry of the Log as it is read: the columns of its table by their names."""

    id: int
    occurred_at: datetime
    level: str
    code: str
    message: str
    sentence: dict[str, Any] | None
    actor: str
    run_id: int | None
    number: str | None
    person_guid: str | None


# To be completed with conditions, order and limit; built once, for each column costs as much as reading a row.
PAGE = select(*(Event.__table__.c[name] for name in Entry._fields))


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries; what is ``None`` or empty does not limit. ``since`` is inclusive, ``until`` exclusive."""

    level: EventLevel | None = None
    code: str | None = None
    run_id: int | None = None
    number: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def conditions(connection: Connection, site_id: str, chosen: LogFilter) -> list[ColumnElement[bool]]:
    """What the site's entries must fulfil; to be read in the order of ids."""
    # From the rarest kind of value to the commonest: the first one given leads to the rows by its index.
    exact: list[tuple[InstrumentedAttribute[Any], Any]] = [
        (Event.number, chosen.number),
        (Event.run_id, chosen.run_id),
        (Event.code, chosen.code),
        (Event.level, chosen.level),
    ]
    given = [column == value for column, value in exact if value not in (None, "")]
    is_sqlite = connection.dialect.name == "sqlite"
    if given and is_sqlite:
        # SQLite keeps no statistics by itself and would now and then walk (site, id) instead; see its page on
        # likelihood(). The other databases know better and have no such function.
        given[0] = cast(ColumnElement[bool], func.likelihood(given[0], literal_column("0.0001")))
    found = [Event.site_id == site_id, *given]
    if chosen.text and is_sqlite:
        # Its LIKE ignores case by itself; lower() on both sides would cost as much again.
        found.append(Event.message.like(f"%{_escaped(chosen.text)}%", escape="/"))
        if not given and _is_only_site(connection):
            # Where every entry must be looked at, walking the table itself takes half the time of walking an index
            # to it. The unary plus keeps SQLite from the index (its page on the query planner).
            found[0] = literal_column("+events.site_id") == site_id
    elif chosen.text:
        found.append(holds(Event.message, chosen.text))
    return found + _since(connection, site_id, chosen.since) + _until(connection, site_id, chosen.until)


def _escaped(text: str) -> str:
    for special in "/%_":
        text = text.replace(special, f"/{special}")
    return text


def _is_only_site(connection: Connection) -> bool:
    return len(connection.scalars(select(Site.id).limit(2)).all()) == 1


def _since(connection: Connection, site_id: str, since: datetime | None) -> list[ColumnElement[bool]]:
    if since is None:
        return []
    since = min(max(since, _EARLIEST), _LATEST)
    first = connection.scalar(
        select(Event.id)
        .where(Event.site_id == site_id, Event.occurred_at >= since - _CLOCK_SLACK)
        .order_by(Event.occurred_at, Event.id)
        .limit(1)
    )
    # Nothing that late: a condition that no entry fulfils.
    return [Event.id < 0] if first is None else [Event.id >= first, Event.occurred_at >= since]


def _until(connection: Connection, site_id: str, until: datetime | None) -> list[ColumnElement[bool]]:
    if until is None:
        return []
    until = min(max(until, _EARLIEST), _LATEST)
    last = connection.scalar(
        select(Event.id)
        .where(Event.site_id == site_id, Event.occurred_at < until + _CLOCK_SLACK)
        .order_by(Event.occurred_at.desc(), Event.id.desc())
        .limit(1)
    )
    return [Event.id < 0] if last is None else [Event.id <= last, Event.occurred_at < until]
