"""Commands of Rollcall as processes of their own, forked from one that has imported everything already.

Most of the time that a process takes to start is the import of libraries: with a test that starts six of them it is
most of the test. From the first line of ``main`` to the end of the interpreter nothing else is shared; where a test is
about the start itself it starts ``python -m services.cli``.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

_START_SECONDS = 120
_END_SECONDS = 10


class Process:
    """One command, with the part of ``subprocess.Popen`` that tests use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.has_ended = threading.Event()

    def poll(self) -> int | None:
        """The exit code, negative for a signal; ``None`` while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code.

        :raises subprocess.TimeoutExpired: it still runs.
        """
        if not self.has_ended.wait(timeout) or self.returncode is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM to the process alone."""
        self.send_signal(signal.SIGTERM)


class _Parent:
    """The process that forks, and what it has told."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2], start_new_session=True,
            )  # fmt: skip
        self._socket = ours
        self._lines = ours.makefile("rw", encoding="utf-8")
        self._lock = threading.Lock()
        self._started: dict[int, Process] = {}
        self._answers: list[Process] = []
        self._has_answered = threading.Condition()
        threading.Thread(target=self._listen, name="forked processes", daemon=True).start()

    def start(self, request: Mapping[str, Any]) -> Process:
        """Fork; the child runs the command."""
        with self._lock:
            self._lines.write(json.dumps(request) + "\n")
            self._lines.flush()
            with self._has_answered:
                assert self._has_answered.wait_for(lambda: self._answers, _START_SECONDS), (
                    "nothing was forked"
                )
                return self._answers.pop()

    def close(self) -> None:
        """End it; nothing is forked afterwards."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait(_END_SECONDS)
        self._lines.close()
        self._socket.close()

    def _listen(self) -> None:
        for line in self._lines:
            told = json.loads(line)
            if "code" in told:
                process = self._started.pop(told["pid"])
                process.returncode = told["code"]
                process.has_ended.set()
                continue
            process = self._started[told["pid"]] = Process(told["pid"])
            with self._has_answered:
                self._answers.append(process)
                self._has_answered.notify()


@cache
def _parent() -> _Parent:
    return _Parent()


def start(
    arguments: Sequence[str], environment: Mapping[str, str], output: Path, folder: Path | None = None
) -> Process:
    """Start ``rollcall`` with these arguments, as the first of a process group of its own.

    ``output`` takes what it says, after what is there; ``folder`` is where it stands.
    """
    # At once, for whoever looks into it before the process has written anything.
    output.touch()
    return _parent().start(
        {
            "arguments": list(arguments),
            "environment": dict(environment),
            "output": str(output),
            "folder": str(folder or Path.cwd()),
        }
    )


def close() -> None:
    """End what ``start`` has needed; at the end of the session."""
    if _parent.cache_info().currsize:
        _parent().close()
        _parent.cache_clear()


# --- in the process that forks ---------------------------------------------------------------------------------


def _serve(channel: socket.socket) -> list[str]:
    """Fork for every request until nobody asks any more; returns in the children alone, with their arguments."""
    lines = channel.makefile("rw", encoding="utf-8")
    # A child's end interrupts the wait for the next request.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: _tell_of_the_dead(channel))
    for line in lines:
        request = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            lines.detach()
            channel.close()
            return _become(request)
        _tell(channel, pid=pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os._exit(0)


def _tell_of_the_dead(channel: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(channel, pid=pid, code=os.waitstatus_to_exitcode(status))


def _tell(channel: socket.socket, **fields: int) -> None:
    channel.sendall(json.dumps(fields).encode() + b"\n")


def _become(request: Mapping[str, Any]) -> list[str]:
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    arguments: list[str] = request["arguments"]
    sys.argv = ["rollcall", *arguments]
    return arguments


def _import_everything() -> None:
    for name in (
        "services.cli.main", "services.cli.processes", "services.api.app", "celery.apps.worker", "celery.apps.beat",
        "celery.concurrency.prefork", "kombu.transport.pyamqp", "celery.backends.redis", "shared.worker.redis_transport",
        "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg", "shared.worker.alive",
    ):  # fmt: skip
        import_module(name)
    from services.cli.deployment import import_tasks
    from tests.support import databases

    import_tasks()
    databases.spare_the_disk()
    assert threading.active_count() == 1, "a fork takes only this thread along"
    # Else the children's first collection would copy every page.
    gc.freeze()


if __name__ == "__main__":
    _import_everything()
    given = _serve(socket.socket(fileno=int(sys.argv[1])))
    from services.cli.main import main

    sys.exit(main(given))
