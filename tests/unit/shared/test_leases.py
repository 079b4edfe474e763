"""Leases: one holder at a time, and none that outlives its time."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.database.engine import Database
from shared.database.tables import Lease
from shared.errors import LeaseHeld, StorageUnavailable
from shared.work import leases
from shared.work.heartbeat import Heartbeat, beating
from tests.support.waiting import wait_until

pytestmark = pytest.mark.every_database


def _expire(database: Database, name: str) -> None:
    with database.begin() as session:
        session.execute(
            update(Lease)
            .where(Lease.name == name)
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )


def test_a_second_taker_gets_nothing_until_the_lease_has_expired(database: Database) -> None:
    assert leases.take(database, "work", "first", 60)
    assert not leases.take(database, "work", "second", 60)
    _expire(database, "work")
    assert leases.take(database, "work", "second", 60)
    assert not leases.take(database, "work", "first", 60)


def test_a_lease_of_before_the_clock_was_set_back_is_taken_over_and_one_of_a_clock_a_little_ahead_is_not(
    database: Database,
) -> None:
    def _end_in(**time_left: float) -> None:
        with database.begin() as session:
            session.execute(update(Lease).values(expires_at=datetime.now(UTC) + timedelta(**time_left)))

    leases.take(database, "work", "killed", 60)
    # Of a process that was told to claim for ten minutes, and whose clock is ahead.
    _end_in(minutes=14)
    with pytest.raises(LeaseHeld), leases.hold(database, "work", "second", 60):
        pass
    _end_in(hours=2)
    with leases.hold(database, "work", "second", 60):
        assert not leases.renew(database, "work", "killed", 60)
    # What nobody renews says when it is time again, however far away that is.
    leases.take(database, "daily work", "first", 86_400)
    assert not leases.take(database, "daily work", "second", 3600)


def test_a_holder_whose_clock_was_set_back_begins_nothing_until_it_has_renewed() -> None:
    held = Heartbeat(60)
    held.note_renewed(datetime.now(UTC) + timedelta(hours=2))
    assert held.is_lost
    held.note_renewed(datetime.now(UTC))
    assert not held.is_lost


def test_the_holder_may_renew_and_give_back(database: Database) -> None:
    assert leases.take(database, "work", "first", 60)
    assert leases.take(database, "work", "first", 60)
    leases.give_back(database, "work", "first")
    assert leases.take(database, "work", "second", 60)


def test_giving_back_never_ends_the_lease_of_another(database: Database) -> None:
    leases.take(database, "work", "first", 60)
    leases.give_back(database, "work", "second")
    assert not leases.take(database, "work", "second", 60)


def test_a_holder_that_lost_its_lease_does_not_take_it_back_when_the_next_one_has_given_it_back(
    database: Database,
) -> None:
    with leases.hold(database, "work", "first", 0.6) as held:
        with database.begin() as session:
            session.execute(update(Lease).where(Lease.name == "work").values(holder="second"))
        leases.give_back(database, "work", "second")
        wait_until("the heartbeat has noticed", lambda: held.is_lost)
        assert leases.take(database, "work", "third", 60)


def test_of_many_threads_that_want_it_at_once_exactly_one_gets_it(database: Database) -> None:
    barrier = threading.Barrier(8)
    won: list[str] = []

    def _try(holder: str) -> None:
        barrier.wait()
        if leases.take(database, "work", holder, 60):
            won.append(holder)

    threads = [threading.Thread(target=_try, args=(f"holder {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_held_lease_is_renewed_while_its_holder_lives(database: Database) -> None:
    with leases.hold(database, "work", "first", 0.6) as held:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert not leases.take(database, "work", "second", 60)
            threading.Event().wait(0.1)
        assert not held.is_lost
    assert leases.take(database, "work", "second", 60)


def test_a_holder_whose_lease_was_taken_over_learns_it(database: Database) -> None:
    lost = threading.Event()
    with leases.hold(database, "work", "first", 0.6) as held:
        with database.begin() as session:
            session.execute(
                update(Lease).values(holder="second", expires_at=datetime.now(UTC) + timedelta(60))
            )
        for _ in range(100):
            if held.is_lost:
                lost.set()
                break
            threading.Event().wait(0.05)
    assert lost.is_set()
    assert not leases.take(database, "work", "first", 1), "ending must not give back what another holds"


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), OSError("no socket"), StorageUnavailable("The disk is full.")], ids=repr
)
def test_an_error_of_any_kind_counts_as_lost_until_a_renewal_proves_otherwise(error: Exception) -> None:
    is_broken = threading.Event()
    is_broken.set()

    def _renew() -> bool:
        if is_broken.is_set():
            raise error
        return True

    with beating(_renew, 0.6, "work") as heartbeat:
        assert not heartbeat.is_lost
        wait_until("it counts as lost", lambda: heartbeat.is_lost)
        is_broken.clear()
        wait_until("it is known to be ours again", lambda: not heartbeat.is_lost)


def test_holding_what_another_holds_is_refused(database: Database) -> None:
    leases.take(database, "work", "first", 60)
    with pytest.raises(LeaseHeld, match="another process"), leases.hold(database, "work", "second", 60):
        pytest.fail("the block must not run")
