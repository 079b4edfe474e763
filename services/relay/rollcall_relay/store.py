"""The archive store: one folder for each backup, ``<date>/<number>_<operation>``, complete from the moment it is there.

A backup is made in ``.incoming`` and given its name when every byte is on the disk. Its manifest says what is in
it, whose it was and the checksum of each file; ``summary.json`` beside it is small, for listing many.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rollcall_relay.errors import RelayError
from rollcall_relay.files import hash_file, sync_folder

MANIFEST, SUMMARY = "manifest.json", "summary.json"
_INCOMING = ".incoming"


@dataclass(frozen=True, slots=True)
class Store:
    """The store below one folder."""

    folder: Path

    def incoming(self, operation: str) -> Path:
        """Where the backup is made."""
        return self.folder / _INCOMING / operation

    def find(self, operation: str) -> Path | None:
        """The backup that the operation made. The id must have been checked (``names``)."""
        return next(iter(self.folder.glob(f"[0-9]*/[0-9]*_{operation}")), None)

    def publish(self, operation: str, number: str, taken_at: datetime) -> Path:
        """Give the complete backup its place among the others; on return it is there for good."""
        day = self.folder / taken_at.date().isoformat()
        day.mkdir(mode=0o700, exist_ok=True)
        target = day / f"{number}_{operation}"
        self.incoming(operation).rename(target)
        for folder in (day, self.folder, self.folder / _INCOMING):
            sync_folder(folder)
        return target

    def summaries(self) -> Iterator[dict[str, Any]]:
        """All backups, the newest day first."""
        for path in sorted(self.folder.glob(f"[0-9]*/[0-9]*_*/{SUMMARY}"), reverse=True):
            yield json.loads(path.read_text("utf-8"))

    def used_bytes(self) -> int:
        """The audio of all backups together."""
        return sum(int(summary["bytes"]) for summary in self.summaries())

    def expire(self, retention_days: int, today: date) -> list[str]:
        """Remove the backups that are older; their names. 0 days keeps all."""
        if not retention_days:
            return []
        oldest = (today - timedelta(days=retention_days)).isoformat()
        removed = []
        for folder in sorted(self.folder.glob("[0-9]*/[0-9]*_*")):
            if folder.parent.name < oldest:
                shutil.rmtree(folder)
                removed.append(folder.name)
        return removed

    def manifest(self, operation: str) -> tuple[Path, dict[str, Any]]:
        """The folder and the manifest of a backup.

        :raises RelayError: where there is none, or it was changed since.
        """
        folder = self.find(operation)
        if folder is None:
            raise RelayError("archive_unknown", f"The archive store {self.folder} has no backup {operation}.")
        try:
            summary = json.loads((folder / SUMMARY).read_bytes())
            if hash_file(folder / MANIFEST).sha256 != summary["manifest_sha256"]:
                raise ValueError("it is not the manifest that was written")
            return folder, json.loads((folder / MANIFEST).read_bytes())
        except (OSError, ValueError, KeyError) as error:
            raise RelayError(
                "manifest_invalid", f"The manifest of the backup in {folder} cannot be trusted: {error}."
            ) from error


def now() -> datetime:
    """The time of a backup."""
    return datetime.now(UTC)
