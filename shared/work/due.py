"""What is due now, read from the database alone: the memory that makes a lost message cost only time."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database.tables import PartKind, PartState, Run, RunState, SnapshotPart
from shared.messages import (
    ExecuteStage,
    LocateAbsent,
    LookUpPeople,
    PlanRun,
    ReadPeople,
    ReadSomeExtensions,
    RunMessage,
    SnapshotExtensions,
    SnapshotUnit,
)
from shared.work.leases import CLOCKS_APART

# Renewed by every tick: while somebody has it, schedules are looked at.
SCHEDULER = "scheduler"

_FAR_AWAY = CLOCKS_APART + timedelta(minutes=1)

PartMessage = (
    SnapshotUnit | LocateAbsent | LookUpPeople | SnapshotExtensions | ReadPeople | ReadSomeExtensions
)
_PART_MESSAGES: dict[str, type[PartMessage]] = {
    PartKind.UNIT: SnapshotUnit,
    PartKind.ABSENT: LocateAbsent,
    PartKind.LOOKUP: LookUpPeople,
    PartKind.EXTENSIONS: SnapshotExtensions,
    PartKind.PEOPLE: ReadPeople,
    PartKind.SOME_EXTENSIONS: ReadSomeExtensions,
}


def correlation_id(run_id: int) -> str:
    """The same for everything that belongs to one run."""
    return f"run-{run_id}"


def due_messages(session: Session, now: datetime, run_id: int | None = None) -> list[RunMessage]:
    """A message for everything that waits for a worker and is not leased, of one run or of all."""
    runs = select(Run).where(Run.state.in_([RunState.COLLECTING.value, RunState.EXECUTING.value]))
    if run_id is not None:
        runs = runs.where(Run.id == run_id)
    messages: list[RunMessage] = []
    for run in session.scalars(runs.order_by(Run.id)):
        if run.state == RunState.EXECUTING:
            messages.extend(_due_of_executing(session, run, now))
        else:
            messages.extend(_due_of_collecting(session, run, now))
    return messages


def _due_of_executing(session: Session, run: Run, now: datetime) -> Iterator[RunMessage]:
    lookup = session.scalar(
        select(SnapshotPart).where(
            SnapshotPart.run_id == run.id,
            SnapshotPart.kind == PartKind.LOOKUP.value,
            SnapshotPart.state == PartState.PENDING.value,
        )
    )
    if lookup is None:
        yield ExecuteStage(run_id=run.id, correlation_id=correlation_id(run.id))
    elif _may_be_taken(lookup, now):
        yield part_message(lookup)


def _due_of_collecting(session: Session, run: Run, now: datetime) -> Iterator[RunMessage]:
    parts = session.scalars(
        select(SnapshotPart).where(SnapshotPart.run_id == run.id).order_by(SnapshotPart.id)
    ).all()
    pending = [part for part in parts if part.state == PartState.PENDING]
    if not pending:
        yield PlanRun(run_id=run.id, correlation_id=correlation_id(run.id))
        return
    units_pending = any(part.kind == PartKind.UNIT for part in pending)
    for part in pending:
        # What only a newer Rollcall reads, it publishes itself.
        if part.kind not in _PART_MESSAGES or (part.kind == PartKind.ABSENT and units_pending):
            continue
        if _may_be_taken(part, now):
            yield part_message(part)


def _may_be_taken(part: SnapshotPart, now: datetime) -> bool:
    # What is still far away was said before the clock was set back. Whoever takes the part looks more closely.
    latest = now + _FAR_AWAY
    is_leased = part.lease_expires_at is not None and now <= part.lease_expires_at <= latest
    is_early = part.next_attempt_at is not None and now < part.next_attempt_at <= latest
    return not is_leased and not is_early


def follow_ups(messages: Iterable[RunMessage], part_id: int) -> list[RunMessage]:
    """Of what is due, that which the end of an attempt at this part can have made due."""
    return [
        message
        for message in messages
        if isinstance(message, LocateAbsent | PlanRun | ExecuteStage)
        or getattr(message, "part_id", None) == part_id
    ]


def part_message(part: SnapshotPart) -> PartMessage:
    """The message that a part waits to be read."""
    return _PART_MESSAGES[part.kind](
        run_id=part.run_id, part_id=part.id, correlation_id=correlation_id(part.run_id)
    )
