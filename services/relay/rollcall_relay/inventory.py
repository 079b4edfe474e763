"""Counts, bytes and checksums of what an extension has. Reads only."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rollcall_relay.changes import Kind
from rollcall_relay.errors import Problem, file_problem
from rollcall_relay.files import hash_file
from rollcall_relay.holdings import Holding, holdings_of
from rollcall_relay.host import Host

WORKERS = 4
"""Files read or copied at once: enough to keep a disk busy while checksums are computed."""


def take_inventory(host: Host, number: str, kinds: frozenset[Kind]) -> dict[str, Any]:
    """For each kind the number of items, their bytes and one checksum over all; problems by item.

    :raises RelayError: where the folders or the database cannot be read.
    """
    holdings = holdings_of(host, number, kinds)
    problems = list(holdings.problems)
    with ThreadPoolExecutor(WORKERS) as pool:
        sums = list(pool.map(lambda item: _sum(host, number, item), holdings.items))
    answer: dict[str, Any] = {}
    for kind in sorted(kinds):
        proven = []
        for item, sha256 in zip(holdings.items, sums, strict=True):
            if item.kind is not kind:
                continue
            if isinstance(sha256, Problem):
                problems.append(sha256)
            elif item.file is not None:
                proven.append((item.file, item.size, sha256))
        answer[kind] = {
            "items": len(proven),
            "bytes": sum(size for _, size, _ in proven),
            "rows": sum(len(item.rows) for item in holdings.items if item.kind is kind),
            "sha256": total_checksum(sha256 for _, _, sha256 in proven),
        }
    return answer | {"problems": [problem.as_json() for problem in problems]}


def total_checksum(sums: Iterable[str]) -> str:
    """One checksum for many files, whatever their names and order: the SHA-256 over their sorted SHA-256s."""
    return hashlib.sha256("\n".join(sorted(sums)).encode()).hexdigest()


def _sum(host: Host, number: str, item: Holding) -> str | Problem:
    if item.file is None:
        return ""
    try:
        return hash_file(host.layout.folders[item.kind] / number / item.file).sha256
    except OSError as error:
        return file_problem(error, item.file)
