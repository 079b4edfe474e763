"""SQL Server that cuts connections and refuses, through both drivers, against a stand-in that speaks its protocol."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from sqlalchemy import text

from shared.database import backends, odbc
from shared.database.engine import Database
from shared.database.probe import probe
from shared.errors import InsufficientRights, RollcallError, StorageRefused, StorageUnavailable
from shared.migrate import migrate
from shared.work import leases
from tests.support.tds import Cut, Refused, Rows, TdsServer, tds_server
from tests.support.tools import leave_out
from tests.support.waiting import wait_until

DRIVERS = ["FreeTDS", "Microsoft"]


def served(server: TdsServer, driver: str) -> Database:
    """A database on the stand-in."""
    path = odbc.packaged_driver() if driver == "Microsoft" else driver
    if not path:
        leave_out("needs the package mssql-python-odbc, for this system")
    return Database(f"mssql://sa:s3cret@127.0.0.1:{server.port}/rollcall?driver={quote(path)}&Encrypt=no")


@pytest.fixture
def server() -> Iterator[TdsServer]:
    with tds_server() as server:
        yield server


@pytest.fixture(params=DRIVERS)
def database(server: TdsServer, request: pytest.FixtureRequest) -> Iterator[Database]:
    made = served(server, request.param)
    server.script.append(("FROM sites", Rows([["default"]])))
    assert sites(made) == ["default"]
    yield made
    made.close()


def sites(database: Database) -> list[str]:
    with database.glance() as session:
        return list(session.scalars(text("SELECT id FROM sites")))


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_an_idle_connection_that_was_dropped_is_opened_anew(
    server: TdsServer, database: Database, resets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "TRUSTED_SECONDS", 0.0)
    server.cut_all(resets=resets)
    assert sites(database) == ["default"]


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_connection_dropped_a_moment_ago_costs_one_try(
    server: TdsServer, database: Database, resets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "TRUSTED_SECONDS", 3600.0)
    server.cut_all(resets=resets)
    with pytest.raises(StorageUnavailable):
        sites(database)
    assert sites(database) == ["default"]


@pytest.mark.parametrize(
    "cut", [Cut(), Cut(resets=True), Cut(in_mid_result=True)], ids=["closed", "reset", "in mid result"]
)
def test_a_connection_cut_at_a_statement_is_told_and_the_next_is_served(
    server: TdsServer, database: Database, cut: Cut
) -> None:
    server.script.insert(0, ("FROM sites", cut))
    with pytest.raises(StorageUnavailable):
        sites(database)
    server.script.pop(0)
    assert sites(database) == ["default"]


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_commit_without_an_answer_is_told(server: TdsServer, database: Database, resets: bool) -> None:
    server.script.insert(0, ("COMMIT", Cut(resets=resets)))
    with pytest.raises(StorageUnavailable), database.begin() as session:
        session.execute(text("UPDATE sites SET name = 'a'"))
    server.script.pop(0)
    assert sites(database) == ["default"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1205, "busy"),
        (1222, "busy"),
        (40501, "busy"),
        (40197, "starting"),
        (10928, "busy"),
        (1827, "full"),
        (208, "not_migrated"),
    ],
)
def test_what_the_server_refuses_for_now_is_named(
    server: TdsServer, database: Database, number: int, reason: str
) -> None:
    server.script.insert(0, ("UPDATE", Refused(number, "Said by the server.")))
    with pytest.raises(StorageUnavailable) as raised, database.begin() as session:
        session.execute(text("UPDATE sites SET name = 'a'"))
    assert raised.value.details["reason"] == reason
    assert sites(database) == ["default"]


def test_an_error_that_nobody_has_listed_is_still_one_of_ours(server: TdsServer, database: Database) -> None:
    server.script.insert(0, ("UPDATE", Refused(49999, "Something new.")))
    with pytest.raises(StorageRefused, match="Something new"), database.begin() as session:
        session.execute(text("UPDATE sites SET name = 'a'"))


def test_the_deadlock_behind_a_rollback_that_finds_no_transaction_is_seen(
    server: TdsServer, database: Database
) -> None:
    server.script[:0] = [
        ("UPDATE", Refused(1205, "Chosen as the deadlock victim.", severity=13, ends_transaction=True)),
        (
            "ROLLBACK",
            Refused(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION."),
        ),
    ]
    with pytest.raises(StorageUnavailable) as raised, database.begin() as session:
        session.execute(text("UPDATE sites SET name = 'a'"))
    assert raised.value.details["reason"] == "busy"
    del server.script[:2]
    assert sites(database) == ["default"]


def test_a_login_that_is_refused_is_named(server: TdsServer, database: Database) -> None:
    server.login = Refused(18456, "Login failed for user 'sa'.", severity=14)
    database.engine.dispose()
    with pytest.raises(RollcallError) as raised:
        probe(database)
    assert raised.value.details["reason"] == "login_failed", raised.value.message
    assert "s3cret" not in raised.value.message


def test_a_lease_whose_renewals_fail_is_lost_whatever_the_driver_says(
    server: TdsServer, database: Database
) -> None:
    with leases.hold(database, "work", "me", 1.5) as heartbeat:
        assert not heartbeat.is_lost
        server.script.insert(0, ("UPDATE leases", Cut()))
        wait_until("the lease to count as lost", lambda: heartbeat.is_lost)
        # Nothing but a renewal that succeeds proves otherwise.
        server.script.pop(0)
        wait_until("a renewal", lambda: not heartbeat.is_lost)


def test_a_reader_is_given_one_moment_by_snapshot(server: TdsServer, database: Database) -> None:
    with database.read() as session:
        session.execute(text("SELECT id FROM sites"))
    assert "SET TRANSACTION ISOLATION LEVEL SNAPSHOT" in server.asked


def test_a_database_that_gives_no_moment_stops_the_migration_with_the_command(
    server: TdsServer, database: Database
) -> None:
    server.script[:0] = [
        ("snapshot_isolation_state", Rows([[0]])),
        (
            "ALLOW_SNAPSHOT_ISOLATION",
            Refused(5011, "User does not have permission to alter database 'rollcall'."),
        ),
    ]
    with pytest.raises(InsufficientRights, match="ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON;"):
        migrate(database)


@pytest.mark.parametrize(("edition", "is_warned"), [(5, False), (8, False), (3, True)])
def test_azure_is_not_too_old_whatever_its_version(
    server: TdsServer, database: Database, edition: int, is_warned: bool
) -> None:
    server.script[:0] = [
        ("ProductVersion", Rows([["12.0.2000.8"]])),
        ("EngineEdition", Rows([[int(edition >= 5)]])),
        ("snapshot", Rows([[1]])),
        ("sys.tables|INFORMATION_SCHEMA|HAS_PERMS", Rows([[1]])),
    ]
    database.engine.dispose()
    fresh = served(server, "FreeTDS")
    warnings = probe(fresh).warnings
    fresh.close()
    assert any("or newer" in warning for warning in warnings) is is_warned
