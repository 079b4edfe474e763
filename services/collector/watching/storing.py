"""Stores what was noticed together with how far the watch has come: both or neither. Called by ``watch``.

A watcher that is killed between an answer and its commit leaves the older cookie, with which the next one is told the
same changes again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from services.collector.watching.position import Key, Position
from shared.database import events
from shared.database.events import LogEntry
from shared.database.rows import rows_of
from shared.database.sentences import with_sentences
from shared.database.tables import BindingRow, ChangeRow, RollRow, WatchRow
from shared.domain.watching import Hint, WatchMethod, WatchState
from shared.work import leases
from shared.worker.context import Context

# Whoever holds it is the one process that watches.
LEASE = "watcher"
# Far below the most parameters that a database takes in one statement.
_GUIDS_AT_ONCE = 500
# What the columns of a watch hold before its first answer.
_NEW = {"server": "", "invocation_id": "", "method": "", "scope": ""}


def position_of(context: Context, key: Key) -> tuple[Position | None, datetime | None]:
    """Where the watch of this directory goes on, and when its last answer was; nothing before the first."""
    with context.database.read() as session:
        row = session.get(WatchRow, key)
        if row is None or row.usn is None or not row.method:
            return None, None
        return (
            Position(
                row.server,
                row.invocation_id,
                WatchMethod(row.method),
                row.cookie,
                row.usn,
                row.scope,
                row.host or "",
                row.usn_after,
            ),
            row.last_answer_at,
        )


def store_answer(
    context: Context,
    holder: str,
    key: Key,
    position: Position,
    now: datetime,
    *,
    inside: Mapping[str, Hint],
    elsewhere: Mapping[str, Hint],
    full_reading: str = "",
) -> int:
    """Store one answer; how many changes were added.

    Of those ``elsewhere`` it stores whom the site knows. Somebody whose change in this directory waits already is not added
    again: whoever takes it up reads them after that. Another directory is asked about them besides: an entry may have moved.

    :raises LeaseHeld: another process watches by now.
    """
    with context.database.begin() as session:
        leases.fence(session, LEASE, holder)
        known = known_of(session, key[0], elsewhere)
        hints = {**inside, **{guid: elsewhere[guid] for guid in known}}
        waiting = _waiting(session, key, hints)
        rows = [
            {"site_id": key[0], "directory": key[1], "guid": guid, "hint": hint.value, "noticed_at": now}
            for guid, hint in hints.items()
            if guid not in waiting
        ]
        if rows:
            session.execute(insert(ChangeRow), rows)
        values = {
            "server": position.server,
            "invocation_id": position.invocation_id,
            "method": position.method.value,
            "cookie": position.cookie,
            "usn": position.usn,
            "usn_after": position.usn_after,
            "host": position.host,
            "scope": position.scope,
            "state": WatchState.LIVE.value,
            "error_code": None,
            "error_message": None,
            "last_answer_at": now,
        }
        if hints:
            values["last_change_at"] = now
        _write(session, key, values)
        if full_reading:
            ask_for_full_reading(session, key, full_reading)
    return len(rows)


def ask_for_full_reading(session: Session, key: Key, reason: str) -> None:
    """Only a full reading that begins after now can tell what has changed; the first reason stays."""
    row = select(WatchRow.needs_full_reading).where(WatchRow.site_id == key[0], WatchRow.directory == key[1])
    values: dict[str, object] = {"needed_usn": WatchRow.usn_after, "full_run_id": None}
    if session.scalar(row) is None:
        values["needs_full_reading"] = reason
    _write(session, key, values)


def store_state(
    context: Context,
    holder: str,
    key: Key,
    state: WatchState,
    *,
    error_code: str | None = None,
    error_message: str | None = None,
    connected_at: datetime | None = None,
    entry: LogEntry | None = None,
) -> None:
    """Store how a watch stands, with an entry of the Log; the first time it is stored, this is.

    :raises LeaseHeld: another process watches by now.
    """
    values: dict[str, object] = {
        "state": state.value,
        "error_code": error_code,
        "error_message": error_message,
    }
    if connected_at is not None:
        values["connected_at"] = connected_at
    with context.database.begin() as session:
        leases.fence(session, LEASE, holder)
        if not _write(session, key, values):
            session.execute(
                insert(WatchRow).values(
                    site_id=key[0], directory=key[1], **_NEW, **with_sentences(WatchRow, values)
                )
            )
        if entry is not None:
            events.record(session, key[0], entry)


def store_answers(context: Context, holder: str, answered: Mapping[Key, datetime]) -> None:
    """Note when each of these was last answered, though nothing had changed.

    :raises LeaseHeld: another process watches by now.
    """
    with context.database.begin() as session:
        leases.fence(session, LEASE, holder)
        # Of the table and not of the class: many rows in one go.
        watches = cast(Table, WatchRow.__table__)
        session.execute(
            update(watches)
            .where(
                watches.c.site_id == bindparam("of_site"), watches.c.directory == bindparam("of_directory")
            )
            .values(last_answer_at=bindparam("at")),
            [
                {"of_site": site, "of_directory": directory, "at": at}
                for (site, directory), at in answered.items()
            ],
        )


def forget_others(context: Context, holder: str, site_id: str, watched: Iterable[str]) -> None:
    """Forget the watches of a site but those of these directories, with what they noticed: when they are wanted again, they
    begin anew, and with a full reading. Until then nothing is done that was noticed before they were turned off.

    :raises LeaseHeld: another process watches by now.
    """
    kept = list(watched)
    with context.database.begin() as session:
        leases.fence(session, LEASE, holder)
        for table in (WatchRow, ChangeRow):
            session.execute(delete(table).where(table.site_id == site_id, table.directory.not_in(kept)))


def known_of(session: Session, site_id: str, guids: Iterable[str]) -> set[str]:
    """Who of them the site knows: has an extension of it, or was selected when it was last read."""
    found: set[str] = set()
    for batch in _batches(list(guids)):
        for table, person in ((BindingRow, BindingRow.person_guid), (RollRow, RollRow.holder)):
            found.update(session.scalars(select(person).where(table.site_id == site_id, person.in_(batch))))
    return found


def bound_after(context: Context, key: Key, guid: str, most: int) -> list[str]:
    """Whom the directory is known to hold and who has an extension: the next ones after this objectGUID."""
    with context.database.read() as session:
        return list(
            session.scalars(
                select(BindingRow.person_guid)
                .where(
                    BindingRow.site_id == key[0],
                    BindingRow.person_guid > guid,
                    # Of those never seen in one, the first directory of the site is asked.
                    (BindingRow.directory == key[1])
                    | (BindingRow.directory.is_(None) if not key[1] else False),
                )
                .order_by(BindingRow.person_guid)
                .limit(most)
            )
        )


def _waiting(session: Session, key: Key, guids: Iterable[str]) -> set[str]:
    """Whose change waits for a run that has not begun to read: a full run that reads already may be past them."""
    found: set[str] = set()
    mine = (
        ChangeRow.site_id == key[0],
        ChangeRow.directory == key[1],
        ChangeRow.run_id.is_(None),
        ChangeRow.full_run_id.is_(None),
    )
    for batch in _batches(list(guids)):
        found.update(session.scalars(select(ChangeRow.guid).where(*mine, ChangeRow.guid.in_(batch))))
    return found


def _write(session: Session, key: Key, values: Mapping[str, object]) -> bool:
    """Whether there is such a watch."""
    written = session.execute(
        update(WatchRow)
        .where(WatchRow.site_id == key[0], WatchRow.directory == key[1])
        .values(**with_sentences(WatchRow, values))
        .execution_options(synchronize_session=False)
    )
    return bool(rows_of(written))


def _batches(guids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (guids[start : start + _GUIDS_AT_ONCE] for start in range(0, len(guids), _GUIDS_AT_ONCE))
