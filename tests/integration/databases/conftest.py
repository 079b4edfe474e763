"""An empty database of the test's kind, a migrated one, and a PostgreSQL that asks who one is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.api.connections.use_cases.database import DatabaseAddress, DatabaseKind
from shared.database.engine import Database
from shared.migrate import migrate
from tests.support.databases import Kind, deployment_settings
from tests.support.postgresql import PostgresServer, postgres_folder
from tests.support.tls import self_signed

PASSWORD = "horse-battery-staple"


@pytest.fixture
def database(database_kind: Kind, tmp_path: Path) -> Iterator[Database]:
    """A migrated database with the default site."""
    made = Database(deployment_settings(tmp_path).effective_database_url)
    yield made
    made.close()


@pytest.fixture
def empty(database: Database) -> Database:
    """A database without tables."""
    migrate(database, "base")
    return database


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A server with a certificate that nobody vouches for, whose users need passwords."""
    with postgres_folder() as (folder, programs):
        made = PostgresServer(folder, programs, "owner", ["host all all 127.0.0.1/32 scram-sha-256"])
        made.use_tls(*self_signed("db.example", datetime.now(UTC) + timedelta(days=1)))
        made.start()
        made.execute(
            f"CREATE ROLE anna LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'",
            "CREATE DATABASE kept OWNER anna",
        )
        yield made
        made.stop()


@pytest.fixture
def good(server: PostgresServer) -> DatabaseAddress:
    """An address where all is well, but that there are no tables yet."""
    return DatabaseAddress(
        DatabaseKind.POSTGRESQL, "127.0.0.1", "kept", "anna", SecretStr(PASSWORD), server.port
    )
