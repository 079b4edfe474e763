"""In what order the controllers of a directory are asked, which of them answer, and how far each is behind. Called by ``questions``."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from services.collector.active_directory import ActiveDirectory
from services.collector.controller import heard_of, reading_of
from services.collector.discovery import Candidate, candidates
from shared.domain.reading import Reading
from shared.errors import RollcallError
from shared.settings.documents import DirectorySettings

_MOST = 10
_MOST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ControllerHealth:
    """One controller. ``missing`` are changes of the one that is behind least which it lacks, ``None`` when nobody can tell;
    ``heard_at`` when it last heard of that one. ``problem`` says why it cannot be used; empty when it can.
    """

    server: str
    controller: str = ""
    is_used: bool = False
    is_read_only: bool = False
    seconds: float | None = None
    missing: int | None = None
    heard_at: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    health: ControllerHealth
    reading: Reading | None = None
    heard: Mapping[str, datetime] | None = None


def health_of(settings: DirectorySettings, used: str) -> list[dict[str, Any]]:
    """Each controller in the order in which they are asked; ``used`` is the address of the one that answered.

    Only for an account that has signed in: what is refused everywhere would lock it.

    :raises RollcallError: a server of the settings is no address.
    """
    listed = candidates(settings)[:_MOST]
    with ThreadPoolExecutor(_MOST, "controllers") as pool:
        seen = list(pool.map(partial(_look, settings, used), listed))
    return [asdict(health) for health in compared(seen)]


def compared(seen: Sequence[_Seen]) -> list[ControllerHealth]:
    """Each with what it lacks of the others' changes: the most that any of them shows."""
    found: list[ControllerHealth] = []
    for item in seen:
        health = item.health
        if item.reading is not None:
            others = [other.reading for other in seen if other.reading is not None and other is not item]
            lacking = [
                (other.usn - item.reading.knows[other.invocation_id], other)
                for other in others
                if other.usn is not None and other.invocation_id in item.reading.knows
            ]
            if lacking:
                most, other = max(lacking, key=lambda one: one[0])
                at = (item.heard or {}).get(other.invocation_id)
                health = replace(
                    health, missing=max(0, most), heard_at=at.isoformat(timespec="seconds") if at else None
                )
        found.append(health)
    return found


def _look(settings: DirectorySettings, used: str, candidate: Candidate) -> _Seen:
    server = str(candidate.address)
    alone = settings.model_copy(
        update={
            "servers": (server,),
            "connect_timeout_seconds": min(settings.connect_timeout_seconds, _MOST_SECONDS),
            "receive_timeout_seconds": min(settings.receive_timeout_seconds, _MOST_SECONDS),
        }
    )
    began = time.monotonic()
    try:
        with ActiveDirectory(alone) as directory:
            reading, heard = reading_of(directory), heard_of(directory)
    except RollcallError as error:
        return _Seen(ControllerHealth(server, problem=error.message))
    seconds = round(time.monotonic() - began, 3)
    health = ControllerHealth(server, reading.controller, server == used, reading.is_read_only, seconds)
    return _Seen(health, reading, heard)
