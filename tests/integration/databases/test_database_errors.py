"""What a real PostgreSQL says when something is wrong, in our words: by the API, and by doctor and migrate."""

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from services.api.connections.use_cases.database import DatabaseAddress, DatabaseEncryption, check_database
from shared import encryption
from shared.database.engine import Database
from shared.database.migrate import State
from shared.database.probe import probe
from shared.errors import RollcallError, StorageUnavailable
from shared.migrate import migrate
from shared.process_settings import load
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.databases.conftest import PASSWORD
from tests.support.ports import free_port
from tests.support.postgresql import PostgresServer
from tests.support.waiting import wait_until


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Any deployment: the test of another database needs nothing of it."""
    settings = load({}, data=tmp_path)
    return Context(
        create_app(settings), settings, Database(settings.effective_database_url), encryption.load(settings)
    )


def test_a_database_without_tables_is_well_and_says_what_it_is(
    context: Context, good: DatabaseAddress
) -> None:
    report = check_database(context, good)
    assert (report.found.product, report.found.is_encrypted, report.found.warnings) == (
        "PostgreSQL",
        True,
        (),
    )
    assert report.found.schema.state is State.OLDER
    assert PASSWORD not in report.url
    assert report.url.startswith(f"postgresql+psycopg://anna@127.0.0.1:{good.port}/kept")


@pytest.mark.parametrize(
    ("changes", "code", "reason", "said"),
    [
        ({"password": SecretStr("wrong-secret")}, "bad_credentials", "login_failed", "Check user and password"),
        ({"user": "nobody"}, "bad_credentials", "login_failed", "'nobody'"),
        ({"database": "gone"}, "database_missing", "database_missing", "CREATE DATABASE gone OWNER anna"),
        ({"user": "guest"}, "insufficient_rights", "no_right", "may not create tables"),
        ({"host": "no-such-host.invalid"}, "address_unknown", "host_unknown", "no-such-host.invalid"),
        ({"encryption": DatabaseEncryption.VERIFY}, "certificate_rejected", "certificate_rejected", "verify-full"),
    ],
    ids=["password", "user", "database", "right", "host", "certificate"],
)  # fmt: skip
def test_what_is_wrong_is_said_precisely(
    context: Context, good: DatabaseAddress, changes: dict[str, Any], code: str, reason: str, said: str
) -> None:
    with pytest.raises(RollcallError) as raised:
        check_database(context, replace(good, **changes))
    assert (raised.value.code, raised.value.details["reason"]) == (code, reason), raised.value.message
    assert said in raised.value.message
    assert raised.value.message.endswith((".", ";"))
    for secret in (PASSWORD, "wrong-secret"):
        assert secret not in raised.value.message


def test_a_database_without_an_encoding_is_told_of(
    context: Context, server: PostgresServer, good: DatabaseAddress
) -> None:
    server.execute("CREATE DATABASE bytes OWNER anna ENCODING 'SQL_ASCII' TEMPLATE template0")
    (warning,) = check_database(context, replace(good, database="bytes")).found.warnings
    assert "SQL_ASCII" in warning
    assert "Create it again with UTF8" in warning


def test_a_port_where_nobody_listens_is_said(context: Context, good: DatabaseAddress) -> None:
    port = free_port()
    with pytest.raises(StorageUnavailable, match=f"Nothing listens.*:{port}") as raised:
        check_database(context, replace(good, port=port))
    assert raised.value.details["reason"] == "port_closed"


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(f"postgresql://anna@127.0.0.1:{port}/kept?connect_timeout=2")
        with pytest.raises(StorageUnavailable, match="did not answer in time"):
            probe(database)


def test_a_server_without_encryption_is_said(
    context: Context, server: PostgresServer, good: DatabaseAddress
) -> None:
    server.execute("ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
    try:
        wait_until("encryption switched off", lambda: _trouble(context, good) == "encryption_refused", 20)
        with pytest.raises(RollcallError, match="sslmode=disable"):
            check_database(context, good)
    finally:
        server.execute("ALTER SYSTEM RESET ssl", "SELECT pg_reload_conf()")
        wait_until("encryption again", lambda: _trouble(context, good) is None, 20)


def _trouble(context: Context, address: DatabaseAddress) -> object:
    try:
        check_database(context, address)
    except RollcallError as error:
        return error.details["reason"]
    return None


def test_whoever_may_not_write_the_tables_is_told(server: PostgresServer, good: DatabaseAddress) -> None:
    server.execute("CREATE DATABASE migrated")
    owner = Database(server.url("migrated"))
    migrate(owner)
    with owner.begin() as session:
        session.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest"))
    owner.close()
    guest = Database(f"postgresql://guest:{PASSWORD}@127.0.0.1:{server.port}/migrated")
    with pytest.raises(RollcallError, match="may not change its tables"):
        probe(guest)
    with (
        pytest.raises(StorageUnavailable, match="permission denied for table sites") as raised,
        guest.begin() as session,
    ):
        session.execute(text("UPDATE sites SET name = name"))
    assert raised.value.details["reason"] == "no_right"
    guest.close()


def test_a_migration_does_not_wait_long_for_a_table_in_use(server: PostgresServer) -> None:
    server.execute("CREATE DATABASE busy")
    database = Database(server.url("busy"))
    migrate(database, "0002")
    with database.begin() as session:
        session.execute(text("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StorageUnavailable, match="busy") as raised:
            migrate(database)
    assert raised.value.details["reason"] == "busy"
    assert migrate(database)[0] == "0002"
    database.close()
