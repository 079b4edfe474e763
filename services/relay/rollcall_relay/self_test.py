"""The answer to "does it work?": what the relay found on this host, and what stands in its way. Changes nothing."""

import os
import platform
import time
from pathlib import Path
from typing import Any

from rollcall_relay import PROTOCOL_VERSION, VERSION
from rollcall_relay.changes import TABLES, Kind
from rollcall_relay.errors import RelayError
from rollcall_relay.files import free_bytes
from rollcall_relay.host import find_database
from rollcall_relay.layout import discover
from rollcall_relay.settings import Settings
from rollcall_relay.store import Store


def self_test(settings: Settings) -> dict[str, Any]:
    """Versions, layout, free space, rights; ``usable`` only when nothing stands in ``problems``."""
    problems: list[dict[str, str]] = []
    store = Path(settings.store_folder)
    folders: dict[str, Path] = {"store": store, "state": Path(settings.state_folder)}
    database: dict[str, Any] = {}
    layout: dict[str, Any] = {}
    try:
        found = find_database(settings)
        rights = found.rights()
        database = {"name": found.name, "version": found.server_version(), "rights": rights}
        problems += [
            _problem("database_rights", f"The role of the relay lacks {right} on {table}.")
            for table in TABLES.values()
            for right in ("select", "update", "insert")
            if right not in rights[table]
        ]
        discovered = discover(settings, found)
        layout = {kind: str(folder) for kind, folder in discovered.folders.items()} | {"saw": discovered.saw}
        folders |= {str(kind): discovered.folders[kind] for kind in Kind}
    except RelayError as error:
        problems.append(_problem(error.code, error.message))
    for name, folder in folders.items():
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
            problems.append(
                _problem("folder_not_writable", f"The folder for {name}, {folder}, cannot be written.")
            )
    return {
        "relay": VERSION,
        "protocol": PROTOCOL_VERSION,
        "python": platform.python_version(),
        "system": platform.platform(),
        "time": int(time.time()),
        "database": database,
        "layout": layout,
        "free_bytes": {name: free_bytes(folder) for name, folder in folders.items()},
        "store_bytes": Store(store).used_bytes(),
        "problems": problems,
        "usable": not problems,
    }


def _problem(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
