"""Leases: exclusive work that outlives no dead worker.

A lease is a row with a holder and an expiry. Taking it is one conditional UPDATE, so two takers cannot both
win on any database. The holder renews it while alive; a holder that finds it lost must stop writing.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from shared.database.engine import Database
from shared.database.tables import Lease
from shared.errors import LeaseHeld, RollcallError

log = structlog.get_logger(__name__)


def take(database: Database, name: str, holder: str, seconds: float) -> bool:
    """Take or renew the lease; ``False`` when another holder's has not expired."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(seconds=seconds)
    with database.begin() as session:
        taken = session.execute(
            update(Lease)
            .where(Lease.name == name, (Lease.holder == holder) | (Lease.expires_at < now))
            .values(holder=holder, expires_at=expires_at)
        )
        if taken.rowcount:  # type: ignore[attr-defined]
            return True
        if session.scalar(select(Lease.name).where(Lease.name == name)) is not None:
            return False
    try:
        with database.begin() as session:
            session.execute(insert(Lease).values(name=name, holder=holder, expires_at=expires_at))
    except IntegrityError:
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
        return bool(renewed.rowcount)  # type: ignore[attr-defined]


def give_back(database: Database, name: str, holder: str) -> None:
    """End the lease now; not holding it is not an error."""
    with database.begin() as session:
        session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))


def is_held(database: Database, name: str) -> bool:
    """Whether anybody has the lease now."""
    with database.glance() as session:
        held = select(Lease.name).where(Lease.name == name, Lease.expires_at > datetime.now(UTC))
        return session.scalar(held) is not None


class HeldLease:
    """A lease being held: ``is_lost`` turns true when it could not be renewed in time."""

    def __init__(self) -> None:
        self._lost = threading.Event()

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may hold it now; the holder must stop writing."""
        return self._lost.is_set()

    def mark_lost(self) -> None:
        """Say that the lease is gone."""
        self._lost.set()


@contextmanager
def hold(database: Database, name: str, holder: str, seconds: float) -> Iterator[HeldLease]:
    """Hold the lease for a block, renewed by a heartbeat at a third of its time.

    :raises LeaseHeld: another holder has it.
    """
    if not take(database, name, holder, seconds):
        raise LeaseHeld(f"The work '{name}' is being done by another process.", retry_after=seconds)
    held = HeldLease()
    ended = threading.Event()

    def _heartbeat() -> None:
        last = datetime.now(UTC)
        while not ended.wait(seconds / 3):
            try:
                if not renew(database, name, holder, seconds):
                    held.mark_lost()
                    return
                last = datetime.now(UTC)
            except RollcallError as error:
                log.warning("lease_not_renewed", lease=name, error=error.message)
                if datetime.now(UTC) - last > timedelta(seconds=seconds * 2 / 3):
                    held.mark_lost()
                    return

    # In a copy of our context, so that its lines carry the same ids.
    in_context = copy_context().run
    beating = threading.Thread(target=in_context, args=(_heartbeat,), name=f"lease {name}", daemon=True)
    beating.start()
    try:
        yield held
    finally:
        ended.set()
        beating.join()
        give_back(database, name, holder)
