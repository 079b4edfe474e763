"""Takes the next commands of a stage: the intent is committed before anything is sent.

A command found ``running`` belongs to a worker that died: it is taken again and marked interrupted, so that
its outcome is read back. Only the holder of the executor lease may write here; its ``fence`` proves it in the
very transaction that writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from shared.database.commands import row_command
from shared.database.tables import CommandRow
from shared.domain.command import STAGE_ORDER, Command, CommandKind, CommandState, Stage
from shared.errors import NewerVersionNeeded
from shared.language import declared, named, phrase
from shared.work.moves import CommandEnd, end_commands, move_commands
from shared.work.transitions import CommandEvent

# Tries of one step of a command that may end their worker.
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


def next_stage(session: Session, run_id: int) -> StageKey | None:
    """The first stage that has open commands, or ``None`` when all have ended.

    :raises NewerVersionNeeded: some of them are of a kind that only a newer Rollcall knows.
    """
    _check_known(session, run_id)
    order = case({stage.value: place for place, stage in enumerate(STAGE_ORDER)}, value=CommandRow.stage)
    row = session.execute(
        select(CommandRow.wave, CommandRow.stage)
        .where(CommandRow.run_id == run_id, CommandRow.state.in_(_OPEN))
        .order_by(CommandRow.wave, order)
        .limit(1)
    ).first()
    return StageKey(row.wave, Stage(row.stage)) if row else None


def _check_known(session: Session, run_id: int) -> None:
    # Not even the others are carried out: they might have to wait for it.
    unknown = session.scalar(
        select(CommandRow.kind)
        .where(
            CommandRow.run_id == run_id,
            CommandRow.state.in_(_OPEN),
            CommandRow.kind.not_in([*CommandKind]) | CommandRow.stage.not_in([*Stage]),
        )
        .limit(1)
    )
    if unknown is not None:
        raise NewerVersionNeeded(
            phrase(
                "Run {run_id} has a command ({unknown}) that this version of Rollcall does not know. A newer "
                "worker will execute it. Finish upgrading all processes.",
                run_id=run_id,
                unknown=named(unknown),
            )
        )


def claim(
    session: Session, run_id: int, key: StageKey, behind: int, most: int, up_to: int | None = None
) -> list[Claim]:
    """Mark the next open commands of the stage as running: those behind the row with the id ``behind``, up to another."""
    rows = list(
        session.scalars(
            select(CommandRow)
            .where(
                CommandRow.run_id == run_id,
                CommandRow.state.in_(_OPEN),
                CommandRow.wave == key.wave,
                CommandRow.stage == key.stage.value,
                CommandRow.id > behind,
                *([] if up_to is None else [CommandRow.id <= up_to]),
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
    move_commands(
        session,
        run_id,
        CommandEvent.TAKEN,
        CommandRow.id.in_([row.id for row in rows]),
        attempts=CommandRow.attempts + 1,
        started_at=datetime.now(UTC),
    )
    return claims


def give_back(
    session: Session, run_id: int, unsent: Sequence[Claim], unknown: Sequence[Claim], *, is_wanted: bool
) -> None:
    """Give commands back undone: the unknown stay running, to be read back; the unsent wait again.

    Of a run that has ended meanwhile nothing waits: the unsent are skipped like those never claimed, and the unknown
    stay what the end of the run has made of them.
    """
    given = [claim.row_id for claim in (*unsent, *unknown)]
    session.execute(
        update(CommandRow)
        .where(CommandRow.id.in_(given))
        .values(attempts=CommandRow.attempts - 1)
        .execution_options(synchronize_session=False)
    )
    ids = [claim.row_id for claim in unsent]
    if is_wanted:
        move_commands(session, run_id, CommandEvent.GIVEN_BACK, CommandRow.id.in_(ids))
    else:
        reason = phrase("Run {run_id} was cancelled.", run_id=run_id)
        end_commands(
            session, [CommandEnd(row_id, CommandEvent.NOT_BEGUN, {}, "cancelled", reason) for row_id in ids]
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
                what = named(needed.kind) if needed else declared("a command")
                how = named(needed.state) if needed else declared("missing")
                blocked[row.id] = phrase(
                    "It needs command {sequence} first ({what} {number}), which is {state}.",
                    sequence=sequence,
                    what=what,
                    number=needed.number if needed else "",
                    state=how,
                )
        if row.kind == CommandKind.DELETE_EXTENSION and row.extension_id in unverified:
            blocked[row.id] = declared("Its archive of voicemails and recordings is not verified.")
    return blocked
