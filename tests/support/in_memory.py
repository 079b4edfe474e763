"""Temporary files of the tests in memory, where the host has enough of it.

Most of what the tests do in the kernel is making and removing files: of a new PostgreSQL database for a test alone there
are three hundred. In memory that takes a third of the time. ``TMPDIR`` in the environment puts them elsewhere, to stay.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_PLACE = Path("/dev/shm")
# Short: the whole path of a socket has 108 bytes at most.
_PREFIX = "rollcall-"
# What a run of all tests may take, and what must be left for their processes.
_ROOM_BYTES, _MEMORY_KIB = 3 * 2**30, 6 * 2**20


def use() -> Callable[[], None]:
    """Have this process and those that it starts make temporary files in memory; returns what removes them all."""
    if "TMPDIR" in os.environ or not _is_fit():
        return lambda: None
    for left in _PLACE.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX)
        if owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    # PostgreSQL runs as another user than root.
    folder = _PLACE / f"{_PREFIX}{os.getpid()}"
    folder.mkdir(0o711)
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), None

    def _end() -> None:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)

    return _end


def _is_fit() -> bool:
    try:
        place = os.statvfs(_PLACE)
        memory = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
    except OSError:
        return False
    has_room = place.f_bavail * place.f_frsize >= _ROOM_BYTES
    is_memory = memory is not None and int(memory[1]) >= _MEMORY_KIB
    return has_room and is_memory and os.access(_PLACE, os.W_OK) and not place.f_flag & os.ST_NOEXEC
