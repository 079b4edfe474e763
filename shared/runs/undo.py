"""Taking runs back: which run a run undoes, what it did, and what of a site was undone and not done again since."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from shared.database.commands import row_command
from shared.database.tables import CommandRow, Run, RunKind, RunState
from shared.domain.command import Command, CommandKind, CommandState
from shared.domain.owed import PARTLY_DONE, REACHED
from shared.errors import Conflict
from shared.language import named, phrase
from shared.work.transitions import OUTCOME_UNKNOWN

_AT_ONCE = 500
_ENDED = (RunState.DONE.value, RunState.FAILED.value, RunState.CANCELLED.value)


@dataclass(frozen=True, slots=True)
class DoneCommand:
    """A command of a run that took effect, or began to, with what its execution learnt."""

    row: CommandRow
    has_settings: bool

    @property
    def command(self) -> Command:
        """The command as the planner knows it, of an update that was not done as a whole with what was written."""
        command = row_command(self.row)
        reached = self.row.result.get(REACHED)
        if not reached:
            return command
        return replace(
            command, after={name: command.after[name] for name in reached if name in command.after}
        )

    @property
    def made(self) -> int | None:
        """The extension that it made or linked."""
        found = self.row.result.get("extension_id")
        return found if isinstance(found, int) else None

    @property
    def is_partial(self) -> bool:
        """Whether further steps of what it made were not done."""
        return self.row.state == CommandState.FAILED.value

    @property
    def backup(self) -> str:
        """The relay's backup of what it archived; empty without one."""
        return str(self.row.result.get("backup") or "")


def done_commands(session: Session, run_id: int) -> list[DoneCommand]:
    """What the run has done, also in part, in the order of execution; not what was so before."""
    rows = session.execute(
        select(CommandRow, CommandRow.kept_settings.is_not(None))
        .where(CommandRow.run_id == run_id, CommandRow.state.in_([CommandState.DONE, CommandState.FAILED]))
        .order_by(CommandRow.wave, CommandRow.sequence)
    )
    return [
        DoneCommand(row, bool(is_kept))
        for row, is_kept in rows
        if _took_effect(row.state, row.error_code, row.result) and not row.result.get("was_so_already")
    ]


def _took_effect(state: str, error_code: str | None, result: Mapping[str, Any]) -> bool:
    """Whether a command was done, wholly or in part: refused, given up, or begun by a worker that died."""
    if state != CommandState.FAILED:
        return state == CommandState.DONE
    # The code, because earlier releases did not keep the others.
    return error_code == PARTLY_DONE or "extension_id" in result or bool(result.get(REACHED))


def check_undoable(session: Session, run: Run) -> None:
    """Check that the run has ended and has done something.

    :raises Conflict: it has not, or it is an undo itself.
    """
    if run.kind == RunKind.UNDO:
        raise Conflict(
            phrase("Run {run} is an undo itself. Start a full run to sync again.", run=run.id), run_id=run.id
        )
    if run.state not in _ENDED:
        raise Conflict(
            phrase("Run {run} is {state}. Undo it when it has ended.", run=run.id, state=named(run.state)),
            run_id=run.id,
        )
    if not has_done_something(session, run.id):
        raise Conflict(phrase("Run {run} changed nothing.", run=run.id), run_id=run.id)


def has_done_something(session: Session, run_id: int) -> bool:
    """Whether any command of the run took effect, or may have: the undo reads that back first."""
    mine = select(CommandRow.state, CommandRow.error_code, CommandRow.result).where(
        CommandRow.run_id == run_id
    )
    if session.execute(mine.where(CommandRow.state == CommandState.DONE.value).limit(1)).first() is not None:
        return True
    failed = session.execute(mine.where(CommandRow.state == CommandState.FAILED.value))
    return any(_took_effect(*row) or row.error_code == OUTCOME_UNKNOWN for row in failed)


def undone_commands(session: Session, site_id: str) -> list[tuple[Command, int]]:
    """The commands of the site that a person had undone, each with the id of the command that undid it."""
    undoing = aliased(CommandRow)
    rows = session.execute(
        select(CommandRow, undoing.id)
        .join(undoing, undoing.undoes == CommandRow.id)
        .join(Run, Run.id == undoing.run_id)
        .where(
            Run.site_id == site_id,
            Run.kind == RunKind.UNDO.value,
            undoing.state == CommandState.DONE.value,
        )
        .order_by(undoing.id)
    )
    return [(row_command(row), undone_by) for row, undone_by in rows if row.kind in [*CommandKind]]


def undos_of(session: Session, site_id: str) -> list[tuple[int, int]]:
    """The undos of the site that took effect, each with the run that it undid."""
    rows = session.execute(
        select(Run.id, Run.undoes)
        .join(CommandRow, CommandRow.run_id == Run.id)
        .where(
            Run.site_id == site_id,
            Run.kind == RunKind.UNDO.value,
            CommandRow.undoes.is_not(None),
            CommandRow.state == CommandState.DONE.value,
        )
        .distinct()
    )
    return [(undo, undone) for undo, undone in rows if undone is not None]


def done_since(
    session: Session, site_id: str, command_id: int, keys: Collection[str]
) -> Iterator[CommandRow]:
    """What runs that undo nothing have done at the site after this command was planned, to people (objectGUIDs) or numbers
    among these ``keys``, in any order; once for each that fits.
    """
    wanted = sorted(keys)
    done = (
        select(CommandRow)
        .join(Run, Run.id == CommandRow.run_id)
        .where(
            Run.site_id == site_id,
            Run.kind != RunKind.UNDO.value,
            CommandRow.id > command_id,
            CommandRow.state == CommandState.DONE.value,
            CommandRow.kind.in_([*CommandKind]),
        )
    )
    # A site may have done very much since; people and numbers are at most those of some runs.
    for first in range(0, len(wanted), _AT_ONCE):
        some = wanted[first : first + _AT_ONCE]
        yield from session.scalars(
            done.where(or_(CommandRow.person_guid.in_(some), CommandRow.number.in_(some)))
        )
