"""Deletes runs and what hangs on them, a bounded batch in each transaction, so that nobody waits long for a lock.

Called when a site is removed and by retention. Killed at any moment it leaves whole runs, or runs that have lost some
of their rows and are found again by the same question; it never leaves rows without their run.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select
from sqlalchemy.orm import Session

from shared.database.engine import Database
from shared.database.rows import rows_of
from shared.database.tables import (
    Base,
    CommandRow,
    Event,
    FindingRow,
    Lease,
    OutboxRow,
    PhoneSystemToken,
    Run,
    SnapshotPage,
    SnapshotPart,
)
from shared.domain.notifying import MessageState

# Below what the databases allow as parameters of one statement (SQL Server: 2,100).
BATCH = 500
# A page is some 100 kB: so few of them keep a transaction short.
PAGE_BATCH = 50
_LEFT_BY_THE_DEAD = timedelta(days=1)

GoesOn = Callable[[], bool]


def always() -> bool:
    """To go on until all is done."""
    return True


def delete_runs(database: Database, run_ids: Sequence[int], goes_on: GoesOn = always) -> int:
    """Delete these runs with their parts, pages, commands and findings; how many are gone. The Log is left alone."""
    gone = 0
    for run_id in run_ids:
        with database.read() as session:
            part_ids = session.scalars(select(SnapshotPart.id).where(SnapshotPart.run_id == run_id)).all()
        is_empty = (
            delete_pages(database, part_ids, goes_on) is not None
            and _emptied(database, select(CommandRow.id).where(CommandRow.run_id == run_id), goes_on)
            and _emptied(database, select(FindingRow.id).where(FindingRow.run_id == run_id), goes_on)
        )
        if not is_empty:
            return gone
        with database.begin() as session:
            session.execute(delete(SnapshotPart).where(SnapshotPart.run_id == run_id))
            session.execute(delete(Run).where(Run.id == run_id))
        gone += 1
    return gone


def delete_pages(database: Database, part_ids: Sequence[int], goes_on: GoesOn = always) -> int | None:
    """Delete the pages of these parts: how many, ``None`` when it was broken off. What they proved stays with the parts."""
    gone = 0
    for part_id in part_ids:
        is_empty = False
        while not is_empty:
            if not goes_on():
                return None
            with database.begin() as session:
                keys = session.execute(
                    select(SnapshotPage.attempt, SnapshotPage.page)
                    .where(SnapshotPage.part_id == part_id)
                    .limit(PAGE_BATCH)
                ).all()
                chosen = [
                    and_(SnapshotPage.attempt == row.attempt, SnapshotPage.page == row.page) for row in keys
                ]
                if chosen:
                    session.execute(delete(SnapshotPage).where(SnapshotPage.part_id == part_id, or_(*chosen)))
            gone += len(keys)
            is_empty = len(keys) < PAGE_BATCH
    return gone


def delete_events(database: Database, which: ColumnElement[bool], goes_on: GoesOn = always) -> int:
    """Delete these entries of the Log; how many are gone."""
    return _delete(database, select(Event.id).where(which), goes_on)[0]


def delete_sent(database: Database, before: datetime, goes_on: GoesOn = always) -> int:
    """Delete notifications that are done with since before this moment; how many are gone."""
    which = (
        OutboxRow.state != MessageState.PENDING.value,
        OutboxRow.due_at < before,
    )
    return _delete(database, select(OutboxRow.id).where(*which), goes_on)[0]


def delete_strays(database: Database, now: datetime | None = None) -> int:
    """Delete leases and access tokens that ended long ago: whoever had them will not come back."""
    before = (now or datetime.now(UTC)) - _LEFT_BY_THE_DEAD
    with database.begin() as session:
        return _count(session, Lease, Lease.expires_at < before) + _count(
            session, PhoneSystemToken, PhoneSystemToken.renew_at < before
        )


def _count(session: Session, table: type[Base], which: ColumnElement[bool]) -> int:
    done = session.execute(delete(table).where(which).execution_options(synchronize_session=False))
    return rows_of(done)


def _emptied(database: Database, which: Select[int], goes_on: GoesOn) -> bool:
    return _delete(database, which, goes_on)[1]


def _delete(database: Database, which: Select[int], goes_on: GoesOn) -> tuple[int, bool]:
    """Delete rows of one table by their ids: how many, and whether none is left."""
    column = which.selected_columns[0]
    gone = last = 0
    while goes_on():
        with database.begin() as session:
            # From the last one on: PostgreSQL passes over what was deleted, row by row, until it is vacuumed.
            ids = session.scalars(which.where(column > last).order_by(column).limit(BATCH)).all()
            if ids:
                session.execute(delete(column.table).where(column.in_(ids)))
                last = ids[-1]
        gone += len(ids)
        if len(ids) < BATCH:
            return gone, True
    return gone, False
