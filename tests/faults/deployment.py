"""A whole Rollcall as separate processes on a real Redis, whose workers a test may kill at any moment."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from services.api.use_cases import runs, settings
from shared import encryption
from shared.database.engine import Database
from shared.database.migrate import migrate
from shared.database.tables import CommandRow, Run, RunKind, RunState
from shared.encryption import new_key
from shared.settings.process import load
from shared.worker.app import create_app
from shared.worker.context import Context
from shared.worker.queues import Queue

ENDED = {RunState.IN_STEP, RunState.DONE, RunState.FAILED, RunState.CANCELLED}
WAITING = {RunState.PLANNED, RunState.HELD}
SITE = "default"


def wait_until(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    """Poll a condition of another process; nothing signals it to us."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)


class Deployment:
    """Database, broker address and the processes started so far."""

    def __init__(
        self, folder: Path, redis_url: str, *, lease_seconds: float = 3, sweep_seconds: float = 1
    ) -> None:
        self.folder = folder
        self.environment = {
            "ROLLCALL_DATA": str(folder),
            "ROLLCALL_BROKER_URL": redis_url,
            "ROLLCALL_RESULT_BACKEND_URL": redis_url,
            "ROLLCALL_SECRET_KEY": new_key(),
            "ROLLCALL_LEASE_SECONDS": str(lease_seconds),
            "ROLLCALL_SWEEP_SECONDS": str(sweep_seconds),
            "ROLLCALL_TICK_SECONDS": "5",
            "ROLLCALL_LOG_LEVEL": "info",
        }
        process_settings = load(self.environment)
        database = Database(process_settings.effective_database_url)
        migrate(database)
        self.context = Context(
            create_app(process_settings), process_settings, database, encryption.load(process_settings)
        )
        self._processes: list[subprocess.Popen[bytes]] = []

    def configure(self, sections: Mapping[str, Mapping[str, Any]]) -> None:
        """Apply settings as an administrator would."""
        settings.apply_settings(self.context, SITE, sections, actor="test")

    def start_worker(
        self, queues: Sequence[Queue] = tuple(Queue), module: str = "services.cli", **extra: str
    ) -> subprocess.Popen[bytes]:
        """A worker process of its own process group, so that killing it kills its children too."""
        named = [part for queue in queues for part in ("--queue", queue.value)]
        return self._start(
            [sys.executable, "-m", module, "worker", "--concurrency", "2", *named], "worker", extra
        )

    def start_beat(self) -> subprocess.Popen[bytes]:
        """The process that publishes tick and sweep."""
        return self._start([sys.executable, "-m", "services.cli", "beat"], "beat", {})

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """``kill -9`` of the process and its children; returns when they are gone."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End everything that was started."""
        for process in self._processes:
            if process.poll() is None:
                self.kill(process)
        self.context.database.close()

    def start_run(self, kind: RunKind = RunKind.FULL) -> int:
        """Start a run on demand; its id."""
        return runs.start(self.context, SITE, kind, actor="test").id

    def run(self, run_id: int) -> Run:
        """The run as it stands."""
        with self.context.database.read() as session:
            return session.get_one(Run, run_id)

    def commands(self, run_id: int) -> list[CommandRow]:
        """The run's commands in order."""
        with self.context.database.read() as session:
            return list(
                session.scalars(
                    select(CommandRow).where(CommandRow.run_id == run_id).order_by(CommandRow.sequence)
                )
            )

    def wait_for(self, run_id: int, states: set[RunState], seconds: float = 60) -> Run:
        """Wait until the run is in one of the states."""
        try:
            wait_until(f"run {run_id} in {sorted(states)}", lambda: self.run(run_id).state in states, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it is {self.run(run_id).state}.\n{self.logs()}") from error
        return self.run(run_id)

    def approve(self, run_id: int) -> None:
        """Approve the run's plan as it stands."""
        runs.approve(self.context, run_id, self.run(run_id).plan_hash or "", actor="test")

    def finish(self, run_id: int, seconds: float = 60) -> Run:
        """Wait for the plan, approve it when held, and wait for the end."""
        run = self.wait_for(run_id, ENDED | WAITING | {RunState.EXECUTING}, seconds)
        if run.state in WAITING:
            self.approve(run_id)
        return self.wait_for(run_id, ENDED, seconds)

    def logs(self) -> str:
        """The last lines of every process, for a failed test's message."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:])
            for path in sorted(self.folder.glob("*.log"))
        )

    def _start(self, command: list[str], name: str, extra: Mapping[str, str]) -> subprocess.Popen[bytes]:
        path = self.folder / f"{name}-{len(self._processes)}.log"
        with path.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=os.environ | self.environment | dict(extra),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._processes.append(process)
        return process


@contextmanager
def deployment(redis_url: str, **options: Any) -> Iterator[Deployment]:
    """A deployment in a temporary folder, ended with the block."""
    with tempfile.TemporaryDirectory() as folder:
        made = Deployment(Path(folder), redis_url, **options)
        try:
            yield made
        finally:
            made.stop()
