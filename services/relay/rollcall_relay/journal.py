"""The journal of one operation: a file of JSON lines, each on the disk before the operation goes on.

A line that was cut off by a crash counts as not written. Written by one process at a time (``operations`` holds the lock).
"""

import json
import os
from pathlib import Path
from typing import Any

from rollcall_relay.files import sync_folder

Json = dict[str, Any]


class Journal:
    """Appends entries; each kind of entry is written at most once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: dict[str, Json] = {}
        self._length = 0
        if path.exists():
            self._read()

    @property
    def operation(self) -> str:
        """The id of the operation."""
        return self.path.stem

    def get(self, kind: str) -> Json | None:
        """The entry of that kind, if it was written."""
        return self._entries.get(kind)

    def write(self, kind: str, entry: Json) -> Json:
        """Append the entry; on return it survives a power failure.

        :raises OSError: when the disk refuses; the entry then counts as not written.
        """
        line = json.dumps({"kind": kind, "entry": entry}).encode() + b"\n"
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # What a crash or a full disk left of an earlier line is cut off first.
            os.ftruncate(descriptor, self._length)
            os.lseek(descriptor, self._length, os.SEEK_SET)
            view = memoryview(line)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync_folder(self.path.parent)
        self._length += len(line)
        self._entries[kind] = entry
        return entry

    def _read(self) -> None:
        for line in self.path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            try:
                document = json.loads(line)
            except ValueError:
                break
            self._entries[document["kind"]] = document["entry"]
            self._length += len(line)
