"""One database connection pool per process, and the ways to use it: read, glance, rows and write.

``Database.begin`` commits when the block ends and rolls back when it raises. Failures of the database itself
(full disk, read-only folder, lost connection) come out as ``StorageUnavailable``, a row that it refuses as
``RowRefused``, a statement that it refuses as ``StorageRefused``: all of them, mapped here once.
"""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from shared.database import audit_chain, backends
from shared.database.error_sentences import Reason
from shared.database.errors import Failure, failure_of
from shared.errors import RowRefused, StorageUnavailable
from shared.language import declared, phrase

_LEAST_FREE_BYTES = 64 * 1024
_CONNECTIONS = 10


class Database:
    """The pool and its sessions. Safe to share between threads; not across a fork.

    ``connections`` are kept open, as many again are opened when all are in use.

    :raises SettingsInvalid: the URL is none of a database that Rollcall knows.
    :raises DriverMissing: what speaks to this kind of database is not installed.
    """

    def __init__(self, url: str, connections: int = _CONNECTIONS) -> None:
        self.url = backends.parse(url)
        self.engine = backends.make_engine(self.url, connections)
        # What every session carries along.
        self._info: dict[str, Any] = {}
        self._writing = self._sessions(self.engine)
        self._reading = self._sessions(self.engine.execution_options(**backends.read_options(self.url)))
        self._glances = self.engine.execution_options(**backends.glance_options(self.url))
        self._glancing = self._sessions(self._glances)

    def seal_audit_with(self, keys: audit_chain.Keys) -> None:
        """Seal what is written to the audit from now on, and verify it, with these keys."""
        self._info[audit_chain.KEYS] = keys

    def _sessions(self, engine: Engine) -> sessionmaker[Session]:
        return sessionmaker(engine, expire_on_commit=False, info=self._info)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def place(self) -> str:
        """Where it is, in words and without a password."""
        return backends.place(self.url)

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

    def glance(self) -> AbstractContextManager[Session]:
        """Statements that only read, each by itself, for half the price; for what must be of one moment, ``read``.

        :raises StorageUnavailable: the database cannot be reached or read.
        """
        return self._transaction(self._glancing)

    @contextmanager
    def rows(self) -> Iterator[Connection]:
        """As ``glance``, for rows that nobody needs as objects: without a session, for less than half the price again.

        :raises StorageUnavailable: the database cannot be reached or read.
        """
        with self._translated(), self._glances.connect() as connection:
            yield connection

    @contextmanager
    def changing_tables(self) -> Iterator[Session]:
        """One transaction that may change tables, of which one runs at a time (see ``migrate``).

        :raises StorageUnavailable: the database cannot be reached or written, or it is in use for too long.
        """
        with (
            self._translated(),
            self.engine.connect() as connection,
            _unhurried(connection),
            _without_foreign_keys(connection),
            connection.begin(),
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.flush()

    def failure_of(self, error: DBAPIError) -> Failure:
        """What an error of the driver means here."""
        if self._is_disk_full(str(error.orig)):
            # The shared memory of the write-ahead log cannot grow: SQLite says no more than this.
            return Failure(
                Reason.FULL,
                phrase(
                    "The database {place} cannot grow: the disk is full. Free some space.", place=self.place
                ),
            )
        return failure_of(self.url, error)

    @contextmanager
    def _transaction(self, sessions: "sessionmaker[Session]") -> Iterator[Session]:
        with self._translated(), sessions.begin() as session:
            yield session

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            raise StorageUnavailable(
                declared(
                    "All connections to the database are in use: it is overloaded or locked. Try again in a "
                    "moment."
                ),
                reason=Reason.BUSY.value,
            ) from error
        except IntegrityError as error:
            raise RowRefused(
                declared(
                    "The database refused a row: another like it is there already, or what it belongs to is "
                    "gone. Nothing was changed; reload the page, then try again."
                )
            ) from error
        except DBAPIError as error:
            raise self.failure_of(error).as_interruption() from error

    def close(self) -> None:
        """Return every connection."""
        self.engine.dispose()

    def _is_disk_full(self, reason: str) -> bool:
        if not self.is_sqlite or "disk I/O error" not in reason:
            return False
        return shutil.disk_usage(Path(str(self.url.database)).parent).free < _LEAST_FREE_BYTES


@contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """Copying a large table may take longer than any other statement."""
    if connection.dialect.name != "mssql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    # What is set for this work must not stay with the connection when it serves others.
    connection.detach()
    driver.timeout = 0
    yield


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by copying and dropping it, which its foreign keys would forbid while rows refer to it.

    They can be switched only outside a transaction; that they still hold is looked at before the end.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")
