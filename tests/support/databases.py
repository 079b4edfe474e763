"""The database behind each test's deployment: SQLite, or with ``ROLLCALL_TEST_DATABASE`` a real server.

* ``sqlite`` (the default): a copy of one migrated file.
* ``postgresql``: a database made from a migrated template, in a private server that the session starts.
* ``mssql``: a database made and migrated on the server that ``ROLLCALL_TEST_MSSQL`` names (a URL as in
  docs/databases.md, of a login that may create databases).

Tests marked ``every_database`` run on SQLite and PostgreSQL in every session, and on SQL Server where one is named.
Deployments are told apart by their data folder: the same folder is the same database.
"""

import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, event, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from shared.database.engine import Database
from shared.migrate import migrate
from shared.process_settings import ProcessSettings, load
from tests.support.postgresql import PostgresServer, postgres_server
from tests.support.tools import leave_out

CHOICE = "ROLLCALL_TEST_DATABASE"
SQL_SERVER_URL = "ROLLCALL_TEST_MSSQL"
_CHOSEN = os.environ.get(CHOICE, "")
_SQL_SERVER = os.environ.get(SQL_SERVER_URL, "")
_TEMPLATE = "template_rollcall"


class Kind(StrEnum):
    """The kinds of database that Rollcall works on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    SQL_SERVER = "mssql"


def session_kind() -> Kind:
    """What this session runs on."""
    return Kind(_CHOSEN or Kind.SQLITE)


def kinds_everywhere() -> list[Kind]:
    """What tests marked ``every_database`` run on in this session."""
    if _CHOSEN:
        return [session_kind()]
    return [Kind.SQLITE, Kind.POSTGRESQL, *([Kind.SQL_SERVER] if _SQL_SERVER else [])]


def forget_choice() -> None:
    """Take the choice out of the environment, which commands under test inherit: they refuse settings unknown to them."""
    os.environ.pop(CHOICE, None)
    os.environ.pop(SQL_SERVER_URL, None)


def deployment_settings(folder: Path, **changes: Any) -> ProcessSettings:
    """Settings of a process whose data folder this is, with an empty and migrated database behind them."""
    return load({}, data=folder, database_url=_databases.url_of(folder), **changes)


def database_url(folder: Path) -> str:
    """The URL of the folder's database, for settings that are made in another way; empty for the embedded file."""
    return _databases.url_of(folder)


class _Databases:
    """Makes databases, and knows which belongs to which folder."""

    def __init__(self) -> None:
        self.kind = session_kind()
        self._stack = ExitStack()
        self._urls: dict[tuple[Kind, Path], str] = {}
        self._droppable: list[str] = []
        self._numbers = itertools.count(1)
        self._file: Path | None = None
        self._server: PostgresServer | None = None
        self._connection: psycopg.Connection | None = None
        self._strategy = ""

    def url_of(self, folder: Path) -> str:
        """The URL of the folder's database, made when it is asked for first; empty for the embedded file."""
        key = (self.kind, folder.absolute())
        if self.kind is Kind.SQLITE:
            file = folder / "rollcall.db"
            if not file.exists():
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(self._migrated_file(), file)
            return ""
        if key not in self._urls:
            make = self._new_postgresql if self.kind is Kind.POSTGRESQL else self._new_sql_server
            self._urls[key] = make()
        return self._urls[key]

    def server(self) -> PostgresServer:
        """The session's PostgreSQL, with the migrated template."""
        if self._server is None:
            self._server = self._stack.enter_context(postgres_server())
            self._server.execute(f"CREATE DATABASE {_TEMPLATE}")
            with psycopg.connect(self._server.conninfo()) as connection:
                # Half the work of the way that PostgreSQL 15 has made the usual one, where nothing need be safe.
                self._strategy = "STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
            _migrated(self._server.url(_TEMPLATE))
        return self._server

    def drop_unused(self) -> None:
        """Drop what no connection uses any more."""
        # Asked after every test, of which most have none.
        if not self._droppable:
            return
        # Of a fixture that outlives the test; again after the next one.
        in_use = {row[0] for row in self._execute("SELECT datname FROM pg_stat_activity")}
        for name in [name for name in self._droppable if name not in in_use]:
            with suppress(psycopg.errors.ObjectInUse):
                self._execute(f"DROP DATABASE {name}")
                self._droppable.remove(name)

    def close(self) -> None:
        """End the session's server and remove what was made."""
        self._stack.close()
        self._urls.clear()
        self._droppable.clear()
        self._server = self._file = self._connection = None

    def _execute(self, statement: str) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a statement by the connection that is kept: a new one costs PostgreSQL 5 ms of processor time."""
        server = self.server()
        if self._connection is None or self._connection.closed:
            self._connection = self._stack.enter_context(psycopg.connect(server.conninfo(), autocommit=True))
        return self._connection.execute(statement.encode())

    def _new_postgresql(self) -> str:
        name = f"rollcall_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} {self._strategy}")
        self._droppable.append(name)
        return self.server().url(name)

    def _new_sql_server(self) -> str:
        if not _SQL_SERVER:
            leave_out(f"needs a SQL Server: name one in {SQL_SERVER_URL}")
        server = make_url(_SQL_SERVER)
        name = f"rollcall_test_{os.getpid()}_{next(self._numbers)}"
        _on_sql_server(server.render_as_string(hide_password=False), f"CREATE DATABASE [{name}]")
        _on_sql_server(
            server.render_as_string(hide_password=False),
            f"ALTER DATABASE [{name}] SET READ_COMMITTED_SNAPSHOT ON",
        )
        self._stack.callback(
            _on_sql_server, server.render_as_string(hide_password=False),
            f"ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE [{name}]",
        )  # fmt: skip
        url = server.set(database=name).render_as_string(hide_password=False)
        _migrated(url)
        return url

    def _migrated_file(self) -> Path:
        if self._file is None:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-template-"))
            file = Path(folder) / "rollcall.db"
            _migrated(f"sqlite:///{file}")
            self._file = file
        return self._file


_databases = _Databases()


@contextmanager
def using(kind: Kind) -> Iterator[None]:
    """Make deployments on this kind of database within the block, and drop afterwards what nobody uses."""
    before, _databases.kind = _databases.kind, kind
    try:
        yield
    finally:
        _databases.kind = before
        _databases.drop_unused()


# By dialect, an engine that has been connected.
_compiled: dict[type[Dialect], Engine] = {}


def _share_compiled_statements() -> None:
    """Let all engines of a kind have one memory of compiled statements: to compile them anew for the database of each
    test takes a fifth of all its time.
    """

    def _created(dialect: type[Dialect], engine: Engine) -> None:
        if (first := _compiled.get(dialect)) is not None:
            engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache

    # Called by SQLAlchemy for every engine, before anybody has it.
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        kind.engine_created = classmethod(_created)  # type: ignore[method-assign,assignment]


def spare_the_disk() -> None:
    """Let SQLite not wait for the disk in this process: what a test kills is a process, never the computer."""

    @event.listens_for(Pool, "checkout")
    def _unsynchronised(connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if isinstance(connection, sqlite3.Connection) and "is_unsynchronised" not in record.info:
            connection.execute("PRAGMA synchronous=OFF").close()
            record.info["is_unsynchronised"] = True


@contextmanager
def session() -> Iterator[None]:
    """What the session has started ends with the block."""
    spare_the_disk()
    _share_compiled_statements()
    try:
        yield
    finally:
        _databases.close()


def postgresql() -> PostgresServer:
    """The session's PostgreSQL."""
    return _databases.server()


def _migrated(url: str) -> None:
    database = Database(url)
    migrate(database)
    _compiled.setdefault(type(database.engine.dialect), database.engine)
    database.close()


def _on_sql_server(url: str, statement: str) -> None:
    database = Database(url)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    database.close()
