"""Keeps what a site remembers of its readings of the directory, and forgets a controller when a person says so."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.found import site_of
from shared.database.tables import PersonDoubt, ReadingMemory
from shared.domain.memory import Doubt, Memory, Readings
from shared.domain.reading import Reading
from shared.errors import NotFound
from shared.language import declared, phrase

_INSERT_BATCH = 5_000


# Under which the readings of the other directories of the site are kept, by their key.
_OTHERS = "others"


def memory_of(session: Session, site_id: str, directory: str = "") -> Memory:
    """What the site remembers of a directory; nothing before its first reading.

    Doubts are of people, whichever directory they are in: they are all in each.
    """
    row = session.get(ReadingMemory, site_id)
    if row is None:
        return Memory()
    found = session.scalars(select(PersonDoubt).where(PersonDoubt.site_id == site_id))
    doubts = {
        item.person: Doubt(item.digest, item.since, _readings(item.needs.get("readings", ())))
        for item in found
    }
    return replace(_without_doubts(row, directory), doubts=doubts)


def memories_of(session: Session, site_id: str) -> dict[str, Memory]:
    """What the site remembers of each of its directories, by key."""
    row = session.get(ReadingMemory, site_id)
    others = row.readings.get(_OTHERS, {}) if row is not None else {}
    return {key: memory_of(session, site_id, key) for key in ("", *others)}


def memory_without_doubts(session: Session, site_id: str, directory: str = "") -> Memory:
    """What the site remembers of its readings of a directory, without the people: they may be many."""
    row = session.get(ReadingMemory, site_id)
    return _without_doubts(row, directory) if row is not None else Memory()


def remember(
    session: Session, site_id: str, memory: Memory | None, others: Mapping[str, Memory] | None = None
) -> None:
    """Make this the site's memory, with that of its other directories; ``None`` leaves none. All doubts are in ``memory``."""
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
                **({_OTHERS: {key: _document(other) for key, other in others.items()}} if others else {}),
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
    site_of(session, site_id)
    memories = memories_of(session, site_id)
    found = {key: memory.without(name) for key, memory in memories.items()}
    if all(item is None for item in found.values()):
        known = {reading.name for memory in memories.values() for reading in memory.readings()}
        raise NotFound(
            phrase(
                "Domain controller '{name}' is unknown. Known: {known}.",
                name=name[:100],
                known=", ".join(sorted(known)) or declared("none"),
            )
        )
    kept = {key: found[key] or memory for key, memory in memories.items()}
    after = kept.pop("")
    remember(session, site_id, after, kept)
    message = phrase(
        "Domain controller {name} was removed. Readings are no longer compared with its data.", name=name
    )
    entry = events.LogEntry("controller.forgotten", message, actor=actor)
    events.record_audited(session, site_id, entry, {"controller": name})
    return after


def _without_doubts(row: ReadingMemory, directory: str) -> Memory:
    if directory:
        stored = row.readings.get(_OTHERS, {}).get(directory, {})
        since = stored.get("behind_since")
        return Memory(
            content=stored.get("content", ""),
            alternatives=tuple(_readings(item) for item in stored.get("alternatives", ())),
            latest=_readings(stored.get("latest", ())),
            behind_since=datetime.fromisoformat(since) if since else None,
        )
    return Memory(
        content=row.content,
        alternatives=tuple(_readings(item) for item in row.readings.get("alternatives", ())),
        latest=_readings(row.readings.get("latest", ())),
        behind_since=row.behind_since,
    )


def _readings(documents: Iterable[dict[str, Any]]) -> Readings:
    return tuple(Reading.from_document(item) for item in documents)


def _document(memory: Memory) -> dict[str, Any]:
    return {
        "content": memory.content,
        "alternatives": [_documents(item) for item in memory.alternatives],
        "latest": _documents(memory.latest),
        "behind_since": memory.behind_since.isoformat() if memory.behind_since else None,
    }


def _documents(readings: Readings) -> list[dict[str, Any]]:
    return [reading.to_document() for reading in readings]
