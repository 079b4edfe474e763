"""Keeps ends that do not answer from holding up the others.

Waiting for a directory or a phone system that hangs holds a worker for as long as the time-outs allow, and a few such
sites would hold them all. So a site whose end did not answer last time waits for its turn: one of them at a time holds
a worker, in the whole deployment, and the others' runs go on beside it. Called before a part or a stage is taken.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from shared.database import leases
from shared.database.tables import PartKind, PartState, Run, RunState, SnapshotPart
from shared.errors import DirectoryUnavailable, LeaseHeld, PhoneSystemUnavailable
from shared.runs.due import part_message
from shared.runs.parts import new_holder
from shared.worker.context import Context

TURN = "turn of those who did not answer"
# Longer than the usual time-outs: of those that hang, one holds a worker.
TURN_SECONDS = 60.0
# How soon one that has to wait asks again.
ASK_AGAIN_SECONDS = 5.0
_UNANSWERED = (DirectoryUnavailable.code, PhoneSystemUnavailable.code)
_RECENT_RUNS = 5
_DIRECTORY = (PartKind.UNIT.value, PartKind.ABSENT.value)


@contextmanager
def turn_of_part(context: Context, part_id: int) -> Iterator[bool]:
    """Whether the part may be taken now, for the block; one that must wait is asked for again by itself."""
    with context.database.read() as session:
        part = session.get(SnapshotPart, part_id)
        is_waiting = part is not None and part.state == PartState.PENDING
        run = session.get(Run, part.run_id) if part and is_waiting else None
        is_doubtful = (
            part is not None and run is not None and _did_not_answer(session, run.site_id, part.kind)
        )
    if part is None or not is_doubtful:
        yield True
        return
    with _turn(context) as has_turn:
        yield has_turn
    if not has_turn and _postpone(context, part_id):
        # Only when it waited to be taken: else it is being read or has asked already, and messages would multiply.
        context.publish([part_message(part)], countdown=ASK_AGAIN_SECONDS)


@contextmanager
def turn_of_stage(context: Context, run: Run) -> Iterator[None]:
    """The block may be entered: at once, or in its turn when the run's phone system did not answer last time.

    :raises LeaseHeld: another one has its turn; the sweep asks again.
    """
    if not run.attempts:
        yield
        return
    with _turn(context) as has_turn:
        if not has_turn:
            raise LeaseHeld(
                "Another site whose end did not answer is being tried; this one is tried after it."
            )
        yield


@contextmanager
def _turn(context: Context) -> Iterator[bool]:
    # Not renewed: one that answers again, and then has much to do, must not keep the others waiting.
    holder = new_holder()
    seconds = min(TURN_SECONDS, context.settings.lease_seconds)
    has_turn = leases.take(context.database, TURN, holder, seconds)
    try:
        yield has_turn
    finally:
        if has_turn:
            leases.give_back(context.database, TURN, holder)


def _did_not_answer(session: Session, site_id: str, kind: str) -> bool:
    """Whether this end of the site left the newest reading that was tried without an answer."""
    kinds = _DIRECTORY if kind in _DIRECTORY else (kind,)
    recent = session.scalars(
        select(Run.id).where(Run.site_id == site_id).order_by(Run.id.desc()).limit(_RECENT_RUNS)
    ).all()
    tried = session.execute(
        select(SnapshotPart.run_id, SnapshotPart.error_code)
        .where(
            SnapshotPart.run_id.in_(recent),
            SnapshotPart.kind.in_(kinds),
            or_(SnapshotPart.state == PartState.COMPLETE.value, SnapshotPart.error_code.is_not(None)),
        )
        .order_by(SnapshotPart.run_id.desc())
    ).all()
    return any(row.error_code in _UNANSWERED for row in tried if row.run_id == tried[0].run_id)


def _postpone(context: Context, part_id: int) -> bool:
    """Let the part wait a little; ``False`` when it does not wait to be taken now."""
    now = datetime.now(UTC)
    with context.database.begin() as session:
        postponed = session.execute(
            update(SnapshotPart)
            .where(
                SnapshotPart.id == part_id,
                SnapshotPart.state == PartState.PENDING.value,
                or_(SnapshotPart.lease_expires_at.is_(None), SnapshotPart.lease_expires_at < now),
                or_(SnapshotPart.next_attempt_at.is_(None), SnapshotPart.next_attempt_at <= now),
                select(Run.id)
                .where(Run.id == SnapshotPart.run_id, Run.state == RunState.COLLECTING.value)
                .exists(),
            )
            .values(next_attempt_at=now + timedelta(seconds=ASK_AGAIN_SECONDS))
            .execution_options(synchronize_session=False)
        )
    return bool(postponed.rowcount)  # type: ignore[attr-defined]
