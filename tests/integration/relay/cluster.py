"""The phone system's PostgreSQL, with a database for each test."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.postgresql import PostgresServer, postgres_folder

_ROLE = "phonesystem"


class Cluster(PostgresServer):
    """A running server. ``stop`` and ``start`` it to see what an outage does."""

    def __init__(self, folder: Path, programs: Path) -> None:
        super().__init__(folder, programs, _ROLE)
        self._counter = itertools.count(1)
        self._shared: str | None = None

    def new_database(self) -> str:
        """An empty database; its connection string."""
        name = f"phones_{next(self._counter)}"
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.conninfo(name)

    def cleared_database(self) -> str:
        """The database most tests share, emptied: a new one for each would take most of their time."""
        if self._shared is None:
            self._shared = self.new_database()
        with psycopg.connect(self._shared) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
        return self._shared


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A new cluster, gone afterwards. Left out where PostgreSQL is not installed."""
    with postgres_folder() as (folder, programs):
        cluster = Cluster(folder, programs)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
