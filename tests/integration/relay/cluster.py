"""A private PostgreSQL, started by the tests as an ordinary user, reachable by a socket in a temporary folder only."""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.tools import find, leave_out

_START_SECONDS = 60
_ROLE = "phonesystem"


class Cluster:
    """A running server. ``stop`` and ``start`` it to see what an outage does."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._counter = itertools.count(1)
        self._shared: str | None = None
        self._run([str(programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", _ROLE, "-N",
                   "-E", "UTF8", "--locale=C"])  # fmt: skip

    def conninfo(self, name: str = "postgres") -> str:
        """How to reach a database of it."""
        return f"host={self._folder} user={_ROLE} dbname={name}"

    @property
    def server(self) -> str:
        """How to reach the server, without the name of a database."""
        return f"host={self._folder} user={_ROLE}"

    def start(self) -> None:
        """Serve; returns when it answers."""
        # Nothing here has to survive the machine: what is proven is the relay's care, not PostgreSQL's.
        options = [
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={self._folder}",
            "-c",
            "fsync=off",
        ]
        self._process = subprocess.Popen(
            [*_as_ordinary_user(), str(self._programs / "postgres"), "-D", str(self._folder / "data"), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder,
        )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.conninfo()).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """Cut all connections and end the server."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)
            self._process = None

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

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(
            [*_as_ordinary_user(), *command], capture_output=True, text=True, check=False, cwd=self._folder
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A new cluster, gone afterwards. Left out where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    programs = found[-1] if found else find("initdb")
    if programs is None:
        leave_out("needs initdb and postgres (Debian package postgresql); `make test` installs them as root")
    folder = Path(tempfile.mkdtemp(prefix="rollcall-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        # The relay under test may be another user than the server.
        folder.chmod(0o755)
        cluster = Cluster(folder, Path(str(programs)).parent)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_ordinary_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
