"""Writes to the Log a person reads and to the audit that nobody can change unseen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from shared.database import audit_chain
from shared.database.locks import exclusive
from shared.database.tables import AuditEntry, Event, EventLevel
from shared.language import stored


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
                "message": str(entry.message),
                "sentence": stored(entry.message),
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
    entry = AuditEntry(
        site_id=site_id,
        occurred_at=datetime.now(UTC),
        actor=actor,
        action=action,
        details=dict(details),
    )
    audit_chain.append(session, entry)


def record_audited(session: Session, site_id: str, entry: LogEntry, details: Mapping[str, Any]) -> None:
    """What a person did: an entry of the Log, and one of the audit with the same code, actor and run."""
    record(session, site_id, entry)
    of_run = {} if entry.run_id is None else {"run_id": entry.run_id}
    audit(session, site_id, actor=entry.actor, action=entry.code, details=of_run | {**details})


def first_broken_audit_entry(session: Session) -> int | None:
    """The id of the first entry that is not as it was written, or ``None`` when there is none."""
    return audit_chain.verify(session).first_bad
