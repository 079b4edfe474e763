"""A moment at which no claim of work is being written, so that who is stopped then keeps nobody else from writing."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Lease, SnapshotPart


@contextmanager
def between_writes(database: Database) -> Iterator[None]:
    """While it lasts nobody else is in a transaction that writes; elsewhere than on SQLite, in one that has locked a lease
    or a part.
    """
    with database.begin() as session:
        session.execute(select(Lease.name).with_for_update())
        session.execute(select(SnapshotPart.id).with_for_update())
        yield
