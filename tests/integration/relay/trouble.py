"""Hosts in trouble: a process that is frozen at a point, a user without root's rights, a disk that is small."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rollcall_relay.operations import Answer
from tests.support.forked import Process
from tests.support.tools import leave_out


def without_roots_rights() -> list[str]:
    """A prefix under which the modes of files count, even for root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--"]


def answer_of(process: Process) -> Answer:
    """What it printed in the end."""
    output, errors = process.communicate(timeout=60)
    assert output, errors
    answer: Answer = json.loads(output)
    return answer


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of that size at ``folder``."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        leave_out(f"needs the right to mount a small file system: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Use up the disk but for some bytes; the file that does."""
    status = os.statvfs(folder)
    path = folder / "ballast"
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, status.f_bavail * status.f_frsize - leave))
    return path
