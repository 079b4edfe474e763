"""Writes to the Log a person reads and to the audit that nobody can change unseen."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shared.database.locks import exclusive
from shared.database.tables import AuditEntry, Event, EventLevel

FIRST_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry for the Log. ``code`` is ``thing.happened``, ``message`` a sentence for a person."""

    code: str
    message: str
    level: EventLevel = EventLevel.INFO
    run_id: int | None = None
    actor: str = ""
    number: str | None = None
    person_guid: str | None = None


def record(session: Session, site_id: str, *entries: LogEntry) -> None:
    """Add entries to the site's Log in the caller's transaction, so that they stand or fall with the change."""
    record_many(session, site_id, entries)


def record_many(session: Session, site_id: str, entries: Sequence[LogEntry]) -> None:
    """As ``record``, for many entries in one statement."""
    if not entries:
        return
    now = datetime.now(UTC)
    session.execute(
        insert(Event),
        [
            {
                "site_id": site_id,
                "run_id": entry.run_id,
                "occurred_at": now,
                "level": entry.level.value,
                "code": entry.code,
                "message": entry.message,
                "actor": entry.actor,
                "number": entry.number,
                "person_guid": entry.person_guid,
            }
            for entry in entries
        ],
    )


def audit(session: Session, site_id: str, *, actor: str, action: str, details: Mapping[str, Any]) -> None:
    """Append to the audit chain. ``details`` must hold no secret."""
    # Two at once would both follow the same entry.
    exclusive(session, "audit")
    previous = session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)) or FIRST_HASH
    entry = AuditEntry(
        site_id=site_id,
        occurred_at=datetime.now(UTC),
        actor=actor,
        action=action,
        details=dict(details),
        previous_hash=previous,
        hash="",
    )
    entry.hash = audit_hash(entry)
    session.add(entry)
    session.flush()


def audit_hash(entry: AuditEntry) -> str:
    """The hash an entry must carry: over its own content and the hash of the one before it."""
    content = [
        entry.previous_hash,
        entry.site_id,
        entry.occurred_at.isoformat(),
        entry.actor,
        entry.action,
        entry.details,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def first_broken_audit_entry(session: Session) -> int | None:
    """The id of the first entry whose hash or link does not hold, or ``None`` when the chain is whole."""
    previous = FIRST_HASH
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id)):
        if entry.previous_hash != previous or entry.hash != audit_hash(entry):
            return entry.id
        previous = entry.hash
    return None
