"""Commands of Rollcall as processes of their own, forked from one that has imported everything already.

Most of the time that a process takes to start is the import of libraries: with a test that starts six of them it is
most of the test. From the first line of ``main`` to the end of the interpreter nothing else is shared; where a test is
about the start itself it starts ``python -m services.cli``.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROLLCALL, RELAY, TESTS = "services.cli.main", "rollcall_relay.__main__", "tests.support.workers"

_START_SECONDS = 120
_END_SECONDS = 10


class Process:
    """One command, with the part of ``subprocess.Popen`` that tests use."""

    def __init__(self, pid: int, output: Path, errors: Path) -> None:
        self.pid = pid
        self.output, self.errors = output, errors
        self.returncode: int | None = None
        self.has_ended = threading.Event()
        self.has_stopped = threading.Event()

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

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; what it wrote, and its errors.

        :raises subprocess.TimeoutExpired: it still runs.
        """
        self.wait(timeout)
        return self.output.read_text(encoding="utf-8"), self.errors.read_text(encoding="utf-8")

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM to the process alone."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the process alone."""
        self.send_signal(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP, and wait until no thread runs any more: on a busy machine the others go on until the one that was
        given the signal has its turn.
        """
        self.has_stopped.clear()
        self.send_signal(signal.SIGSTOP)
        self.wait_until_stopped()

    def wait_until_stopped(self, timeout: float = 60) -> None:
        """Wait until it has been stopped, by itself or by somebody; it must not have ended instead."""
        assert self.has_stopped.wait(timeout), f"process {self.pid} was not stopped: {self.returncode}"


class _Parent:
    """The process that forks, and what it has told."""

    def __init__(self, program: str, prefix: Sequence[str], preload: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, "-m", __name__, str(theirs.fileno()), program, *preload],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2], start_new_session=True,
            )  # fmt: skip
        self._socket = ours
        self._lines = ours.makefile("rw", encoding="utf-8")
        self._lock = threading.Lock()
        self._started: dict[int, Process] = {}
        self._starting: Process
        self._has_answered = threading.Semaphore(0)
        threading.Thread(target=self._listen, name="forked processes", daemon=True).start()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, output: Path,
              errors: Path, has_own_errors: bool) -> Process:  # fmt: skip
        """Fork; the child runs the command."""
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder),
                   "output": str(output), "errors": str(errors) if has_own_errors else ""}  # fmt: skip
        with self._lock:
            process = self._starting = Process(0, output, errors)
            self._lines.write(json.dumps(request) + "\n")
            self._lines.flush()
            assert self._has_answered.acquire(timeout=_START_SECONDS), "nothing was forked"
            return process

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
            if "stopped_by" in told:
                self._started[told["pid"]].has_stopped.set()
                continue
            self._starting.pid = told["pid"]
            self._started[told["pid"]] = self._starting
            self._has_answered.release()


_parents: dict[tuple[str, ...], _Parent] = {}
_parents_lock = threading.Lock()


def start(
    arguments: Sequence[str], environment: Mapping[str, str], output: Path, folder: Path | None = None, *,
    errors: Path | None = None, has_own_errors: bool = True, program: str = ROLLCALL, prefix: Sequence[str] = (),
    preload: Sequence[str] = (),
) -> Process:  # fmt: skip
    """Start a program with these arguments, as the first of a process group of its own.

    ``output`` takes what it says, after what is there, and its errors where no other file is given for them; with
    ``has_own_errors`` false these go where this process's go. ``folder`` is where it stands; ``prefix`` the command that
    starts it with fewer rights. ``preload`` is what else the process imports that forks it, when it is the first.
    """
    # At once, for whoever looks into it before the process has written anything.
    output.touch()
    with _parents_lock:
        if (program, *prefix) not in _parents:
            _parents[program, *prefix] = _Parent(program, prefix, preload)
        parent = _parents[program, *prefix]
    return parent.start(
        arguments, environment, folder or Path.cwd(), output, errors or output, has_own_errors
    )


def close() -> None:
    """End what ``start`` has needed; at the end of the session."""
    for parent in _parents.values():
        parent.close()
    _parents.clear()


# --- in the process that forks ---------------------------------------------------------------------------------


def _serve(channel: socket.socket) -> list[str]:
    """Fork for every request until nobody asks any more; returns in the children alone, with their arguments."""
    lines = channel.makefile("rw", encoding="utf-8")
    signals, noted = socket.socketpair()
    noted.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    # Not in the handler: Python calls it no more for a signal that comes just before it waits again.
    signal.set_wakeup_fd(noted.fileno(), warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([channel, signals], [], [])
        if signals in ready:
            signals.recv(4096)
            _tell_of_the_dead(channel)
        if channel not in ready:
            continue
        line = lines.readline()
        if not line:
            os._exit(0)
        request = json.loads(line)
        if os.fork() == 0:
            # Told when it leads a group: whoever kills the group before there is one would wait for its end for ever.
            os.setsid()
            _tell(channel, pid=os.getpid())
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signals.close()
            noted.close()
            lines.detach()
            channel.close()
            return _become(request)


def _tell_of_the_dead(channel: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if os.WIFSTOPPED(status):
            _tell(channel, pid=pid, stopped_by=os.WSTOPSIG(status))
        else:
            _tell(channel, pid=pid, code=os.waitstatus_to_exitcode(status))


def _tell(channel: socket.socket, **fields: int) -> None:
    channel.sendall(json.dumps(fields).encode() + b"\n")


def _become(request: Mapping[str, Any]) -> list[str]:
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for place, number in (("output", 1), ("errors", 2)):
        if not request[place]:
            continue
        opened = os.open(request[place], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    arguments: list[str] = request["arguments"]
    sys.argv = ["rollcall", *arguments]
    return arguments


def _import_tests() -> None:
    import_module(TESTS).import_tests(sys.argv[3:])


def _import_relay() -> None:
    for name in ("rollcall_relay.serving", "rollcall_relay.self_test", "psycopg", "uvicorn.loops.auto"):
        import_module(name)


def _import_rollcall() -> None:
    for name in (
        "services.cli.processes", "services.api.app", "celery.apps.worker", "celery.apps.beat",
        "celery.concurrency.prefork", "kombu.transport.pyamqp", "celery.backends.redis", "shared.worker.redis_transport",
        "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg", "shared.worker.alive",
    ):  # fmt: skip
        import_module(name)
    from services.cli.deployment import import_tasks
    from tests.support import databases

    import_tasks()
    databases.spare_the_disk()


_IMPORTS = {ROLLCALL: _import_rollcall, RELAY: _import_relay, TESTS: _import_tests}

if __name__ == "__main__":
    asked_for = sys.argv[2]
    started = import_module(asked_for)
    _IMPORTS[asked_for]()
    assert threading.active_count() == 1, "a fork takes only this thread along"
    # Else the children's first collection would copy every page.
    gc.freeze()
    given = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(started.main(given))
