"""The three releases of 3CX V20 that the sandbox can be: what each one knows, and what it says its version is.

Worked out from 3CX's official descriptions, for the properties that ``schema`` keeps.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from services.sandbox.phone_system.schema import ENTITIES, Entity, Property

# Each release with the version that a system of it says; the builds of the first two were seen on real systems.
VERSIONS: Mapping[str, str] = {
    "20.0.8": "20.0.8.1109",
    "20.0.9": "20.0.9.995",
    "20.0.10": "20.0.10.100",
}
NEWEST = "20.0.10"
# The properties that came with a release.
_SINCE: Mapping[str, Mapping[str, str]] = {
    "20.0.9": {
        "ExtensionRule": "CallType Condition Data Enabled",
        "MultiEditUserData": "BossSecretaryRequiresFullEdit",
        "QueueAgent": "Tags",
        "QueueManager": "Tags",
        "RingGroupMember": "Tags",
        "ServicePrincipal": "IsSystem",
        "SystemParameters": "ENLRange",
        "SystemStatus": "MaxUserExtensions UserExtensions",
        "User": "AIAgent AgentSettings BlockTunnel",
    },
    "20.0.10": {
        "MultiEditUserData": "AgentSettings ForbidRecording",
        "User": "ForbidRecording",
    },
}
# The properties that went with a release.
_BEFORE: Mapping[str, Mapping[str, str]] = {"20.0.9": {"ExtensionRule": "CallerId"}}
# Values of lists to choose from; each occurs in one list only.
_VALUES_SINCE: Mapping[str, str] = {"20.0.9": "AI EmailToExtrasOnly VmailToMembers"}


# Warnings that a release has under another name, or only by a more general one.
_WARNINGS: Mapping[str, Mapping[str, str]] = {
    "20.0.8": {"INVALID": "XAPI.INVALID", "STRING_TOO_LONG": "XAPI.INVALID"}
}


def worded(body: Any, release: str) -> Any:
    """An error with the names of warnings that this release has."""
    if isinstance(body, dict):
        return {name: worded(value, release) for name, value in body.items()}
    if isinstance(body, list):
        return [worded(item, release) for item in body]
    if isinstance(body, str):
        for name, own in _WARNINGS.get(release, {}).items():
            body = re.sub(rf"\bWARNINGS\.{name}\b", f"WARNINGS.{own}", body)
    return body


@cache
def entities(release: str) -> Mapping[str, Entity]:
    """What the entities consist of in this release, by name."""
    order = list(VERSIONS)
    place = order.index(release)
    later, until_now = order[place + 1 :], order[: place + 1]
    missing = {
        (entity, name)
        for since in later
        for entity, names in _SINCE.get(since, {}).items()
        for name in names.split()
    }
    missing |= {
        (entity, name)
        for since in until_now
        for entity, names in _BEFORE.get(since, {}).items()
        for name in names.split()
    }
    values = {value for since in later for value in _VALUES_SINCE.get(since, "").split()}
    # Filled below: entities refer to each other.
    made: dict[str, dict[str, Property]] = {entity: {} for entity in ENTITIES}
    of = {id(properties): made[entity] for entity, properties in ENTITIES.items()}
    for entity, properties in ENTITIES.items():
        for name, known in properties.items():
            if (entity, name) not in missing:
                made[entity][name] = replace(
                    known,
                    values=tuple(value for value in known.values if value not in values),
                    of=None if known.of is None else of[id(known.of)],
                )
    return made
