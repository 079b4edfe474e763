"""Copies many files at once, each proven, and sorts what can go wrong into problems of one file and ends of all."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rollcall_relay.errors import Problem, disk_full, file_problem, is_disk_full
from rollcall_relay.files import Copied, StillChanging, copy_proven, free_bytes
from rollcall_relay.inventory import WORKERS

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Copy:
    """One file to copy. ``sha256`` is what it must have, where that is known."""

    label: str
    source: Path
    target: Path
    sha256: str | None = None


def copy_all(
    copies: Iterable[Copy], settle_seconds: float, on_block: Callable[[], None]
) -> list[Copied | Problem]:
    """Copy them; for each the proof, or why it was left. The folders of the targets exist.

    :raises RelayError: ``disk_full``. What was copied until then is the caller's to remove.
    """
    pool = ThreadPoolExecutor(WORKERS)
    try:
        return list(pool.map(lambda copy: _copy(copy, settle_seconds, on_block), copies))
    finally:
        pool.shutdown(cancel_futures=True)


def check_space(wanted: Iterable[tuple[Path, int]], reserve_bytes: int) -> None:
    """See that each disk has room for the bytes that are to go to its folders.

    :raises RelayError: ``disk_full``.
    """
    sums: dict[int, tuple[Path, int]] = {}
    for folder, size in wanted:
        disk = _existing(folder).stat().st_dev
        sums[disk] = (folder, sums.get(disk, (folder, 0))[1] + size)
    for folder, size in sums.values():
        if size and size + reserve_bytes > free_bytes(folder):
            raise disk_full(folder)


def _copy(copy: Copy, settle_seconds: float, on_block: Callable[[], None]) -> Copied | Problem:
    try:
        for _ in range(_TRIES):
            try:
                copied = copy_proven(copy.source, copy.target, settle_seconds, on_block)
            except StillChanging:
                copy.target.unlink(missing_ok=True)
                continue
            break
        else:
            return _in_use(copy)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(copy.target.parent) from error
        copy.target.unlink(missing_ok=True)
        return file_problem(error, copy.label)
    if copy.sha256 is not None and copied.sha256 != copy.sha256:
        copy.target.unlink()
        return Problem(
            "checksum_differs", copy.label, f"{copy.source} is not what was stored; it was left alone."
        )
    return copied


def _in_use(copy: Copy) -> Problem:
    return Problem(
        "file_changing",
        copy.label,
        "The file changed while it was copied and was left at its place. Try again.",
    )


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
