"""The file system: listing without following links, copying with proof, placing without overwriting.

Knows nothing of 3CX. Nothing here removes a file except ``unlink_unchanged`` and ``unlink_same``, which look first.
"""

import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1024 * 1024
Signature = tuple[int, int, int]
"""Inode, size and time of change (ns): as long as these are the same, so is the content."""


@dataclass(frozen=True, slots=True)
class Copied:
    """One proven copy: the bytes on the disk were read back and had this checksum."""

    sha256: str
    size: int
    inode: int


class StillChanging(Exception):
    """The file changed while it was copied, or so short a time ago that it may still be in use."""


def signature_of(status: os.stat_result) -> Signature:
    """What tells that a file is still the same."""
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def signature_at(path: Path) -> Signature | None:
    """The signature of the regular file at ``path``; None where there is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return signature_of(status) if stat.S_ISREG(status.st_mode) else None


def list_files(folder: Path) -> tuple[dict[str, Signature], list[str]]:
    """All regular files below a folder by relative name, and the entries that are neither file nor folder.

    Links are not followed, not even where the folder itself is one. A folder that is not there is empty.

    :raises OSError: where a folder cannot be read: half a list would be taken for all of it.
    """
    files: dict[str, Signature] = {}
    strange: list[str] = []
    if folder.is_symlink():
        return files, [folder.name]
    pending = [(folder, "")]
    while pending:
        current, prefix = pending.pop()
        try:
            entries = list(os.scandir(current))
        except FileNotFoundError:
            continue
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                pending.append((Path(entry.path), name + "/"))
            elif entry.is_file(follow_symlinks=False):
                try:
                    files[name] = signature_of(entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue
            else:
                strange.append(name)
    return files, strange


def hash_file(path: Path) -> Copied:
    """The checksum of a file as it is on the disk now.

    :raises OSError: where it cannot be read, or is a link.
    """
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        buffer = memoryview(bytearray(_BLOCK))
        while count := os.readv(descriptor, [buffer]):
            digest.update(buffer[:count])
            size += count
        return Copied(digest.hexdigest(), size, os.fstat(descriptor).st_ino)
    finally:
        os.close(descriptor)


def copy_proven(source: Path, target: Path, settle_seconds: float, on_block: Callable[[], None]) -> Copied:
    """Copy a regular file to a new one, with owner, mode and times; force it to the disk and read it back.

    :raises StillChanging: where the source is not at rest.
    :raises OSError: where reading or writing fails, or what was read back differs (EIO).
    """
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        before = os.fstat(reading)
        if not stat.S_ISREG(before.st_mode):
            raise StillChanging
        _wait_until_at_rest(before, settle_seconds)
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            sha256, size = _pump(reading, writing, on_block)
            _take_over(before, writing)
            os.fsync(writing)
            inode = os.fstat(writing).st_ino
        finally:
            os.close(writing)
        if signature_of(os.fstat(reading)) != signature_of(before) or size != before.st_size:
            raise StillChanging
    finally:
        os.close(reading)
    if hash_file(target) != (copied := Copied(sha256, size, inode)):
        raise OSError(5, "the copy read back differs from what was written", str(target))
    return copied


def _wait_until_at_rest(status: os.stat_result, settle_seconds: float) -> None:
    age = time.time() - status.st_mtime
    # A time in the future (a clock that was wrong) says nothing; such a file is only watched while it is copied.
    if 0 <= age < settle_seconds:
        time.sleep(settle_seconds - age)


def _pump(reading: int, writing: int, on_block: Callable[[], None]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(_BLOCK))
    while count := os.readv(reading, [buffer]):
        block = buffer[:count]
        digest.update(block)
        while block:
            block = block[os.write(writing, block) :]
        size += count
        on_block()
    return digest.hexdigest(), size


def _take_over(status: os.stat_result, writing: int) -> None:
    written = os.fstat(writing)
    if (written.st_uid, written.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(writing, status.st_uid, status.st_gid)
    os.fchmod(writing, stat.S_IMODE(status.st_mode))
    os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))


def make_folder(folder: Path, like: Path) -> None:
    """Make a folder and its missing parents, with the owner and the mode of ``like``; on the disk when done.

    :raises OSError: where it cannot be made, or something else has the name.
    """
    if folder.is_symlink():
        raise NotADirectoryError(20, "a link is in the place of a folder", str(folder))
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent, like)
    folder.mkdir(exist_ok=True)
    status = like.stat()
    made = folder.stat()
    if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
        os.chown(folder, status.st_uid, status.st_gid)
    folder.chmod(stat.S_IMODE(status.st_mode))
    sync_folder(folder.parent)


def place(staged: Path, target: Path) -> bool:
    """Give the staged file its final name without ever replacing another file; False where the name is taken.

    Placing again what was placed already succeeds: the name then leads to the very same file.
    """
    try:
        target.hardlink_to(staged)
    except FileExistsError:
        return is_same(staged, target)
    return True


def is_same(one: Path, other: Path) -> bool:
    """Both names lead to one file, and neither is a link."""
    ours, theirs = signature_at(one), signature_at(other)
    return ours is not None and ours == theirs


def unlink_same(staged: Path, target: Path) -> None:
    """Take back :func:`place`; any other file at ``target`` stays."""
    if is_same(staged, target):
        target.unlink()


def unlink_unchanged(path: Path, signature: Signature) -> bool:
    """Remove the file if it is still the one with that signature; True when it is gone."""
    found = signature_at(path)
    if found is None:
        return not os.path.lexists(path)
    if found != signature:
        return False
    path.unlink()
    return True


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write at ``folder``, or at its nearest parent that exists."""
    while not folder.exists():
        folder = folder.parent
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
