"""Leases: exclusive work that outlives no dead worker.

A lease is a row with a holder and an expiry. Taking it is one conditional UPDATE, so two takers cannot both
win on any database. The holder renews it while alive; a holder that finds it lost must stop writing.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.database.engine import Database
from shared.database.rows import rows_of
from shared.database.tables import Lease
from shared.errors import LeaseHeld, RowRefused
from shared.language import phrase
from shared.work.heartbeat import Heartbeat, beating

# How far the clocks of the hosts may be apart: as far as Kerberos lets them, and so every domain keeps them (RFC 4120).
CLOCKS_APART = timedelta(minutes=5)
# What another process may have been told to claim for, where the settings of two are not alike (while they are replaced, say).
_LONGEST_SECONDS = 600.0


def has_ended(ends_at: InstrumentedAttribute[Any], now: datetime, seconds: float) -> ColumnElement[bool]:
    """That a claim of so many seconds is nobody's any more.

    One that ends later than a holder can have said by now was taken before the clock was set back: whoever is alive has
    renewed it since.
    """
    return (ends_at < now) | (
        ends_at > now + timedelta(seconds=max(seconds, _LONGEST_SECONDS)) + CLOCKS_APART
    )


def new_holder() -> str:
    """A name for one attempt of this process, unique even within the process."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:12]}"


def take(database: Database, name: str, holder: str, seconds: float, *, is_renewed: bool = False) -> bool:
    """Take or renew the lease; ``False`` when another holder's has not expired.

    ``is_renewed``: its holders always take it for so many seconds, and renew it.
    """
    now = datetime.now(UTC)
    has_expired = has_ended(Lease.expires_at, now, seconds) if is_renewed else Lease.expires_at < now
    expires_at = now + timedelta(seconds=seconds)
    with database.begin() as session:
        taken = session.execute(
            update(Lease)
            .where(Lease.name == name, (Lease.holder == holder) | has_expired)
            .values(holder=holder, expires_at=expires_at)
        )
        if rows_of(taken):
            return True
        if session.scalar(select(Lease.name).where(Lease.name == name)) is not None:
            return False
    try:
        with database.begin() as session:
            session.execute(insert(Lease).values(name=name, holder=holder, expires_at=expires_at))
    except RowRefused:
        return False
    return True


def renew(database: Database, name: str, holder: str, seconds: float) -> bool:
    """Keep the lease for longer; ``False`` when it is not the holder's any more.

    Never takes a lease anew: between, another holder may have come, worked and gone.
    """
    with database.begin() as session:
        renewed = session.execute(
            update(Lease)
            .where(Lease.name == name, Lease.holder == holder)
            .values(expires_at=datetime.now(UTC) + timedelta(seconds=seconds))
        )
        return bool(rows_of(renewed))


def fence(session: Session, name: str, holder: str) -> None:
    """Check that nobody else can have the lease before this transaction has ended.

    :raises LeaseHeld: another worker may have taken over; nothing must be written any more.
    """
    found = session.scalar(
        select(Lease.holder)
        .where(Lease.name == name)
        .with_for_update()
        # SQL Server has no FOR UPDATE.
        .with_hint(Lease, "WITH (UPDLOCK, HOLDLOCK)", "mssql")
    )
    if found != holder:
        raise LeaseHeld(phrase("Another worker has taken over the work '{name}'.", name=name))


def give_back(database: Database, name: str, holder: str) -> None:
    """End the lease now; not holding it is not an error."""
    with database.begin() as session:
        session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))


def is_held(database: Database, name: str) -> bool:
    """Whether anybody has the lease now."""
    with database.glance() as session:
        held = select(Lease.name).where(Lease.name == name, Lease.expires_at > datetime.now(UTC))
        return session.scalar(held) is not None


@contextmanager
def hold(database: Database, name: str, holder: str, seconds: float) -> Iterator[Heartbeat]:
    """Hold the lease for a block, renewed by a heartbeat.

    :raises LeaseHeld: another holder has it.
    """
    if not take(database, name, holder, seconds, is_renewed=True):
        raise LeaseHeld(
            phrase("The work '{name}' is being done by another process.", name=name), retry_after=seconds
        )
    try:
        with beating(lambda: renew(database, name, holder, seconds), seconds, name) as heartbeat:
            yield heartbeat
    finally:
        give_back(database, name, holder)
