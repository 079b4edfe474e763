"""Takes the next commands of a stage: the intent is committed before anything is sent.

A command found ``running`` belongs to a worker that died: it is taken again and marked interrupted, so that
its outcome is read back. Only the holder of the executor lease calls this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from shared.database.commands import row_command
from shared.database.tables import CommandRow, Run, RunState
from shared.domain.command import STAGE_ORDER, Command, CommandKind, CommandState, Stage

MAX_ATTEMPTS = 3
_OPEN = (CommandState.PENDING.value, CommandState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Claim:
    """A command that is ours to carry out now. ``blocked_by`` says why it must not be, if so."""

    row_id: int
    command: Command
    was_interrupted: bool
    attempts: int
    blocked_by: str | None = None


@dataclass(frozen=True, slots=True)
class StageKey:
    """A stage of a wave."""

    wave: int
    stage: Stage


def is_executing(session: Session, run_id: int) -> bool:
    """Whether the run still wants its commands executed (it may have been cancelled)."""
    return session.scalar(select(Run.state).where(Run.id == run_id)) == RunState.EXECUTING


def next_stage(session: Session, run_id: int) -> StageKey | None:
    """The first stage that has open commands, or ``None`` when all have ended."""
    order = case({stage.value: place for place, stage in enumerate(STAGE_ORDER)}, value=CommandRow.stage)
    row = session.execute(
        select(CommandRow.wave, CommandRow.stage)
        .where(CommandRow.run_id == run_id, CommandRow.state.in_(_OPEN))
        .order_by(CommandRow.wave, order)
        .limit(1)
    ).first()
    return StageKey(row.wave, Stage(row.stage)) if row else None


def claim(session: Session, run_id: int, key: StageKey, taken: set[int], most: int) -> list[Claim]:
    """Mark the next open commands of the stage as running, ``taken`` (row ids) left out."""
    rows = list(
        session.scalars(
            select(CommandRow)
            .where(
                CommandRow.run_id == run_id,
                CommandRow.state.in_(_OPEN),
                CommandRow.wave == key.wave,
                CommandRow.stage == key.stage.value,
                CommandRow.id > max(taken, default=0),
            )
            .order_by(CommandRow.id)
            .limit(most)
        )
    )
    if not rows:
        return []
    blocked = _blocked(session, run_id, rows)
    claims = [
        Claim(
            row.id,
            row_command(row),
            was_interrupted=row.state == CommandState.RUNNING,
            attempts=row.attempts + 1,
            blocked_by=blocked.get(row.id),
        )
        for row in rows
    ]
    session.execute(
        update(CommandRow)
        .where(CommandRow.id.in_([row.id for row in rows]))
        .values(
            state=CommandState.RUNNING.value,
            attempts=CommandRow.attempts + 1,
            started_at=datetime.now(UTC),
        )
        .execution_options(synchronize_session=False)
    )
    return claims


def release(session: Session, unsent: Sequence[Claim], unknown: Sequence[Claim]) -> None:
    """Give commands back undone: the unsent wait again, the unknown stay running, to be read back."""
    for claims, state in ((unsent, CommandState.PENDING), (unknown, CommandState.RUNNING)):
        if claims:
            session.execute(
                update(CommandRow)
                .where(CommandRow.id.in_([item.row_id for item in claims]))
                .values(state=state.value, attempts=CommandRow.attempts - 1)
                .execution_options(synchronize_session=False)
            )


def _blocked(session: Session, run_id: int, rows: Sequence[CommandRow]) -> dict[int, str]:
    """For each row that must not be carried out, the sentence why: a command it requires is not done."""
    wanted = {sequence for row in rows for sequence in row.requires}
    deletions = [row.extension_id for row in rows if row.kind == CommandKind.DELETE_EXTENSION]
    required = {
        found.sequence: found
        for found in session.scalars(
            select(CommandRow).where(CommandRow.run_id == run_id, CommandRow.sequence.in_(wanted))
        )
    } if wanted else {}  # fmt: skip
    unverified = {
        found.extension_id
        for found in session.scalars(
            select(CommandRow).where(
                CommandRow.run_id == run_id,
                CommandRow.kind == CommandKind.ARCHIVE_EXTENSION.value,
                CommandRow.extension_id.in_(deletions),
            )
        )
        if found.state != CommandState.DONE or not found.result.get("is_verified")
    } if deletions else set()  # fmt: skip
    blocked = {}
    for row in rows:
        for sequence in row.requires:
            needed = required.get(sequence)
            if needed is None or needed.state != CommandState.DONE:
                what = needed.kind.replace("_", " ") if needed else "a command"
                how = needed.state.replace("_", " ") if needed else "missing"
                blocked[row.id] = (
                    f"It needs command {sequence} first ({what} {needed.number if needed else ''}), which is {how}."
                )
        if row.kind == CommandKind.DELETE_EXTENSION and row.extension_id in unverified:
            blocked[row.id] = "Its voicemails and recordings are not proven to be archived."
    return blocked
