"""Moves runs, parts and commands from state to state: nothing else writes a state (a test looks through the code).

Every move is a conditional UPDATE that names the states it may start from, as ``transitions`` has them. A run that
ends takes its open commands with it: none of them waits, or seems to be in hand, in a run that nobody goes on with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from shared.database.rows import rows_of
from shared.database.sentences import with_sentences
from shared.database.tables import CommandRow, Run, SnapshotPart
from shared.domain.command import CommandState
from shared.errors import TransitionRefused
from shared.language import counted, declared, named, phrase, template
from shared.work.transitions import (
    COMMANDS,
    OUTCOME_UNKNOWN,
    PARTS,
    RUNS,
    CommandEvent,
    PartEvent,
    RunEvent,
)

# Commands that wait: for a worker, or for an approval.
NOT_BEGUN = (CommandState.PENDING.value, CommandState.HELD.value)
_IN_HAND = declared(
    "The run ended during this change, so the result is unknown until the extension is read "
    "back. The next run compares again."
)
_STOPPED = ("run_stopped", declared("The run was stopped first. The next run compares again."))


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """What a run that ended had still open: how many commands were skipped, and how many were in hand."""

    skipped: int = 0
    in_hand: int = 0

    def sentence(self) -> str:
        """About those in hand, for the Log; empty when there were none."""
        if not self.in_hand:
            return ""
        return phrase(
            " {commands} in progress; the result is unknown until it is read back.",
            commands=counted(self.in_hand, "command was", "commands were"),
        )


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How one command ended: one of DONE, FAILED, OUTDATED, NOT_BEGUN, and what to store with it."""

    row_id: int
    event: CommandEvent
    result: dict[str, Any] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str | None = None


def move_run(
    session: Session, run_id: int, event: RunEvent, *, sentence: str = "", **values: Any
) -> LeftOpen:
    """Move the run, and end its open commands if it ends. ``sentence`` is why commands that were not begun are skipped.

    :raises TransitionRefused: the run is in no state that the event may happen in.
    """
    now = datetime.now(UTC)
    target = RUNS.target(event)
    is_end = RUNS.is_end(target)
    moved = session.execute(
        update(Run)
        .where(Run.id == run_id, Run.state.in_([state.value for state in RUNS.sources(event)]))
        .values(state=target.value, **({"finished_at": now} if is_end else {}), **with_sentences(Run, values))
        .execution_options(synchronize_session=False)
    )
    if not rows_of(moved):
        found = session.scalar(select(Run.state).where(Run.id == run_id)) or template("gone")
        raise TransitionRefused(
            phrase(
                "Run {run_id} is {state}; this is no longer possible.",
                run_id=run_id,
                state=named(found),
            ),
            run_id=run_id,
            state=found,
        )
    if not is_end:
        return LeftOpen()
    code, message = (
        _STOPPED
        if event is RunEvent.FAILED
        else ("cancelled", sentence or phrase("Run {run_id} was cancelled.", run_id=run_id))
    )
    return LeftOpen(
        skipped=move_commands(
            session, run_id, CommandEvent.NOT_BEGUN, CommandRow.state.in_(NOT_BEGUN),
            error_code=code, error_message=message, finished_at=now,
        ),
        in_hand=move_commands(
            session, run_id, CommandEvent.IN_HAND_AT_END,
            error_code=OUTCOME_UNKNOWN, error_message=_IN_HAND, finished_at=now,
        ),
    )  # fmt: skip


def move_part(
    session: Session, part_id: int, event: PartEvent, *fence: ColumnElement[bool], **values: Any
) -> None:
    """Move the part if ``fence`` (whose it is) holds too.

    :raises TransitionRefused: it has ended, or is not whose the fence says.
    """
    moved = session.execute(
        update(SnapshotPart)
        .where(
            SnapshotPart.id == part_id,
            SnapshotPart.state.in_([state.value for state in PARTS.sources(event)]),
            *fence,
        )
        .values(state=PARTS.target(event).value, **with_sentences(SnapshotPart, values))
        .execution_options(synchronize_session=False)
    )
    if not rows_of(moved):
        raise TransitionRefused(
            phrase("Part {part_id} has ended or was taken over by another worker.", part_id=part_id)
        )


def move_commands(
    session: Session, run_id: int, event: CommandEvent, *which: ColumnElement[bool], **values: Any
) -> int:
    """Move those of the run's commands that ``which`` names and the event may happen to; how many were moved."""
    moved = session.execute(
        update(CommandRow)
        .where(CommandRow.run_id == run_id, _may(event), *which)
        .values(state=COMMANDS.target(event).value, **with_sentences(CommandRow, values))
        .execution_options(synchronize_session=False)
    )
    return rows_of(moved)


def end_commands(session: Session, ends: Sequence[CommandEnd]) -> None:
    """Store how commands ended that were in hand, also when their run has ended meanwhile.

    :raises TransitionRefused: one of them was not in hand; nothing may be kept of this transaction.
    """
    if not ends:
        return
    now = datetime.now(UTC)
    in_hand = session.execute(
        update(CommandRow)
        .where(
            CommandRow.id.in_([end.row_id for end in ends]),
            _may(CommandEvent.DONE),
        )
        .values(finished_at=now)
        .execution_options(synchronize_session=False)
    )
    if rows_of(in_hand) != len(ends):
        raise TransitionRefused(
            declared("A command has already ended or was released. Its outcome cannot be stored.")
        )
    # Locked by the statement above until the transaction ends.
    session.execute(
        update(CommandRow),
        [
            {
                "id": end.row_id,
                "state": COMMANDS.target(end.event).value,
                "result": end.result,
                "error_code": end.error_code,
                **with_sentences(CommandRow, {"error_message": end.error_message}),
            }
            for end in ends
        ],
    )


def _may(event: CommandEvent) -> ColumnElement[bool]:
    """That the event may happen to a command: to one that failed, only while its outcome is unknown."""
    return and_(
        CommandRow.state.in_([state.value for state in COMMANDS.sources(event)]),
        or_(CommandRow.state != CommandState.FAILED.value, CommandRow.error_code == OUTCOME_UNKNOWN),
    )
