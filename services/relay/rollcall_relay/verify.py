"""Proves a finished operation again from the disk and the database: every checksum, every row. Reads only."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rollcall_relay.changes import Kind
from rollcall_relay.errors import Problem, RelayError, file_problem
from rollcall_relay.files import hash_file
from rollcall_relay.holdings import holdings_of
from rollcall_relay.host import Host
from rollcall_relay.inventory import WORKERS
from rollcall_relay.journal import Journal
from rollcall_relay.names import checked_relative
from rollcall_relay.requests import Request, Work
from rollcall_relay.store import Store
from rollcall_relay.transfer import Transfer

Expected = tuple[str, Path, str]
"""A label, the file and the checksum it must have."""


def verify_transfer(host: Host, request: Request, journal: Journal) -> dict[str, Any]:
    """Look again at what an archive or a restore moved, and whether anything arrived at the source since."""
    transfer = Transfer(journal, host.database, host.settings, _no_plan)
    moved = list(transfer.moved())
    plan = transfer.plan
    problems = list(
        _check_files(
            (part.label, plan.target(part), copied.sha256) for part, copied in moved if copied is not None
        )
    )
    changes = [(part, change) for part, _ in moved for change in part.changes]
    made = host.database.is_made([change for _, change in changes])
    problems += [
        Problem("row_missing", part.label, "The database no longer shows it at its new place.")
        for (part, _), is_made in zip(changes, made, strict=True)
        if not is_made
    ]
    left = holdings_of(host, request.number, request.kinds) if request.kind is Work.ARCHIVE else None
    if left is not None and left.items:
        problems.append(
            Problem(
                "left_behind",
                request.number,
                f"Extension {request.number} has {len(left.items)} items that were not moved. Archive again.",
            )
        )
    earlier = (journal.get("finished") or {}).get("problems", [])
    return _answer(sum(copied is not None for _, copied in moved), problems, earlier)


def verify_backup(store: Store, operation: str) -> dict[str, Any]:
    """Look again at every file of a backup.

    :raises RelayError: where the backup or its manifest is gone.
    """
    folder, manifest = store.manifest(operation)
    files = [entry for entry in manifest["items"] if entry["sha256"] is not None]
    expected = (
        (entry["file"], folder / Kind(entry["kind"]) / checked_relative(entry["file"]), entry["sha256"])
        for entry in files
    )
    return _answer(len(files), list(_check_files(expected)), manifest["problems"])


def _check_files(expected: Iterable[Expected]) -> Iterable[Problem]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return [problem for problem in pool.map(_check_file, expected) if problem is not None]


def _check_file(expected: Expected) -> Problem | None:
    label, path, sha256 = expected
    try:
        found = hash_file(path).sha256
    except OSError as error:
        return file_problem(error, label)
    if found != sha256:
        return Problem("checksum_differs", label, f"{path} is not what was stored there.")
    return None


def _answer(items: int, problems: list[Problem], earlier: list[dict[str, Any]]) -> dict[str, Any]:
    found = earlier + [problem.as_json() for problem in problems]
    return {
        "items": items,
        "verified": not any(problem["is_blocking"] for problem in found),
        "problems": found,
    }


def _no_plan() -> Any:
    raise RelayError("operation_unknown", "That operation moved nothing, so there is nothing to verify.")
