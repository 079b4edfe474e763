"""Connections that broke while nobody used them, and the ways to read."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

from shared.database import backends
from shared.database.engine import Database
from shared.database.tables import Site
from shared.errors import StorageUnavailable
from shared.migrate import migrate
from shared.work import leases
from tests.support.postgresql import PostgresServer, postgres_server
from tests.support.waiting import wait_until


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that the test may restart."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def used(own_server: PostgresServer) -> Iterator[Database]:
    """Its database, with a connection that has been used and returned."""
    made = Database(own_server.url("postgres"))
    _ask(made)
    yield made
    made.close()


def _ask(database: Database) -> int:
    with database.read() as session:
        return int(session.scalar(text("SELECT 42")) or 0)


def _restart(server: PostgresServer) -> None:
    server.stop()
    server.start()


def test_a_connection_that_broke_while_idle_is_replaced_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch, own_server: PostgresServer, used: Database
) -> None:
    monkeypatch.setattr(backends, "TRUSTED_SECONDS", 0.0)
    _restart(own_server)
    assert _ask(used) == 42


def test_a_connection_that_broke_a_moment_after_its_work_costs_one_failure(
    monkeypatch: pytest.MonkeyPatch, own_server: PostgresServer, used: Database
) -> None:
    monkeypatch.setattr(backends, "TRUSTED_SECONDS", 3600.0)
    _restart(own_server)
    with pytest.raises(StorageUnavailable):
        _ask(used)
    assert _ask(used) == 42


def test_a_lease_that_cannot_be_renewed_is_told_with_the_id_of_the_work(
    own_server: PostgresServer, used: Database
) -> None:
    migrate(used)
    with (
        capture_logs([merge_contextvars]) as lines,
        bound_contextvars(correlation_id="run-7"),
        leases.hold(used, "work", "worker", 3),
    ):
        own_server.stop()
        wait_until("a failed renewal", lambda: lines)
        own_server.start()
    assert {(line["event"], line["correlation_id"]) for line in lines} == {("claim_not_renewed", "run-7")}


def test_a_glance_sees_what_was_committed_meanwhile_and_a_reading_stays_at_its_moment(
    database: Database,
) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite gives both the same transaction.")
    with database.rows() as rows, database.glance() as glance, database.read() as reading:
        name_now = select(Site.name).where(Site.id == "default")
        assert rows.scalar(name_now) != "Head office"
        before = [session.get_one(Site, "default").name for session in (glance, reading)]
        with database.begin() as session:
            session.get_one(Site, "default").name = "Head office"
        for session in (glance, reading):
            session.expire_all()
        after = [session.get_one(Site, "default").name for session in (glance, reading)]
        assert rows.scalar(name_now) == "Head office"
    assert after == ["Head office", before[1]]
