"""Looks at a sandbox phone system: what it has, what was really done to it, and the settings that reach it."""

import copy
from collections import Counter
from typing import Any

from services.sandbox.phone_system import RunningPhoneSystem

Json = dict[str, Any]


def phone_system_settings(phone_system: RunningPhoneSystem, **changes: Any) -> Json:
    """The section ``phone_system`` of the settings."""
    return {
        "base_url": phone_system.base_url,
        "client_id": phone_system.client_id,
        "client_secret": phone_system.client_secret,
        "timeout_seconds": 5,
    } | changes


def picture(phone_system: RunningPhoneSystem) -> dict[str, Json]:
    """Every extension with all its fields, by number: to compare two moments field by field."""
    state = phone_system.state
    return {number: copy.deepcopy(state.user(user_id)) for number, user_id in state.user_by_number.items()}


def fixtures(phone_system: RunningPhoneSystem) -> Json:
    """Whatever is no extension: departments, queues, ring groups and the rest."""
    state = phone_system.state
    return copy.deepcopy({"groups": state.groups, "peers": state.peers, "recordings": state.recordings})


def extension(phone_system: RunningPhoneSystem, number: str) -> Json:
    """The extension with this number, defaults included."""
    state = phone_system.state
    return state.user(state.user_id_of(number))


def changes_made(phone_system: RunningPhoneSystem) -> Counter[tuple[str, str]]:
    """How often each operation really changed something, by operation and number (or name of a department)."""
    return Counter(
        {
            (operation, key): sum(item["changed"] for item in items)
            for operation, by_key in phone_system.state.calls.items()
            for key, items in by_key.items()
            if any(item["changed"] for item in items)
        }
    )


def fields_written(phone_system: RunningPhoneSystem, number: str) -> list[str]:
    """Every field of an extension that was really changed after its creation, once for each change."""
    items = phone_system.state.calls["update_user"][number]
    return [field for item in items if item["changed"] for field in item["fields"]]


def departments_of(phone_system: RunningPhoneSystem, number: str) -> tuple[list[str], str]:
    """The names of the departments an extension is in, and of its primary one."""
    user, groups = extension(phone_system, number), phone_system.state.groups
    names = sorted(groups[row["GroupId"]]["Name"] for row in user["Groups"])
    return names, groups[user["PrimaryGroupId"]]["Name"]
