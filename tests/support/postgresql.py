"""A private PostgreSQL, started by the tests as an ordinary user: by a socket in a temporary folder, or by TCP too."""

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

from tests.support.ports import free_port
from tests.support.tools import find, leave_out

_START_SECONDS = 60


class PostgresServer:
    """A server of its own. ``stop`` and ``start`` it to see what an outage does.

    ``role`` owns it and needs no password by the socket. ``rules`` are lines of pg_hba.conf for TCP; with any, it
    listens on ``port`` of the loopback address.
    """

    def __init__(
        self, folder: Path, programs: Path, role: str = "rollcall", rules: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.role = role
        self.port = free_port() if rules else 5432
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._options = [f"unix_socket_directories={folder}", f"port={self.port}"]
        self._options += [f"listen_addresses={'127.0.0.1' if rules else ''}"]
        # Nothing here has to survive the machine.
        self._options += [
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "max_connections=200",
        ]
        self._run([str(programs / "initdb"), "-D", str(self.data), "-A", "trust", "-U", role, "-N",
                   "-E", "UTF8", "--locale=C"])  # fmt: skip
        if rules:
            hba = self.data / "pg_hba.conf"
            hba.write_text("\n".join(["local all all trust", *rules, ""]), encoding="utf-8")

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.folder / "data"

    @property
    def server(self) -> str:
        """How psycopg reaches the server, without the name of a database."""
        return f"host={self.folder} port={self.port} user={self.role}"

    def conninfo(self, name: str = "postgres") -> str:
        """How psycopg reaches a database of it."""
        return f"{self.server} dbname={name}"

    def url(self, name: str) -> str:
        """The same for Rollcall, by the socket."""
        return f"postgresql+psycopg://{self.role}@/{name}?host={self.folder}&port={self.port}"

    def use_tls(self, certificate: str, key: str) -> None:
        """Offer TLS with this certificate; before ``start``."""
        for name, text in (("server.crt", certificate), ("server.key", key)):
            path = self.data / name
            path.write_text(text, encoding="ascii")
            path.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(path, "nobody", "nogroup")
        with (self.data / "postgresql.conf").open("a", encoding="ascii") as settings:
            settings.write("ssl = on\n")

    def start(self) -> None:
        """Serve; returns when it answers."""
        options = [part for option in self._options for part in ("-c", option)]
        self._process = subprocess.Popen(
            [*_as_ordinary_user(), str(self._programs / "postgres"), "-D", str(self.data), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder,
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

    def execute(self, *statements: str) -> None:
        """Run statements as the owner, each by itself."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(
            [*_as_ordinary_user(), *command], capture_output=True, text=True, check=False, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def postgres_folder() -> Iterator[tuple[Path, Path]]:
    """A folder for a server and where its programs are. Left out where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    programs = found[-1] if found else find("initdb")
    if programs is None:
        leave_out("needs initdb and postgres (Debian package postgresql); `make test` installs them as root")
    folder = Path(tempfile.mkdtemp(prefix="rollcall-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        # Whoever is under test may be another user than the server.
        folder.chmod(0o755)
        yield folder, Path(str(programs)).parent
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_server(role: str = "rollcall", rules: Sequence[str] = ()) -> Iterator[PostgresServer]:
    """A running server, gone afterwards."""
    with postgres_folder() as (folder, programs):
        server = PostgresServer(folder, programs, role, rules)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _as_ordinary_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
