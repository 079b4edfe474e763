"""One database connection pool per process, and the two ways to use it: read and write.

``Database.begin`` commits when the block ends and rolls back when it raises. Failures of the database itself
(full disk, read-only folder, lost connection) come out as ``StorageUnavailable``, mapped here once.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from shared.errors import SettingsInvalid, StorageUnavailable

_LEAST_FREE_BYTES = 64 * 1024
# Execution option of sessions that only read.
READ_ONLY = "rollcall_read_only"


class Database:
    """The pool and its sessions. Safe to share between threads; not across a fork."""

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
        except ArgumentError as error:
            raise SettingsInvalid(
                "ROLLCALL_DATABASE_URL is not a database URL; it looks like postgresql+psycopg://user@host/rollcall."
            ) from error
        self.engine = (
            _sqlite_engine(str(self.url.database))
            if self.is_sqlite
            else create_engine(self.url, pool_pre_ping=True)
        )
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(
            self.engine.execution_options(**{READ_ONLY: True}), expire_on_commit=False
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.url.get_backend_name() == "sqlite"

    def begin(self) -> AbstractContextManager[Session]:
        """One transaction that may write: commits at the end of the block, rolls back when it raises.

        :raises StorageUnavailable: the database cannot be reached, read or written.
        """
        return self._transaction(self._writing)

    def read(self) -> AbstractContextManager[Session]:
        """One transaction that only reads; on SQLite it never waits for a writer.

        :raises StorageUnavailable: the database cannot be reached or read.
        """
        return self._transaction(self._reading)

    @contextmanager
    def _transaction(self, sessions: "sessionmaker[Session]") -> Iterator[Session]:
        try:
            with sessions.begin() as session:
                yield session
        except (OperationalError, InterfaceError) as error:
            raise StorageUnavailable(self._explain(error)) from error
        except PoolTimeoutError as error:
            raise StorageUnavailable(
                "All connections to the database are in use: it is overloaded or locked. Try again in a moment."
            ) from error
        except DatabaseError as error:
            # Of this very class, none below it, SQLite says that the file is damaged or is no database.
            if type(error) is not DatabaseError:
                raise
            raise StorageUnavailable(self._explain(error)) from error

    def close(self) -> None:
        """Return every connection."""
        self.engine.dispose()

    def _explain(self, error: DatabaseError | InterfaceError) -> str:
        reason = str(error.orig)
        where = str(self.url.database) if self.is_sqlite else self.url.render_as_string(hide_password=True)
        if "readonly" in reason or "read-only" in reason:
            return f"The database {where} cannot be written: it or its folder is read-only. Give this user the right to write there."
        if "disk is full" in reason or "No space" in reason or self._is_disk_full(reason):
            return f"The database {where} cannot grow: the disk is full. Free some space; nothing was lost."
        if "unable to open" in reason:
            return f"The database {where} cannot be opened. Check that its folder exists and that this user may write there."
        if "malformed" in reason or "not a database" in reason:
            return f"The database {where} is damaged ({reason}). Stop Rollcall and put the file back from a backup."
        if "no such table" in reason or "does not exist" in reason:
            return f"The database {where} has no tables yet. Run `rollcall migrate`."
        return f"The database {where} does not answer: {reason.splitlines()[0][:200]}"

    def _is_disk_full(self, reason: str) -> bool:
        # The shared memory of the write-ahead log cannot grow: SQLite says no more than this.
        if not self.is_sqlite or "disk I/O error" not in reason:
            return False
        return shutil.disk_usage(Path(str(self.url.database)).parent).free < _LEAST_FREE_BYTES


def _sqlite_engine(path: str) -> Engine:
    if path not in (":memory:", "None"):
        folder = Path(path).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable(
                f"The data folder {folder} cannot be made ({error.strerror}). Choose another with ROLLCALL_DATA."
            ) from error
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30.0, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # Python's own transaction handling would begin too late for BEGIN IMMEDIATE (SQLAlchemy's SQLite page).
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL, because an intent row lost to a power cut would let a call be repeated blindly.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock at once and waits for it, where a later upgrade would fail with "locked".
        reads = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
