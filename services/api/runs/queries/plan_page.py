"""What the pages of a run show: its rows by kind and search, its readings, and what leaving rows out means."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.api.runs.dependents import with_dependents
from shared.database.found import run_of
from shared.database.search import holds
from shared.database.tables import CommandRow, FindingRow, Run, SnapshotPart
from shared.domain.command import CommandState
from shared.work.moves import NOT_BEGUN
from shared.worker.context import Context

PAGE = 100


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """Which rows; what is ``None`` or empty does not limit."""

    kind: str = ""
    state: CommandState | None = None
    text: str = ""
    after: int = 0


@dataclass(frozen=True, slots=True)
class PlanPage:
    """``kinds`` counts all rows of the plan, ``fitting`` those of the filter; ``next_after`` leads on."""

    run: Run
    rows: Sequence[CommandRow]
    kinds: Mapping[str, int]
    states: Mapping[str, int]
    fitting: int
    next_after: int | None
    findings: int

    @property
    def total(self) -> int:
        """All rows of the plan."""
        return sum(self.kinds.values())

    @property
    def waiting(self) -> int:
        """The rows that an approval would let go."""
        return sum(count for state, count in self.states.items() if state in NOT_BEGUN)


def read_plan(context: Context, run_id: int, chosen: PlanFilter) -> PlanPage:
    """One page of the run's plan.

    :raises NotFound: there is no such run.
    """
    of_run = CommandRow.run_id == run_id
    conditions: list[ColumnElement[bool]] = [of_run]
    if chosen.kind:
        conditions.append(CommandRow.kind == chosen.kind)
    if chosen.state is not None:
        conditions.append(CommandRow.state == chosen.state.value)
    if chosen.text:
        conditions.append(
            or_(
                *(
                    holds(column, chosen.text)
                    for column in (
                        CommandRow.number,
                        CommandRow.person_name,
                        CommandRow.reason,
                        CommandRow.unit,
                    )
                )
            )
        )
    with context.database.read() as session:
        run = run_of(session, run_id)
        found = session.scalars(
            select(CommandRow)
            .where(*conditions, CommandRow.sequence > chosen.after)
            .order_by(CommandRow.sequence)
            .limit(PAGE + 1)
        ).all()
        return PlanPage(
            run=run,
            rows=found[:PAGE],
            kinds=_counted(session, run_id, CommandRow.kind),
            states=_counted(session, run_id, CommandRow.state),
            fitting=session.scalar(select(func.count()).select_from(CommandRow).where(*conditions)) or 0,
            next_after=found[PAGE - 1].sequence if len(found) > PAGE else None,
            findings=_count_findings(session, run_id),
        )


def read_parts(context: Context, run_id: int) -> tuple[Run, Sequence[SnapshotPart], int]:
    """The run, its readings in order, and how many findings it has.

    :raises NotFound: there is no such run.
    """
    with context.database.read() as session:
        run = run_of(session, run_id)
        parts = session.scalars(
            select(SnapshotPart).where(SnapshotPart.run_id == run_id).order_by(SnapshotPart.id)
        ).all()
        return run, parts, _count_findings(session, run_id)


def count_rows(context: Context, run_id: int) -> int:
    """How many rows the run's plan has; none when there is no such run."""
    with context.database.read() as session:
        count = select(func.count()).select_from(CommandRow).where(CommandRow.run_id == run_id)
        return session.scalar(count) or 0


def leaving_out(context: Context, run_id: int, chosen: Collection[int]) -> set[int]:
    """The chosen rows and all that cannot be done without them; rows that do not wait are dropped."""
    if not chosen:
        return set()
    requires = _requires(context, run_id)
    return with_dependents([row for row in chosen if row in requires], requires)


def keeping_only(context: Context, run_id: int, chosen: Collection[int]) -> set[int]:
    """The waiting rows to leave out so that only the chosen ones, and what they require, remain."""
    requires = _requires(context, run_id)
    kept: set[int] = set()
    waiting = [row for row in chosen if row in requires]
    while waiting:
        row = waiting.pop()
        if row not in kept:
            kept.add(row)
            waiting.extend(needed for needed in requires[row] if needed in requires)
    return set(requires) - kept


def _requires(context: Context, run_id: int) -> dict[int, tuple[int, ...]]:
    with context.database.read() as session:
        rows = session.execute(
            select(CommandRow.sequence, CommandRow.requires).where(
                CommandRow.run_id == run_id, CommandRow.state.in_(NOT_BEGUN)
            )
        )
        return {sequence: tuple(needed) for sequence, needed in rows}


def _counted(session: Session, run_id: int, column: InstrumentedAttribute[str]) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(CommandRow.run_id == run_id).group_by(column))
    return {value: count for value, count in rows}  # noqa: C416  (mypy does not see rows as pairs)


def _count_findings(session: Session, run_id: int) -> int:
    return (
        session.scalar(select(func.count()).select_from(FindingRow).where(FindingRow.run_id == run_id)) or 0
    )
