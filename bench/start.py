"""How long commands take that do next to nothing: the start of Python and the import of what each needs."""

import os
import resource
import subprocess
import sys
import tempfile
from functools import partial

from bench.report import Figure

GOAL_SECONDS = 0.6
# What says something of the program alone; the others open a database first.
_BARE = (["--version"], ["--help"])
_OTHERS = (["settings", "describe"], ["log"], ["runs"])


def measure() -> list[Figure]:
    """Processor time, the best of five, beside that of ``python -c pass`` and against 0.6 s."""
    bare = _best([sys.executable, "-c", "pass"])
    with tempfile.TemporaryDirectory() as folder:
        rollcall = [sys.executable, "-m", "services.cli", "--data", folder]
        # The first command on a folder makes its database.
        subprocess.run([*rollcall, "runs"], check=True, capture_output=True)
        figures = []
        for arguments in (*_BARE, *_OTHERS):
            seconds = _best([*rollcall, *arguments])
            goal = 1.0 if arguments in _BARE else None
            told = f"python -c pass: {bare:.3f} s, so {seconds / bare:.0f} times as long"
            figures.append(Figure(f"rollcall {' '.join(arguments)}", seconds, GOAL_SECONDS, goal, told))
        return figures


def _best(command: list[str]) -> float:
    return min(map(partial(_processor_seconds, command), range(5)))


def _processor_seconds(command: list[str], _again: int) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
