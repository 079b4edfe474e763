"""Moves of runs, parts and commands: refused where the tables do not have them, and a run's end leaves nothing open."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, update

from shared.database.commands import command_values
from shared.database.engine import Database
from shared.database.tables import CommandRow, PartKind, Run, RunState, SnapshotPart
from shared.domain.command import Command, CommandKind, CommandState
from shared.encryption import Encryption
from shared.errors import Conflict, TransitionRefused
from shared.runs.start import RunRequest, start_run
from shared.work.moves import CommandEnd, end_commands, move_commands, move_part, move_run
from shared.work.transitions import COMMANDS, PARTS, RUNS, CommandEvent, PartEvent, RunEvent

pytestmark = pytest.mark.every_database


@pytest.fixture
def run_id(database: Database, encryption: Encryption, ready_site: str) -> int:
    """A run that collects, with three commands."""
    with database.begin() as session:
        run = start_run(session, RunRequest(ready_site), encryption)
        commands = [
            Command(sequence, CommandKind.UPDATE_EXTENSION, "test", str(sequence)) for sequence in (1, 2, 3)
        ]
        session.execute(insert(CommandRow), [command_values(run.id, command) for command in commands])
        return run.id


def _set(database: Database, run_state: RunState, *states: CommandState) -> list[int]:
    """Put the run and its commands into these states; the commands' ids."""
    with database.begin() as session:
        session.execute(update(Run).values(state=run_state.value))
        ids = list(session.scalars(select(CommandRow.id).order_by(CommandRow.sequence)))
        for row_id, state in zip(ids, states, strict=False):
            session.execute(update(CommandRow).where(CommandRow.id == row_id).values(state=state.value))
    return ids


def _commands(database: Database) -> list[tuple[str, str | None]]:
    with database.read() as session:
        rows = session.scalars(select(CommandRow).order_by(CommandRow.sequence))
        return [(row.state, row.error_code) for row in rows]


def test_a_run_moves_as_the_table_has_it_and_everything_else_is_refused(
    database: Database, run_id: int
) -> None:
    for state in RunState:
        for event in RunEvent:
            _set(database, state)
            after = RUNS.moves.get((state, event))
            if after is None:
                with pytest.raises(TransitionRefused) as refused, database.begin() as session:
                    move_run(session, run_id, event, people=7)
                assert isinstance(refused.value, Conflict)
                assert refused.value.details == {"run_id": run_id, "state": state.value}
            else:
                with database.begin() as session:
                    move_run(session, run_id, event)
            with database.read() as session:
                assert (session.get_one(Run, run_id).state, session.get_one(Run, run_id).people) == (
                    (after or state).value,
                    0,
                )


def test_a_part_that_has_ended_does_not_end_again(database: Database, run_id: int) -> None:
    with database.begin() as session:
        part = session.scalars(
            select(SnapshotPart.id).where(SnapshotPart.kind == PartKind.UNIT.value)
        ).first()
        assert part is not None
        with pytest.raises(TransitionRefused):
            move_part(session, part, PartEvent.COMPLETED, SnapshotPart.lease_holder == "somebody else")
        move_part(session, part, PartEvent.FAILED, error_code="x")
        for event in PartEvent:
            with pytest.raises(TransitionRefused):
                move_part(session, part, event)
        assert session.get_one(SnapshotPart, part).state == PARTS.target(PartEvent.FAILED)


def test_only_commands_that_an_event_may_happen_to_are_moved(database: Database, run_id: int) -> None:
    for state in CommandState:
        for event in CommandEvent:
            (row_id, *_rest) = _set(database, RunState.EXECUTING, state)
            # Failed, but not because its run ended: that is known and stays.
            with database.begin() as session:
                session.execute(update(CommandRow).values(error_code=None))
                moved = move_commands(session, run_id, event, CommandRow.id == row_id)
            is_allowed = (state, event) in COMMANDS.moves and state is not CommandState.FAILED
            assert moved == is_allowed, (state, event)


@pytest.mark.parametrize(
    ("event", "code"),
    [(RunEvent.CANCELLED, "cancelled"), (RunEvent.FAILED, "run_stopped"), (RunEvent.FINISHED, "cancelled")],
)
def test_a_run_that_ends_leaves_no_command_open(
    database: Database, run_id: int, event: RunEvent, code: str
) -> None:
    _set(database, RunState.EXECUTING, CommandState.DONE, CommandState.RUNNING, CommandState.PENDING)
    before = datetime.now(UTC)
    with database.begin() as session:
        left = move_run(session, run_id, event)
    assert (left.skipped, left.in_hand) == (1, 1)
    assert "1 command was in progress" in left.sentence()
    assert _commands(database) == [("done", None), ("failed", "outcome_unknown"), ("skipped", code)]
    with database.read() as session:
        ended = session.get_one(Run, run_id).finished_at
        assert ended is not None
        assert ended >= before


def test_an_outcome_that_becomes_known_after_the_end_of_the_run_is_kept(
    database: Database, run_id: int
) -> None:
    ids = _set(database, RunState.EXECUTING, *[CommandState.RUNNING] * 3)
    with database.begin() as session:
        move_run(session, run_id, RunEvent.CANCELLED)
    with database.begin() as session:
        end_commands(
            session,
            [
                CommandEnd(ids[0], CommandEvent.DONE, {"extension_id": 7}),
                CommandEnd(ids[1], CommandEvent.NOT_BEGUN, error_code="cancelled"),
            ],
        )
    assert _commands(database) == [("done", None), ("skipped", "cancelled"), ("failed", "outcome_unknown")]
    with database.read() as session:
        assert session.get_one(CommandRow, ids[0]).result == {"extension_id": 7}


@pytest.mark.parametrize("state", [state for state in CommandState if state is not CommandState.RUNNING])
def test_the_outcome_of_a_command_that_is_not_in_hand_is_refused_whole(
    database: Database, run_id: int, state: CommandState
) -> None:
    ids = _set(database, RunState.EXECUTING, CommandState.RUNNING, state)
    ends = [CommandEnd(row_id, CommandEvent.DONE) for row_id in ids[:2]]
    with pytest.raises(TransitionRefused), database.begin() as session:
        end_commands(session, ends)
    assert [found for found, _code in _commands(database)][:2] == ["running", state.value]
