"""How runs, parts and commands change their states: (state, event) → state. Pure; ``moves`` alone writes by it.

A pair that is not here is refused. docs/runs.md shows what ``drawing`` makes of these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from shared.domain.command import CommandState
from shared.domain.run import PartState, RunState

# The error code of a command that was in hand when its run ended; it is ``failed`` until it is read back.
OUTCOME_UNKNOWN = "outcome_unknown"


class RunEvent(StrEnum):
    """What happens to a run."""

    NOTHING_TO_DO = "nothing to do"
    NOTHING_DONE = "nothing to do, but not known to be in sync"
    PREVIEWED = "preview planned"
    SHOWN = "what-if plan shown"
    HELD = "held rows remain"
    RELEASED = "rows are within limits"
    APPROVED = "approved"
    APPROVED_EMPTY = "approved, every row left out"
    REJECTED = "rejected"
    REPLACED = "replaced by a newer run"
    CANCELLED = "cancelled"
    FINISHED = "every command ended"
    FAILED = "failed"


class PartEvent(StrEnum):
    """What happens to a part of a snapshot."""

    COMPLETED = "proven complete"
    FAILED = "given up"


class CommandEvent(StrEnum):
    """What happens to a command."""

    HELD = "held by a guard"
    APPROVED = "approved"
    LEFT_OUT = "left out by the approval"
    TAKEN = "taken by a worker"
    GIVEN_BACK = "given back undone"
    DONE = "done"
    FAILED = "failed"
    OUTDATED = "changed since the plan"
    NOT_BEGUN = "required command not done, or run ended"
    IN_HAND_AT_END = "run ended, outcome unknown"


S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class Table(Generic[S, E]):
    """The states of one kind of thing: the first one, and what each event makes of which."""

    start: S
    moves: Mapping[tuple[S, E], S]

    def sources(self, event: E) -> list[S]:
        """The states in which the event is allowed."""
        return [state for state, known in self.moves if known is event]

    def target(self, event: E) -> S:
        """The state after the event, the same wherever it is allowed (a test holds the tables to that)."""
        return next(after for (_, known), after in self.moves.items() if known is event)

    def is_end(self, state: S) -> bool:
        """Whether nothing leads out of the state."""
        return all(source is not state for source, _ in self.moves)

    def drawing(self) -> str:
        """The table as a Mermaid state diagram."""
        arrows = [f"    [*] --> {self.start.value}"]
        arrows += [
            f"    {state.value} --> {after.value}: {event.value}"
            for (state, event), after in self.moves.items()
        ]
        ends = dict.fromkeys(after for after in self.moves.values() if self.is_end(after))
        arrows += [f"    {state.value} --> [*]" for state in ends]
        return "\n".join(["stateDiagram-v2", *arrows])


_WAITING = (RunState.PLANNED, RunState.HELD)

RUNS: Table[RunState, RunEvent] = Table(
    RunState.COLLECTING,
    {
        (RunState.COLLECTING, RunEvent.NOTHING_TO_DO): RunState.IN_STEP,
        (RunState.COLLECTING, RunEvent.NOTHING_DONE): RunState.DONE,
        (RunState.COLLECTING, RunEvent.PREVIEWED): RunState.PLANNED,
        # It ends at once, so that nobody can approve it.
        (RunState.COLLECTING, RunEvent.SHOWN): RunState.DONE,
        (RunState.COLLECTING, RunEvent.HELD): RunState.HELD,
        (RunState.COLLECTING, RunEvent.RELEASED): RunState.EXECUTING,
        # What no guard holds has been executed; the rest waits.
        (RunState.EXECUTING, RunEvent.HELD): RunState.HELD,
        **{(state, RunEvent.APPROVED): RunState.EXECUTING for state in _WAITING},
        **{(state, RunEvent.APPROVED_EMPTY): RunState.DONE for state in _WAITING},
        **{(state, RunEvent.REJECTED): RunState.CANCELLED for state in _WAITING},
        **{(state, RunEvent.REPLACED): RunState.CANCELLED for state in _WAITING},
        **{
            (state, RunEvent.CANCELLED): RunState.CANCELLED
            for state in (RunState.COLLECTING, *_WAITING, RunState.EXECUTING)
        },
        (RunState.EXECUTING, RunEvent.FINISHED): RunState.DONE,
        (RunState.COLLECTING, RunEvent.FAILED): RunState.FAILED,
        (RunState.EXECUTING, RunEvent.FAILED): RunState.FAILED,
    },
)

PARTS: Table[PartState, PartEvent] = Table(
    PartState.PENDING,
    {
        (PartState.PENDING, PartEvent.COMPLETED): PartState.COMPLETE,
        (PartState.PENDING, PartEvent.FAILED): PartState.FAILED,
    },
)

COMMANDS: Table[CommandState, CommandEvent] = Table(
    CommandState.PENDING,
    {
        (CommandState.PENDING, CommandEvent.HELD): CommandState.HELD,
        (CommandState.HELD, CommandEvent.APPROVED): CommandState.PENDING,
        (CommandState.HELD, CommandEvent.LEFT_OUT): CommandState.LEFT_OUT,
        (CommandState.HELD, CommandEvent.NOT_BEGUN): CommandState.SKIPPED,
        (CommandState.PENDING, CommandEvent.LEFT_OUT): CommandState.LEFT_OUT,
        (CommandState.PENDING, CommandEvent.NOT_BEGUN): CommandState.SKIPPED,
        (CommandState.PENDING, CommandEvent.TAKEN): CommandState.RUNNING,
        # Again: its worker died, and what became of it is read back first.
        (CommandState.RUNNING, CommandEvent.TAKEN): CommandState.RUNNING,
        (CommandState.RUNNING, CommandEvent.GIVEN_BACK): CommandState.PENDING,
        (CommandState.RUNNING, CommandEvent.DONE): CommandState.DONE,
        (CommandState.RUNNING, CommandEvent.FAILED): CommandState.FAILED,
        (CommandState.RUNNING, CommandEvent.OUTDATED): CommandState.OUTDATED,
        (CommandState.RUNNING, CommandEvent.NOT_BEGUN): CommandState.SKIPPED,
        (CommandState.RUNNING, CommandEvent.IN_HAND_AT_END): CommandState.FAILED,
        # What became of it is known after all. Only from the code OUTCOME_UNKNOWN: ``moves`` asks for it too.
        (CommandState.FAILED, CommandEvent.DONE): CommandState.DONE,
        (CommandState.FAILED, CommandEvent.FAILED): CommandState.FAILED,
        (CommandState.FAILED, CommandEvent.OUTDATED): CommandState.OUTDATED,
        (CommandState.FAILED, CommandEvent.NOT_BEGUN): CommandState.SKIPPED,
    },
)
