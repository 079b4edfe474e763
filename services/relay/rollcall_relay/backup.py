"""Copies everything an extension has into the archive store; the phone system is only read."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from rollcall_relay import faults
from rollcall_relay.changes import Kind
from rollcall_relay.errors import Problem, RelayError, disk_full, is_disk_full
from rollcall_relay.files import Copied, hash_file, signature_at, sync_folder
from rollcall_relay.holdings import Holding, Holdings, holdings_of
from rollcall_relay.host import Host
from rollcall_relay.inventory import total_checksum
from rollcall_relay.journal import Journal
from rollcall_relay.requests import Request
from rollcall_relay.staging import Copy, check_space, copy_all
from rollcall_relay.store import MANIFEST, SUMMARY, Store, now

_RECORDING_NAME = re.compile(r"(?:\[(?P<name>.*)\]_)?(?P<from>[^_-]+)-(?P<to>[^_]+)_(?P<time>[0-9]{14})\(")
_VOICEMAIL_PARTIES = {"from": "caller", "from_name": "caller_name", "to": "callee"}
_RECORDING_TIMES = ("start_time", "end_time")


def back_up(host: Host, request: Request, journal: Journal) -> dict[str, Any]:
    """Make the backup; made again under the same operation it is only looked up.

    :raises RelayError: no backup was made.
    """
    store = Store(Path(host.settings.store_folder))
    operation = journal.operation
    _make_store(store)
    folder = store.find(operation)
    if folder is None:
        faults.reach("planned")
        incoming = store.incoming(operation)
        shutil.rmtree(incoming, ignore_errors=True)
        try:
            summary = _fill(host, request, operation, incoming)
            folder = store.publish(operation, request.number, now())
        except BaseException as error:
            shutil.rmtree(incoming, ignore_errors=True)
            if isinstance(error, OSError):
                if is_disk_full(error):
                    raise disk_full(store.folder) from error
                raise _not_writable(store, error) from error
            raise
        faults.reach("published")
    else:
        summary = json.loads((folder / SUMMARY).read_bytes())
    return {kind: summary[kind] for kind in sorted(request.kinds)} | {
        "archive": operation, "folder": str(folder), "verified": summary["verified"],
        "problems": summary["problems"], "manifest_sha256": summary["manifest_sha256"],
    }  # fmt: skip


def _make_store(store: Store) -> None:
    try:
        store.incoming("x").parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(store, error) from error


def _fill(host: Host, request: Request, operation: str, incoming: Path) -> dict[str, Any]:
    taken_at = now()
    store = Store(Path(host.settings.store_folder))
    expired = store.expire(host.settings.retention_days, taken_at.date())
    holdings = holdings_of(host, request.number, request.kinds, accept_missing=request.accept_missing)
    items = [item for item in holdings.items if item.file is not None]
    size = sum(item.size for item in items)
    check_space([(incoming, size)], host.settings.reserve_bytes)
    quota = host.settings.quota_bytes
    if quota and store.used_bytes() + size > quota:
        raise RelayError(
            "quota_exceeded",
            f"The archive store {store.folder} may hold {quota} bytes, and this backup of {size} would go beyond. "
            "Raise quota_mib or shorten retention_days in the relay's settings.",
        )
    for item in items:
        (incoming / item.kind / str(item.file)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    incoming.mkdir(mode=0o700, exist_ok=True)
    copies = [
        Copy(
            item.label, host.layout.folders[item.kind] / request.number / str(item.file),
            incoming / item.kind / str(item.file),
        )
        for item in items
    ]  # fmt: skip
    results = copy_all(copies, host.settings.settle_seconds, lambda: faults.reach("copying"))
    faults.reach("copied")
    problems = list(holdings.problems)
    described: list[dict[str, Any]] = [_described(item, None) for item in holdings.items if item.file is None]
    for item, copy, result in zip(items, copies, results, strict=True):
        if isinstance(result, Problem):
            problems.append(result)
        elif signature_at(copy.source) != item.signature:
            problems.append(
                Problem("file_changing", item.label, "The file changed while the backup was made. Try again.")
            )
            copy.target.unlink()
        else:
            described.append(_described(item, result))
    owner = host.database.owner(request.number) or {}
    person = request.person or " ".join(filter(None, (owner.get("firstname"), owner.get("lastname"))))
    head = {
        "version": 1, "archive": operation, "number": request.number, "person": person,
        "taken_at": taken_at.isoformat(), "problems": [problem.as_json() for problem in problems],
        "expired": expired,
    }  # fmt: skip
    totals: dict[str, Any] = {kind: _totals(kind, described) for kind in sorted(request.kinds)}
    manifest = head | totals | {"items": described}
    _write(incoming / MANIFEST, manifest)
    summary = head | totals | {
        "bytes": sum(total["bytes"] for total in totals.values()),
        "verified": not any(problem.is_blocking for problem in problems) and not _arrived(host, request, holdings),
        "manifest_sha256": hash_file(incoming / MANIFEST).sha256,
    }  # fmt: skip
    _write(incoming / SUMMARY, summary)
    for current, _, _ in os.walk(incoming):
        sync_folder(Path(current))
    faults.reach("described")
    return summary


def _arrived(host: Host, request: Request, before: Holdings) -> bool:
    """Whether the extension has something now that it had not when the backup began."""
    now_there = holdings_of(host, request.number, request.kinds, accept_missing=request.accept_missing)
    known = {(item.kind, item.file, item.signature) for item in before.items}
    return any((item.kind, item.file, item.signature) not in known for item in now_there.items)


def _described(item: Holding, copied: Copied | None) -> dict[str, Any]:
    row = item.rows[0] if item.rows else {}
    if item.kind is Kind.VOICEMAIL:
        time = row.get("created_time")
        parties = {party: row.get(column) for party, column in _VOICEMAIL_PARTIES.items()}
    else:
        match = _RECORDING_NAME.match((item.file or "").rpartition("/")[2])
        time = next((row[column] for column in _RECORDING_TIMES if row.get(column)), None)
        time = time or (match and match["time"])
        parties = {"from": match["from"], "from_name": match["name"], "to": match["to"]} if match else {}
    return {
        "kind": item.kind, "file": item.file, "size": copied.size if copied else 0,
        "sha256": copied.sha256 if copied else None, "time": time, "parties": parties,
        "rows": [dict(row) for row in item.rows],
    }  # fmt: skip


def _totals(kind: Kind, described: list[dict[str, Any]]) -> dict[str, Any]:
    ours = [entry for entry in described if entry["kind"] == kind]
    files = [entry for entry in ours if entry["sha256"]]
    return {
        "items": len(files),
        "bytes": sum(entry["size"] for entry in files),
        "rows": sum(len(entry["rows"]) for entry in ours),
        "sha256": total_checksum(entry["sha256"] for entry in files),
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    with path.open("x", encoding="ascii") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _not_writable(store: Store, error: OSError) -> RelayError:
    return RelayError(
        "store_not_writable",
        f"The archive store {store.folder} cannot be written ({error.strerror}). Nothing was changed. Make the folder and "
        "give it to the user the relay runs as.",
    )
