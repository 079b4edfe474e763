"""Approvals of plans that were read long ago: everything is read again, and the same plan goes on by itself."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.tables import CommandRow, EventLevel, PartKind, PartState, Run, RunKind, SnapshotPart
from shared.domain.command import CommandState
from shared.encryption import Encryption
from shared.runs.lookups import oldest
from shared.runs.start import WAITING_STATES, RunRequest, start_run
from shared.work.moves import move_commands, move_run
from shared.work.transitions import CommandEvent, RunEvent

# SQL Server takes at most 2,100 parameters in a statement.
_AT_ONCE = 500
_LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody has approved: the plan with this hash, without these commands (by sequence)."""

    plan_hash: str
    actor: str
    left_out: Collection[int] = ()


def read_at(session: Session, run_id: int) -> datetime | None:
    """When the reading that the run's plan goes by began; ``None`` when that is not known."""
    return oldest(
        session.scalars(
            select(SnapshotPart).where(
                SnapshotPart.run_id == run_id,
                SnapshotPart.kind != PartKind.LOOKUP.value,
                SnapshotPart.state == PartState.COMPLETE.value,
            )
        ).all()
    )


def is_too_old(session: Session, run_id: int, hours: int, now: datetime) -> bool:
    """Whether the run's plan goes by what was read more than so many hours ago."""
    began = read_at(session, run_id)
    return began is not None and now - began > timedelta(hours=hours)


def start_anew(session: Session, run: Run, approval: Approval, encryption: Encryption) -> Run:
    """Start a run like this one, which goes on by itself when its plan is the one that was approved.

    :raises Conflict: a run of the site is collecting or executing.
    """
    fresh = start_run(
        session,
        RunRequest(run.site_id, RunKind(run.kind), "approval", approval.actor, run.person_guid),
        encryption,
    )
    fresh.approved_hash, fresh.approved_by = approval.plan_hash, approval.actor
    fresh.approved_at = datetime.now(UTC)
    fresh.hold_reasons = {_LEFT_OUT: sorted(approval.left_out)}
    return fresh


def approval_of(run: Run) -> Approval | None:
    """The approval with which the run was started, while it is not planned yet."""
    if run.approved_hash is None:
        return None
    return Approval(run.approved_hash, run.approved_by or "", run.hold_reasons.get(_LEFT_OUT, ()))


def obey(session: Session, run_id: int, approval: Approval) -> None:
    """Let a run that was just planned go on as it was approved; when its plan is another one, it is nobody's approval."""
    run = session.get_one(Run, run_id, populate_existing=True)
    if run.plan_hash != approval.plan_hash:
        run.approved_hash = run.approved_by = run.approved_at = None
        if run.state in WAITING_STATES:
            said = f"The plan of run {run_id} is not the one that {approval.actor} approved. Look at it and approve it."
            entry = events.LogEntry("run.plan_changed", said, level=EventLevel.WARNING, run_id=run_id)
            events.record(session, run.site_id, entry)
        return
    leave_out(session, run_id, approval.left_out)
    if run.state not in WAITING_STATES:
        return
    pending = select(CommandRow.id).where(
        CommandRow.run_id == run_id, CommandRow.state == CommandState.PENDING.value
    )
    is_empty = session.scalar(pending.limit(1)) is None
    move_run(session, run_id, RunEvent.APPROVED_EMPTY if is_empty else RunEvent.APPROVED)
    said = f"The plan of run {run_id} is the one that {approval.actor} approved. It is carried out."
    events.record(session, run.site_id, events.LogEntry("run.approved", said, run_id=run_id))


def leave_out(session: Session, run_id: int, sequences: Collection[int]) -> None:
    """End these commands of a plan that waits: they are not carried out."""
    listed, now = sorted(sequences), datetime.now(UTC)
    for first in range(0, len(listed), _AT_ONCE):
        chosen = CommandRow.sequence.in_(listed[first : first + _AT_ONCE])
        move_commands(session, run_id, CommandEvent.LEFT_OUT, chosen, finished_at=now)
