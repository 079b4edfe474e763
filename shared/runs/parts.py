"""Claims, keeps and ends a part of a snapshot. Every step is a conditional UPDATE that names the attempt.

A reader that was paused past its lease finds its attempt superseded at the next step and stops
(``LeaseHeld``): it can neither complete the part nor mix its pages with those of the attempt that took over.
"""

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.engine import Database
from shared.database.pages import Item, forget_other_attempts, write_page
from shared.database.tables import EventLevel, PartKind, PartState, Run, RunState, SnapshotPart
from shared.errors import LeaseHeld, RollcallError, TransientError

MAX_ATTEMPTS = 3


def new_holder() -> str:
    """A name for one attempt of this process, unique even within the process."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:12]}"


@dataclass(frozen=True, slots=True)
class ClaimedPart:
    """A part that is ours to read until the lease ends."""

    id: int
    run_id: int
    site_id: str
    kind: PartKind
    unit: str
    attempt: int
    holder: str


def claim_part(database: Database, part_id: int, kind: PartKind, lease_seconds: float) -> ClaimedPart | None:
    """Take the part; ``None`` when there is nothing to do (taken, ended, not due, or the run moved on).

    A message is a hint that may have outlived its database (one restored, one made anew beside the same broker):
    the number in it may by now belong to a part of another ``kind``, which is left to those who can read it.
    """
    now = datetime.now(UTC)
    holder = new_holder()
    with database.begin() as session:
        part = session.get(SnapshotPart, part_id)
        run = session.get(Run, part.run_id) if part else None
        if part is None or run is None or run.state != RunState.COLLECTING:
            return None
        if part.kind == PartKind.ABSENT and _pending_units(session, run.id):
            return None
        claimed = session.execute(
            update(SnapshotPart)
            .where(
                SnapshotPart.id == part_id,
                SnapshotPart.kind == kind.value,
                SnapshotPart.state == PartState.PENDING,
                or_(SnapshotPart.lease_expires_at.is_(None), SnapshotPart.lease_expires_at < now),
                or_(SnapshotPart.next_attempt_at.is_(None), SnapshotPart.next_attempt_at <= now),
            )
            .values(
                attempt=SnapshotPart.attempt + 1,
                lease_holder=holder,
                lease_expires_at=now + timedelta(seconds=lease_seconds),
            )
            .execution_options(synchronize_session=False)
        )
        if not claimed.rowcount:  # type: ignore[attr-defined]
            return None
        session.refresh(part)
        return ClaimedPart(part.id, run.id, run.site_id, PartKind(part.kind), part.unit, part.attempt, holder)


def store_page(
    database: Database, part: ClaimedPart, page: int, items: Sequence[Item], lease_seconds: float
) -> None:
    """Store a page and renew the lease.

    :raises LeaseHeld: another attempt has taken over, or the run was cancelled; stop reading.
    """
    with database.begin() as session:
        _still_ours(session, part, lease_expires_at=datetime.now(UTC) + timedelta(seconds=lease_seconds))
        write_page(session, part.id, part.attempt, page, items)


def renew_claim(database: Database, part: ClaimedPart, lease_seconds: float) -> None:
    """Renew the lease where nothing can be stored yet.

    :raises LeaseHeld: another attempt has taken over, the part has ended, or the run was cancelled.
    """
    with database.begin() as session:
        _still_ours(session, part, lease_expires_at=datetime.now(UTC) + timedelta(seconds=lease_seconds))


def complete_part(
    database: Database,
    part: ClaimedPart,
    *,
    pages: int,
    items: int,
    source: str,
    proof: Mapping[str, Any],
) -> bool:
    """Declare the part complete, on the evidence of ``proof``; returns whether all parts of the run have ended.

    :raises LeaseHeld: another attempt has taken over.
    """
    with database.begin() as session:
        _still_ours(
            session,
            part,
            state=PartState.COMPLETE.value,
            page_count=pages,
            item_count=items,
            source=source,
            proof=dict(proof),
            error_code=None,
            error_message=None,
            completed_at=datetime.now(UTC),
            lease_holder=None,
            lease_expires_at=None,
        )
        forget_other_attempts(session, part.id, part.attempt)
        return are_all_ended(session, part.run_id)


def fail_part(database: Database, part: ClaimedPart, error: RollcallError) -> float | None:
    """Note a failed attempt: the seconds until the next one, or ``None`` when the part was given up.

    Transient failures are tried ``MAX_ATTEMPTS`` times; all others are final.

    :raises LeaseHeld: another attempt has taken over.
    """
    retry_after = None
    if isinstance(error, TransientError) and part.attempt < MAX_ATTEMPTS:
        retry_after = min(error.retry_after, 60.0)
    with database.begin() as session:
        changes: dict[str, Any] = {
            "error_code": error.code,
            "error_message": error.message,
            "lease_holder": None,
            "lease_expires_at": None,
        }
        if retry_after is None:
            changes |= {"state": PartState.FAILED.value, "completed_at": datetime.now(UTC)}
        else:
            changes["next_attempt_at"] = datetime.now(UTC) + timedelta(seconds=retry_after)
        _still_ours(session, part, **changes)
        what = f"The organizational unit {part.unit}" if part.kind is PartKind.UNIT else "The phone system"
        if part.kind is PartKind.ABSENT:
            what = "The directory"
        again = "Not tried again in this run." if retry_after is None else f"Next try in {retry_after:.0f} s."
        events.record(
            session,
            part.site_id,
            events.LogEntry(
                "snapshot.failed",
                f"{what} could not be read (attempt {part.attempt}): {error.message} {again}",
                level=EventLevel.ERROR if retry_after is None else EventLevel.WARNING,
                run_id=part.run_id,
            ),
        )
    return retry_after


def advice_of(parts: Iterable[SnapshotPart]) -> tuple[str, ...]:
    """What whoever read the parts says should be mended in time, each sentence once."""
    return tuple(dict.fromkeys(sentence for part in parts for sentence in part.proof.get("advice", ())))


def are_all_ended(session: Session, run_id: int) -> bool:
    """Whether every part of the run is complete or failed."""
    return not session.scalar(
        select(func.count())
        .select_from(SnapshotPart)
        .where(SnapshotPart.run_id == run_id, SnapshotPart.state == PartState.PENDING)
    )


def _pending_units(session: Session, run_id: int) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(SnapshotPart)
            .where(
                SnapshotPart.run_id == run_id,
                SnapshotPart.kind == PartKind.UNIT,
                SnapshotPart.state == PartState.PENDING,
            )
        )
        or 0
    )


def _still_ours(session: Session, part: ClaimedPart, **changes: Any) -> None:
    changed = session.execute(
        update(SnapshotPart)
        .where(
            SnapshotPart.id == part.id,
            SnapshotPart.state == PartState.PENDING,
            SnapshotPart.attempt == part.attempt,
            SnapshotPart.lease_holder == part.holder,
            select(Run.id).where(Run.id == part.run_id, Run.state == RunState.COLLECTING).exists(),
        )
        .values(**changes)
        .execution_options(synchronize_session=False)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise LeaseHeld("Another worker has taken over this part of the snapshot, or the run has ended.")
