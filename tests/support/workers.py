"""The processes of pytest-xdist that run the tests, forked from one that has imported all tests already.

To import them takes most of what a worker does before its first test: once instead of once for each. A worker is
forked before it is told anything; from there on it does what one does that xdist has started as a program.
"""

import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import execnet.gateway_io
import pytest
from _pytest.config import Config, _prepareconfig, apply_warning_filters
from execnet.gateway_base import Popen2IO
from execnet.xspec import XSpec

from tests.support import forked

_ROOT = Path(__file__).parents[2]


def fork_workers(config: pytest.Config) -> None:
    """Have xdist's next workers forked; where a worker is more than a process here, they are started as ever."""
    paths = [argument.partition("::")[0] for argument in config.args]

    def _create(spec: XSpec, execmodel: Any) -> Any:
        assert spec.popen, "only processes of this host are forked"
        return _Channel(paths, execmodel)

    execnet.gateway_io.create_io = _create


class _Channel(Popen2IO):
    """What execnet asks of a process at the other end of two pipes."""

    def __init__(self, paths: Sequence[str], execmodel: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="rollcall-worker-") as folder:
            to, back = Path(folder, "to"), Path(folder, "back")
            os.mkfifo(to)
            os.mkfifo(back)
            self._process = forked.start(
                [str(to)], os.environ, back, program=forked.TESTS, preload=paths, has_own_errors=False
            )
            # In the order in which the worker opens them: each waits for the other end.
            incoming = back.open("rb")
            super().__init__(to.open("wb"), incoming, execmodel)

    def wait(self) -> int:
        """Called by execnet when it has told the worker to end."""
        return self._process.wait()

    def kill(self) -> None:
        """Called by execnet for one that does not end."""
        self._process.kill()


# --- in the process that forks ---------------------------------------------------------------------------------


def import_tests(paths: Sequence[str]) -> None:
    """Import the tests in these files and folders as pytest would: with explained assertions, warnings as errors.

    What cannot be imported is left to the workers, which say why.
    """
    config = _prepareconfig([*paths, "--capture=no", "-p", "no:cacheprovider"])
    try:
        with warnings.catch_warnings():
            apply_warning_filters(config.getini("filterwarnings"), [])
            for name in sorted(_modules(paths, config)):
                try:
                    import_module(name)
                except (Exception, pytest.skip.Exception):
                    continue
    finally:
        config._ensure_unconfigure()


def _modules(paths: Sequence[str], config: Config) -> set[str]:
    found: set[Path] = set()
    for path in map(Path, paths):
        for pattern in config.getini("python_files"):
            found.update(path.rglob(pattern) if path.is_dir() else [path])
    inside = (file.absolute().relative_to(_ROOT) for file in found if file.absolute().is_relative_to(_ROOT))
    return {".".join(file.with_suffix("").parts) for file in inside if file.suffix == ".py"}


def main(arguments: Sequence[str]) -> int:
    """A worker: runs what the other end sends first, as execnet has a new Python do."""
    os.dup2(os.open(arguments[0], os.O_RDONLY), 0)
    sys.argv = ["-c"]
    with open(0, closefd=False) as incoming:
        line = incoming.readline()
    exec(eval(line), {"__name__": "__main__"})
    # To take everything apart takes long, and nobody needs it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
