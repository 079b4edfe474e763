"""Keeps what a site remembers of its readings of the directory, and forgets a controller when a person says so."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.tables import PersonDoubt, ReadingMemory, Site
from shared.domain.memory import Doubt, Memory, Readings
from shared.domain.reading import Reading
from shared.errors import NotFound

_INSERT_BATCH = 5_000


def memory_of(session: Session, site_id: str) -> Memory:
    """What the site remembers; nothing before its first reading."""
    row = session.get(ReadingMemory, site_id)
    if row is None:
        return Memory()
    found = session.scalars(select(PersonDoubt).where(PersonDoubt.site_id == site_id))
    doubts = {
        item.person: Doubt(item.digest, item.since, _readings(item.needs.get("readings", ())))
        for item in found
    }
    return replace(_without_doubts(row), doubts=doubts)


def memory_without_doubts(session: Session, site_id: str) -> Memory:
    """What the site remembers of its readings, without the people: they may be many."""
    row = session.get(ReadingMemory, site_id)
    return _without_doubts(row) if row is not None else Memory()


def remember(session: Session, site_id: str, memory: Memory | None) -> None:
    """Make this the site's memory; ``None`` leaves none."""
    session.execute(delete(PersonDoubt).where(PersonDoubt.site_id == site_id))
    session.execute(delete(ReadingMemory).where(ReadingMemory.site_id == site_id))
    if memory is None:
        return
    session.execute(
        insert(ReadingMemory).values(
            site_id=site_id,
            content=memory.content,
            readings={
                "alternatives": [_documents(item) for item in memory.alternatives],
                "latest": _documents(memory.latest),
            },
            behind_since=memory.behind_since,
        )
    )
    rows = [
        {
            "site_id": site_id,
            "person": person,
            "digest": doubt.digest,
            "since": doubt.since,
            "needs": {"readings": _documents(doubt.needs)},
        }
        for person, doubt in memory.doubts.items()
    ]
    for start in range(0, len(rows), _INSERT_BATCH):
        session.execute(insert(PersonDoubt), rows[start : start + _INSERT_BATCH])


def forget_controller(session: Session, site_id: str, name: str, actor: str) -> Memory:
    """Measure nothing by this controller any more: it is gone for good. Returns what is remembered then.

    :raises NotFound: there is no such site, or nothing is measured by a controller of that name.
    """
    if session.get(Site, site_id) is None:
        raise NotFound(f"There is no site '{site_id}'.")
    memory = memory_of(session, site_id)
    after = memory.without(name)
    if after is None:
        known = ", ".join(sorted({reading.name for reading in memory.readings()})) or "none"
        raise NotFound(f"Domain controller '{name[:100]}' is unknown. Known: {known}.")
    remember(session, site_id, after)
    said = f"Domain controller {name} was removed. Readings are no longer compared with its data."
    events.record(session, site_id, events.LogEntry("controller.forgotten", said, actor=actor))
    events.audit(session, site_id, actor=actor, action="controller.forgotten", details={"controller": name})
    return after


def _without_doubts(row: ReadingMemory) -> Memory:
    return Memory(
        content=row.content,
        alternatives=tuple(_readings(item) for item in row.readings.get("alternatives", ())),
        latest=_readings(row.readings.get("latest", ())),
        behind_since=row.behind_since,
    )


def _readings(documents: Iterable[dict[str, Any]]) -> Readings:
    return tuple(Reading.from_document(item) for item in documents)


def _documents(readings: Readings) -> list[dict[str, Any]]:
    return [reading.to_document() for reading in readings]
