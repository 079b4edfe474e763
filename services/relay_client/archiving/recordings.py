"""Keeps recordings of an extension that is to go: downloaded through XAPI, read back, compared, with a manifest.

For sites without a relay. A store is there whole or not at all: files are written beside it and renamed in the end.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.relay_client.xapi.client import Xapi
from shared.errors import ArchiveNotVerified, CommandRejected, StorageUnavailable
from shared.language import phrase

_MANIFEST = "manifest.json"
# Never used up: the database may lie on the same disk.
_RESERVE_BYTES = 512 * 1024 * 1024
_NO_FILE = "FILE_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class StoredRecordings:
    """What is in the store. ``missing`` are the ids of recordings that 3CX lists without having a file."""

    folder: Path
    items: int
    size_bytes: int
    missing: tuple[int, ...] = ()


def store_recordings(
    xapi: Xapi, store: Path, operation: str, number: str, person: str
) -> StoredRecordings:  # fmt: skip
    """Every recording that the extension took part in, in a folder of this operation; done once.

    :raises StorageUnavailable: the folder cannot be written, or the disk is nearly full; nothing is left behind.
    :raises ArchiveNotVerified: a file is not what was sent, or new recordings came meanwhile.
    :raises RollcallError: as ``Xapi``; recordings need the role System Owner.
    """
    name = f"{number}_{operation}"
    try:
        folder = next(store.glob(f"*_{name}"), None) or _fill(xapi, store, name, number, person)
        return _verified(folder)
    except OSError as error:
        raise StorageUnavailable(
            phrase(
                "The recordings of extension {number} cannot be stored in {store}: {reason}. Nothing was "
                "deleted.",
                number=number,
                store=store,
                reason=error.strerror or error,
            )
        ) from error


def _fill(xapi: Xapi, store: Path, name: str, number: str, person: str) -> Path:
    stored_at = datetime.now(UTC)
    folder, unfinished = store / f"{stored_at:%Y-%m-%d}_{name}", store / f".{name}"
    # Of a worker that was killed in the middle.
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        rows = xapi.recordings(number)
        items = [_download(xapi, unfinished, row) for row in rows]
        if {row["Id"] for row in xapi.recordings(number)} != {row["Id"] for row in rows}:
            raise ArchiveNotVerified(
                phrase(
                    "The recordings of extension {number} changed while they were downloaded. The next run tries "
                    "again.",
                    number=number,
                )
            )
        manifest = {
            "number": number,
            "person": person,
            "stored_at": stored_at.isoformat(),
            "items": items,
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
        _write(unfinished / _MANIFEST, [text])
        unfinished.rename(folder)
        _sync(store)
        return folder
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _download(xapi: Xapi, folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    name = f"recording_{int(row['Id'])}.wav"
    item = {"recording": row, "file": name, "bytes": 0, "sha256": None}
    try:
        with xapi.recording(int(row["Id"])) as blocks:
            size, digest = _write(folder / name, _while_there_is_room(folder, blocks))
    except CommandRejected as refused:
        if _NO_FILE not in str(refused.details.get("warning")):
            raise
        with suppress(FileNotFoundError):
            (folder / name).unlink()
        return item | {"file": None}
    return item | {"bytes": size, "sha256": digest}


def _verified(folder: Path) -> StoredRecordings:
    """The store as it lies on the disk, every byte read again."""
    items = json.loads((folder / _MANIFEST).read_bytes())["items"]
    kept = [item for item in items if item["file"] is not None]
    for item in kept:
        with (folder / item["file"]).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != item["sha256"]:
                raise ArchiveNotVerified(
                    phrase(
                        "{folder} does not match the download. Delete the folder. The next run downloads it again.",
                        folder=folder / item["file"],
                    )
                )
    missing = tuple(int(item["recording"]["Id"]) for item in items if item["file"] is None)
    return StoredRecordings(folder, len(kept), sum(item["bytes"] for item in kept), missing)


def _while_there_is_room(folder: Path, blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        if shutil.disk_usage(folder).free - len(block) < _RESERVE_BYTES:
            raise OSError(
                0,
                phrase(
                    "less than {reserve_bytes} MiB would be free", reserve_bytes=_RESERVE_BYTES // 1024**2
                ),
                str(folder),
            )
        yield block


def _write(path: Path, blocks: Iterable[bytes]) -> tuple[int, str]:
    """Size and SHA-256 of what was sent; forced to the disk."""
    size, digest = 0, hashlib.sha256()
    with path.open("xb") as file:
        for block in blocks:
            file.write(block)
            size += len(block)
            digest.update(block)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
