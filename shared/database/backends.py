"""Makes the engine for a database URL: what SQLite, PostgreSQL and SQL Server each need to behave alike.

Alike means: a writer sees only what is committed and waits for whoever is at the same rows; a reader neither waits
nor makes wait, and sees one moment; nobody waits for a lock, a statement or a dead server without end.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from shared.database.locks import LOCK_SECONDS
from shared.database.odbc import host_of, odbc_connection_string, packaged_driver
from shared.distribution import install_with
from shared.errors import DriverMissing, SettingsInvalid, StorageUnavailable
from shared.language import declared, phrase
from shared.private_files import private_folder

# Execution option of sessions that only read.
READ_ONLY = "rollcall_read_only"
_AT_WORK = "rollcall_at_work"
# How FreeTDS says that a connection is gone, or nothing of it at all.
_LOST = re.compile(r"Unknown error \(0\)|did not supply an error|\((20004|20006|20017|20047)\)")
CONNECT_SECONDS = 10
# Far above what any statement of ours takes; what takes longer hangs.
_STATEMENT_SECONDS = 300
# A process frozen in mid-transaction keeps its locks; after this the server takes them away.
_IDLE_SECONDS = 120
# A connection that was at work a moment ago needs no question whether it still stands.
TRUSTED_SECONDS = 1.0
_POOL: Mapping[str, Any] = {
    "pool_timeout": 30,
    "pool_recycle": 1800,
    "pool_use_lifo": True,
}
_KINDS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mssql": "mssql+pyodbc"}
_EXAMPLES = declared(
    "postgresql+psycopg://rollcall@db.example/rollcall, "
    "mssql+pyodbc://rollcall@db.example/rollcall or sqlite:////var/lib/rollcall/rollcall.db"
)


def parse(url: str) -> URL:
    """The URL with the driver that Rollcall uses for its kind of database.

    :raises SettingsInvalid: it is not one, or of a database that Rollcall does not know.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise SettingsInvalid(
            phrase(
                "ROLLCALL_DATABASE_URL is not a database URL; it looks like {examples}. Signs such as @ : / "
                "in a password are written as %40 %3A %2F, or the password goes into "
                "ROLLCALL_DATABASE_PASSWORD.",
                examples=_EXAMPLES,
            )
        ) from error
    if parsed.drivername in _KINDS:
        parsed = parsed.set(drivername=_KINDS[parsed.drivername])
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", *_KINDS.values()):
        raise SettingsInvalid(
            phrase(
                "ROLLCALL_DATABASE_URL names the database or driver '{drivername}', which Rollcall does not "
                "use. It looks like {examples}.",
                drivername=parsed.drivername,
                examples=_EXAMPLES,
            )
        )
    if parsed.get_backend_name() != "sqlite" and not (parsed.database or "odbc_connect" in parsed.query):
        raise SettingsInvalid(
            declared(
                "ROLLCALL_DATABASE_URL contains no database name. Add it after the host: …@host/rollcall."
            )
        )
    return parsed


def make_engine(url: URL, connections: int) -> Engine:
    """The engine; nothing is connected yet.

    :raises DriverMissing: the Python package or the ODBC driver is not installed; the message says which.
    :raises StorageUnavailable: the folder of an SQLite file cannot be made.
    """
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _sqlite(str(url.database))
    options = {**_POOL, "pool_size": connections, "max_overflow": connections}
    make = _postgresql if backend == "postgresql" else _sql_server
    try:
        engine = make(url, options)
    except (ImportError, NoSuchModuleError) as error:
        raise _no_package(backend, error) from error
    _ask_idle_connections(engine)
    return engine


def read_options(url: URL) -> dict[str, Any]:
    """Execution options of sessions that only read."""
    if url.get_backend_name() == "postgresql":
        # As on SQLite: all that is read in one block is of one moment.
        return {READ_ONLY: True, "isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    if url.get_backend_name() == "mssql":
        return {READ_ONLY: True, "isolation_level": "SNAPSHOT"}
    return {READ_ONLY: True}


def glance_options(url: URL) -> dict[str, Any]:
    """Execution options of sessions whose statements only read, each by itself."""
    if url.get_backend_name() == "postgresql":
        # Without BEGIN and COMMIT: each costs as much as a small question.
        return {READ_ONLY: True, "isolation_level": "AUTOCOMMIT"}
    return {READ_ONLY: True}


def place(url: URL) -> str:
    """Where the database is, in words and without a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = (
        host_of(url)
        if url.host
        else url.query.get("host")
        if "odbc_connect" not in url.query
        else declared("the ODBC connection given")
    )
    port = f":{url.port}" if url.port else ""
    return phrase(
        "'{database}' at {host}{port}", database=url.database, host=host or declared("this host"), port=port
    )


def _sqlite(path: str) -> Engine:
    if path not in (":memory:", "None"):
        folder = Path(path).parent
        try:
            private_folder(folder)
        except OSError as error:
            raise StorageUnavailable(
                phrase(
                    (
                        "The data folder {folder} cannot be created ({reason}). Choose another with ROLLCALL_DATA."
                    ),
                    folder=folder,
                    reason=error.strerror,
                )
            ) from error
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": float(LOCK_SECONDS), "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # Python's own transaction handling would begin too late for BEGIN IMMEDIATE (SQLAlchemy's SQLite page).
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL, because an intent row lost to a power cut would let a call be repeated blindly.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={LOCK_SECONDS * 1000}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock at once and waits for it, where a later upgrade would fail with "locked".
        reads = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL, options: dict[str, Any]) -> Engine:
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "rollcall",
        # A database without an encoding (SQL_ASCII) would give bytes for text; so it can be told what is wrong.
        "client_encoding": "utf8",
        # A server that vanished without a word is noticed within a minute.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    given = {name: value for name, value in arguments.items() if name not in url.query}
    engine = create_engine(url, isolation_level="READ COMMITTED", connect_args=given, **options)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # Not as a start-up option, which poolers between us and the server refuse.
        connection.execute(
            "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false), "
            "set_config('idle_in_transaction_session_timeout', %s, false)",
            [f"{LOCK_SECONDS}s", f"{_STATEMENT_SECONDS}s", f"{_IDLE_SECONDS}s"],
        )
        connection.commit()

    return engine


def _sql_server(url: URL, options: dict[str, Any]) -> Engine:
    pyodbc: Any = import_module("pyodbc")

    # SQLAlchemy keeps connections itself; two pools would hide a broken one from each other.
    pyodbc.pooling = False
    engine = create_engine(
        "mssql+pyodbc://",
        creator=_opener(pyodbc, odbc_connection_string(url, pyodbc.drivers(), packaged_driver())),
        isolation_level="READ COMMITTED",
        # Plans of thousands of commands go in few statements, within the 2,100 parameters that one may have.
        use_insertmanyvalues=True,
        **options,
    )

    dialect: Any = engine.dialect
    is_disconnect = dialect.is_disconnect
    dialect.is_disconnect = lambda error, *rest: is_disconnect(error, *rest) or bool(_LOST.search(str(error)))

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.timeout = _STATEMENT_SECONDS
        cursor = connection.cursor()
        cursor.execute(f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}")
        cursor.close()
        connection.commit()

    return engine


def _ask_idle_connections(engine: Engine) -> None:
    """Notice before a connection is used that the server was restarted, or that a firewall forgot the connection.

    As SQLAlchemy's ``pool_pre_ping``, but that asks each time, which takes a sixth of a request to the API.
    """
    dialect: Any = engine.dialect

    @event.listens_for(engine, "connect")
    def _note_new(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_AT_WORK] = time.monotonic()

    @event.listens_for(engine, "checkin")
    def _note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_AT_WORK] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get(_AT_WORK, 0.0) < TRUSTED_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            # Whatever it says: a connection that cannot answer this is none. The pool connects anew, and trusts no
            # connection older than this.
            raise InvalidatePoolError() from error


def _opener(pyodbc: ModuleType, connection_string: str) -> Callable[[], Any]:
    # Made here rather than by SQLAlchemy, which knows neither how drivers differ nor named instances.
    return lambda: pyodbc.connect(connection_string, timeout=CONNECT_SECONDS)


def _no_package(backend: str, error: Exception) -> DriverMissing:
    if backend == "postgresql":
        return DriverMissing(
            phrase(
                "PostgreSQL needs the Python package psycopg, which cannot be used here ({first_line}). "
                "Install it: {install_with}.",
                first_line=_first_line(error),
                install_with=install_with("postgresql"),
            ),
            package="psycopg",
        )
    if "libodbc" in str(error):
        return DriverMissing(
            declared(
                "SQL Server needs the ODBC driver manager, which is not installed (libodbc.so.2). Install "
                "it: apt-get install unixodbc (RHEL: dnf install unixODBC)."
            ),
            package="unixodbc",
        )
    return DriverMissing(
        phrase(
            "SQL Server needs the Python package pyodbc, which cannot be used here ({first_line}). "
            "Install it: {install_with} and apt-get install unixodbc.",
            first_line=_first_line(error),
            install_with=install_with("sqlserver"),
        ),
        package="pyodbc",
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
