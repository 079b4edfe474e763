"""A whole Rollcall as separate processes on a real broker, whose workers a test may kill at any moment."""

import os
import re
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from shared import encryption
from shared.database.engine import Database
from shared.encryption import new_key
from shared.process_settings import load
from shared.worker.app import create_app
from shared.worker.context import Context
from shared.worker.queues import Queue
from tests.support import forked
from tests.support.between_writes import between_writes
from tests.support.databases import database_url
from tests.support.forked import Process
from tests.support.site import ENDED, WAITING, Site
from tests.support.waiting import wait_until

__all__ = ["ENDED", "WAITING", "Deployment", "deployment"]


class Deployment(Site):
    """Database, broker address and the processes started so far."""

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        *,
        result_backend_url: str = "",
        own_database_url: str = "",
        lease_seconds: float = 1.5,
        sweep_seconds: float = 0.5,
    ) -> None:
        self.folder = folder
        self.environment = {
            "ROLLCALL_DATA": str(folder),
            "ROLLCALL_DATABASE_URL": own_database_url or database_url(folder),
            "ROLLCALL_BROKER_URL": broker_url,
            "ROLLCALL_RESULT_BACKEND_URL": result_backend_url or broker_url,
            "ROLLCALL_SECRET_KEY": new_key(),
            "ROLLCALL_LEASE_SECONDS": str(lease_seconds),
            "ROLLCALL_SWEEP_SECONDS": str(sweep_seconds),
            "ROLLCALL_TICK_SECONDS": "5",
            "ROLLCALL_LOG_LEVEL": "info",
        }
        process_settings = load(self.environment)
        database = Database(process_settings.effective_database_url)
        super().__init__(
            Context(
                create_app(process_settings), process_settings, database, encryption.load(process_settings)
            )
        )
        self._processes: list[Process] = []
        self._logs: list[Path] = []

    def start_worker(self, queues: Sequence[Queue] = tuple(Queue), **settings: str) -> Process:
        """A worker process of its own process group, so that killing it kills its children too."""
        named = [part for queue in queues for part in ("--queue", queue.value)]
        return self._start(["worker", "--concurrency", "2", *named], "worker", settings)

    def start_beat(self, **settings: str) -> Process:
        """The process that publishes tick and sweep."""
        return self._start(["beat"], "beat", settings)

    def start_watch(self, **settings: str) -> Process:
        """The process that watches directories."""
        return self._start(["watch"], "watch", settings)

    def start_api(self) -> tuple[Process, str]:
        """The API on a free port, and its address."""
        process = self._start(["api"], "api", {"ROLLCALL_API_PORT": "0"})
        log = self._log_of(process)

        def _address() -> str | None:
            found = re.search(r"serves (http://\S+?)\.\s", log.read_text(errors="replace"))
            return found[1] if found else None

        wait_until("the API serves", _address)
        return process, _address() or ""

    def terminate(self, process: Process) -> int:
        """What a supervisor does: SIGTERM to the process alone; its exit code."""
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def output_of(self, process: Process) -> str:
        """What a process has said so far."""
        return self._log_of(process).read_text(errors="replace")

    def kill(self, process: Process) -> None:
        """``kill -9`` of the process and its children; returns when they are gone."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def freeze(self, process: Process) -> None:
        """Stop the process between two writes: within one it would keep everybody else from writing to SQLite."""
        with between_writes(self.context.database):
            process.freeze()

    def stop(self) -> None:
        """End everything that was started."""
        for process in self._processes:
            if process.poll() is None:
                self.kill(process)
        self.context.app.close()
        self.context.database.close()

    def story(self) -> str:
        """The end of the Log and the last lines of every process, for a failed test's message."""
        lines = [
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:])
            for path in sorted(self.folder.glob("*.log"))
        ]
        return "\n".join([super().story(), *lines])

    def has_logged(self, text: str) -> bool:
        """Whether a process has said this."""
        return any(text in path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def _log_of(self, process: Process) -> Path:
        return self._logs[self._processes.index(process)]

    def _start(self, command: list[str], name: str, extra: Mapping[str, str]) -> Process:
        path = self.folder / f"{name}-{len(self._processes)}.log"
        self._logs.append(path)
        process = forked.start(command, os.environ | self.environment | dict(extra), path)
        self._processes.append(process)
        return process


@contextmanager
def deployment(broker_url: str, **options: Any) -> Iterator[Deployment]:
    """A deployment in a temporary folder, ended with the block."""
    with tempfile.TemporaryDirectory(prefix="rollcall-deployment-") as folder:
        made = Deployment(Path(folder), broker_url, **options)
        try:
            yield made
        finally:
            made.stop()
