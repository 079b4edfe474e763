"""How far a run is, in a few small counts that may be asked for twice a second."""

from dataclasses import dataclass, field

from sqlalchemy import func, select

from shared.database.found import run_of
from shared.database.tables import CommandRow, PartKind, PartState, RunState, SnapshotPage, SnapshotPart
from shared.worker.context import Context

ENDED_STATES = (
    RunState.IN_STEP.value,
    RunState.DONE.value,
    RunState.FAILED.value,
    RunState.CANCELLED.value,
)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """``people`` counts entries read so far; ``commands`` counts by state, ``stages`` by stage and state."""

    run_id: int
    state: RunState
    parts_read: int = 0
    parts_total: int = 0
    people: int = 0
    commands: dict[str, int] = field(default_factory=dict)
    stages: dict[str, dict[str, int]] = field(default_factory=dict)
    commands_total: int = 0

    @property
    def is_ended(self) -> bool:
        """Whether nothing of the run changes any more."""
        return self.state in ENDED_STATES


def progress(context: Context, run_id: int) -> RunProgress:
    """The run's progress now.

    :raises NotFound: there is no such run.
    """
    with context.database.read() as session:
        run = run_of(session, run_id)
        states = session.execute(
            select(SnapshotPart.state, func.count())
            .where(SnapshotPart.run_id == run_id, SnapshotPart.kind != PartKind.LOOKUP.value)
            .group_by(SnapshotPart.state)
        ).all()
        people = run.people
        if run.state == RunState.COLLECTING:
            people = (
                session.scalar(
                    select(func.sum(SnapshotPage.item_count))
                    .join(SnapshotPart, SnapshotPart.id == SnapshotPage.part_id)
                    .where(
                        SnapshotPart.run_id == run_id,
                        SnapshotPart.kind == PartKind.UNIT.value,
                        SnapshotPage.attempt == SnapshotPart.attempt,
                    )
                )
                or 0
            )
        counted = session.execute(
            select(CommandRow.stage, CommandRow.state, func.count())
            .where(CommandRow.run_id == run_id)
            .group_by(CommandRow.stage, CommandRow.state)
        ).all()
    commands: dict[str, int] = {}
    stages: dict[str, dict[str, int]] = {}
    for stage, state, count in counted:
        commands[state] = commands.get(state, 0) + count
        stages.setdefault(stage, {})[state] = count
    return RunProgress(
        run_id=run_id,
        state=RunState(run.state),
        parts_read=sum(count for state, count in states if state != PartState.PENDING),
        parts_total=sum(count for _, count in states),
        people=people,
        commands=commands,
        stages=stages,
        commands_total=sum(commands.values()),
    )
