"""The servers of a campaign: started when an episode first needs them, kept for the next ones."""

import os
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis

from shared.database.engine import Database
from shared.migrate import migrate
from tests.integration.relay.cluster import Cluster, running_cluster
from tests.support.postgresql import PostgresServer, postgres_server
from tests.support.rabbitmq import RabbitServer, rabbit_server
from tests.support.redis import RedisServer, redis_server
from tests.support.samba import SambaDomain, samba_domain

Broker = RedisServer | RabbitServer
_TEMPLATE = "template_campaign"
_CLOCK = Path(__file__).with_name("clock.c")
# Room for a migrated database and an episode's data; to be filled up.
_DISK_MB = {"sqlite": 48, "postgresql": 512}


class Disk:
    """A small file system that can be full. Where mounting is not allowed it is an ordinary folder, never full."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "campaign", str(folder)]
        self.can_be_full = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        folder.chmod(0o755)

    def fill(self) -> None:
        """Leave no byte."""
        if not self.can_be_full:
            return
        try:
            with (self.folder / "filling").open("wb", buffering=0) as file:
                while file.write(bytes(65_536)):
                    pass
        except OSError:
            return

    def free(self) -> None:
        """Give it back."""
        (self.folder / "filling").unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount and remove it."""
        if self.can_be_full:
            subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def small_disk(kind: str) -> Iterator[Disk]:
    """A disk for a database of this kind."""
    disk = Disk(Path(tempfile.mkdtemp(prefix=f"rollcall-disk-{kind}-")), _DISK_MB[kind])
    try:
        yield disk
    finally:
        disk.close()


class Clock:
    """A clock of its own for all processes of Rollcall on one host, by a small library (clock.c)."""

    def __init__(self, folder: Path, host: str) -> None:
        library, self._file = folder / f"{host}.so", folder / host
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(_CLOCK)]
        subprocess.run(command, check=True, capture_output=True)
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "CAMPAIGN_CLOCK": str(self._file)}

    @property
    def prefix(self) -> list[str]:
        """Starts the process that forks all others."""
        return ["env", *(f"{name}={value}" for name, value in self.environment.items())]

    def set(self, seconds: int) -> None:
        """How many seconds it goes before the real one."""
        # In place: it is mapped.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))


class Servers:
    """What is there for all episodes."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._postgresql: PostgresServer | None = None
        self._redis: RedisServer | None = None
        self._rabbit: RabbitServer | None = None
        self._samba: SambaDomain | None = None
        self._cluster: Cluster | None = None
        self._clocks: tuple[Clock, ...] = ()
        self.disk: Disk | None = None
        """That of PostgreSQL."""
        self._made = 0

    def postgresql(self) -> PostgresServer:
        """A PostgreSQL on a disk of its own, reached by TCP."""
        if self._postgresql is None:
            self.disk = self._stack.enter_context(small_disk("postgresql"))
            before, tempfile.tempdir = tempfile.tempdir, str(self.disk.folder)
            try:
                server = postgres_server(rules=["host all all 127.0.0.1/32 trust"])
                self._postgresql = self._stack.enter_context(server)
            finally:
                tempfile.tempdir = before
            self._postgresql.execute(f"CREATE DATABASE {_TEMPLATE}")
            template = Database(self._postgresql.url(_TEMPLATE))
            migrate(template)
            template.close()
        return self._postgresql

    def new_database(self) -> str:
        """The name of an empty, migrated database of it; the former ones are dropped."""
        for number in range(1, self._made + 1):
            self.postgresql().execute(f"DROP DATABASE IF EXISTS campaign_{number} WITH (FORCE)")
        self._made += 1
        name = f"campaign_{self._made}"
        self.postgresql().execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return name

    def redis(self) -> RedisServer:
        """A Redis with nothing in it."""
        if self._redis is None:
            self._redis = self._stack.enter_context(redis_server())
        with Redis(port=self._redis.port) as client:
            client.flushall()
        return self._redis

    def broker(self, kind: str) -> Broker:
        """A broker whose queues are empty."""
        if kind == "redis":
            return self.redis()
        if self._rabbit is None:
            self._rabbit = self._stack.enter_context(rabbit_server())
        self._rabbit.empty()
        return self._rabbit

    def samba(self) -> SambaDomain:
        """A domain controller."""
        if self._samba is None:
            self._samba = self._stack.enter_context(samba_domain())
        return self._samba

    def clocks(self) -> tuple[Clock, ...]:
        """What lets the clocks of two hosts jump: the process that those of a host are forked from has it."""
        if not self._clocks:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-clock-")))
            self._clocks = Clock(folder, "first"), Clock(folder, "second")
        return self._clocks

    def cluster(self) -> Cluster:
        """The phone system's own database server."""
        if self._cluster is None:
            self._cluster = self._stack.enter_context(running_cluster())
        return self._cluster


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(member for child in children for member in family(int(child)))]
