"""Domain controllers that a site's readings are measured by: which there are, and that one is gone for good."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.database.found import site_of
from shared.domain.memory import Memory
from shared.language import phrase
from shared.runs.controllers import forget_controller, memories_of
from shared.worker.context import Context


@dataclass(frozen=True, slots=True)
class Controller:
    """One that was read, of the directory of this key. ``counts`` is false for one that is behind, since ``behind_since``."""

    name: str
    controller: str
    server: str
    invocation_id: str
    read_at: datetime | None
    counts: bool
    behind_since: datetime | None = None
    directory: str = ""


def list_controllers(context: Context, site_id: str) -> list[Controller]:
    """The controllers of the last readings: first those that others are measured by.

    :raises NotFound: there is no such site.
    """
    with context.database.read() as session:
        site_of(session, site_id)
        return _listed(memories_of(session, site_id))


def advice_of(context: Context, site_id: str, directory: str = "") -> tuple[str, ...]:
    """What to say of controllers of a directory that are behind, since when; empty when none is."""
    found = [item for item in list_controllers(context, site_id) if item.directory == directory]
    known = ", ".join(item.name for item in found if item.counts)
    return tuple(
        phrase(
            "Domain controller {name} has been behind {known} since {behind_since} UTC: people who "
            "differ there are not changed. Check replication (repadmin /showrepl); if the other one no "
            "longer exists: rollcall controller forget NAME.",
            name=item.name,
            known=known,
            behind_since=f"{item.behind_since:%Y-%m-%d %H:%M}",
        )
        for item in found
        if item.behind_since is not None
    )


def forget(context: Context, site_id: str, name: str, actor: str) -> list[Controller]:
    """Measure nothing by this controller any more, and return those that are left.

    :raises NotFound: there is no such site, or no such controller.
    """
    with context.database.begin() as session:
        forget_controller(session, site_id, name, actor)
        return _listed(memories_of(session, site_id))


def _listed(memories: Mapping[str, Memory]) -> list[Controller]:
    found: dict[str, Controller] = {}
    behind = [
        (key, since, readings)
        for key, memory in memories.items()
        for since, readings in ((None, memory.readings()), (memory.behind_since, memory.latest))
    ]
    for key, since, readings in behind:
        for item in readings:
            # Whatever else rests on one that is behind, it is behind.
            found[item.source] = Controller(
                item.name,
                item.controller,
                item.server,
                item.invocation_id,
                item.read_at,
                since is None,
                since,
                key,
            )
    return list(found.values())
