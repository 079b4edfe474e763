"""Approvals of plans that were read long ago: everything is read again, and the same plan goes on by itself."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.tables import CommandRow, EventLevel, PartKind, PartState, Run, RunKind, SnapshotPart
from shared.domain.command import CommandState
from shared.encryption import Encryption
from shared.language import phrase
from shared.runs.lookups import oldest
from shared.runs.start import WAITING_STATES, RunRequest, start_run
from shared.work.moves import move_commands, move_run
from shared.work.transitions import CommandEvent, RunEvent

# SQL Server takes at most 2,100 parameters in a statement.
_AT_ONCE = 500
_LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody has approved: what waited of the plan with this hash, without these places of it.

    By place and not by sequence: with more or less beside it, the same remainder has other sequences.
    """

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


def start_anew(
    session: Session,
    run: Run,
    plan_hash: str,
    actor: str,
    left_out: Collection[int],
    encryption: Encryption,
) -> Run:
    """Start a run like this one, which goes on by itself when what waits of its plan is what was approved.

    :raises Conflict: a run of the site is collecting or executing.
    """
    waiting = _waiting(session, run.id)
    fresh = start_run(
        session,
        RunRequest(run.site_id, RunKind(run.kind), "approval", actor, run.person_guid, undoes=run.undoes),
        encryption,
    )
    fresh.approved_hash, fresh.approved_by = plan_hash, actor
    fresh.approved_at = datetime.now(UTC)
    fresh.hold_reasons = {_LEFT_OUT: [place for place, row in enumerate(waiting) if row in left_out]}
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
            message = phrase(
                "The plan of run {run_id} differs from the one that {actor} approved. Review and approve it.",
                run_id=run_id,
                actor=approval.actor,
            )
            entry = events.LogEntry("run.plan_changed", message, level=EventLevel.WARNING, run_id=run_id)
            events.record(session, run.site_id, entry)
        return
    waiting = _waiting(session, run_id)
    left_out = {waiting[place] for place in approval.left_out}
    if run.state in WAITING_STATES:
        let_go(session, run_id, left_out)
    else:
        # What nobody had to look at is executed already; now all of it is.
        _approve(session, run_id, left_out)
    message = phrase(
        "The plan of run {run_id} is the same that {actor} approved. It is being applied.",
        run_id=run_id,
        actor=approval.actor,
    )
    events.record(session, run.site_id, events.LogEntry("run.approved", message, run_id=run_id))


def let_go(session: Session, run_id: int, left_out: Collection[int], **values: Any) -> int:
    """Let what waits of the run be executed, without these sequences; how many commands go. ``values`` of the run are set.

    :raises TransitionRefused: the run does not wait for an approval.
    """
    _approve(session, run_id, left_out)
    pending = _count(session, run_id, CommandState.PENDING)
    # Of what was executed before, a failure is still to be told.
    is_over = not pending and not _count(session, run_id, CommandState.FAILED)
    move_run(session, run_id, RunEvent.APPROVED_EMPTY if is_over else RunEvent.APPROVED, **values)
    return pending


def _approve(session: Session, run_id: int, left_out: Collection[int]) -> None:
    listed, now = sorted(left_out), datetime.now(UTC)
    reason = {"error_code": None, "error_message": None}
    for first in range(0, len(listed), _AT_ONCE):
        chosen = CommandRow.sequence.in_(listed[first : first + _AT_ONCE])
        move_commands(session, run_id, CommandEvent.LEFT_OUT, chosen, finished_at=now, **reason)
    move_commands(session, run_id, CommandEvent.APPROVED, **reason)


def _waiting(session: Session, run_id: int) -> list[int]:
    """The sequences of what an approval lets go: what is held; of a preview, which holds nothing, all of it."""
    for state in (CommandState.HELD, CommandState.PENDING):
        found = session.scalars(
            select(CommandRow.sequence)
            .where(CommandRow.run_id == run_id, CommandRow.state == state.value)
            .order_by(CommandRow.sequence)
        ).all()
        if found:
            return list(found)
    return []


def _count(session: Session, run_id: int, state: CommandState) -> int:
    chosen = select(func.count()).where(CommandRow.run_id == run_id, CommandRow.state == state.value)
    return session.scalar(chosen) or 0
