"""What the pages of a plan show: its rows as they are read, what they can be filtered by, and what leaving rows out means."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from services.api.runs.dependents import with_dependents
from services.api.runs.queries.plan_filter import PlanFilter, rank, sentence, sentence_of
from shared.database.engine import Database
from shared.database.found import run_of
from shared.database.tables import CommandRow, FindingRow, Run, SnapshotPart
from shared.domain.command import CommandKind
from shared.errors import NotFound
from shared.language import phrase
from shared.work.moves import NOT_BEGUN
from shared.worker.context import Context

PAGE = 100
# On one page to be printed; more would be a book.
MOST_PRINTED = 5_000
_MOST_REASONS = 15
# SQL Server takes at most 2,100 in a statement.
_PARAMETERS_AT_ONCE = 500
_DELETION = CommandKind.DELETE_EXTENSION.value


@dataclass(frozen=True, slots=True)
class PlanPage:
    """The counts are of all rows of the plan; ``fitting`` those of the filter; ``next_after`` leads on.

    ``reasons`` are the most frequent ones, without whose they are. ``deletions`` are those that an approval would let go.
    """

    run: Run
    rows: Sequence[CommandRow]
    kinds: Mapping[str, int]
    states: Mapping[str, int]
    units: Mapping[str, int]
    holds: Mapping[str, int]
    reasons: Mapping[str, int]
    deletions: int
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


def read_plan(
    database: Database, run_id: int, chosen: PlanFilter, left_out: Collection[int] = (), most: int = PAGE
) -> PlanPage:
    """``most`` rows of the run's plan, removals first.

    :raises NotFound: there is no such run.
    """
    conditions = chosen.conditions(run_id)
    with database.read() as session:
        run = run_of(session, run_id)
        # The order is found without reading whole rows.
        sequences = session.scalars(
            select(CommandRow.sequence)
            .where(*conditions, *_beyond(session, run_id, chosen.after))
            .order_by(rank(), CommandRow.sequence)
            .limit(most + 1)
        ).all()
        rows = _whole(session, run_id, sequences[:most])
        counts = _counts(session, run_id)
        return PlanPage(
            run=run,
            rows=rows,
            kinds=counts["kind"],
            states=counts["state"],
            units=counts["unit"],
            holds=counts["hold"],
            reasons=_reasons(session, run_id),
            deletions=counts["deletions"].get(_DELETION, 0) - _deletions_among(session, run_id, left_out),
            fitting=session.scalar(select(func.count()).select_from(CommandRow).where(*conditions)) or 0,
            next_after=sequences[most - 1] if len(sequences) > most else None,
            findings=count_findings(session, run_id),
        )


def read_row(context: Context, run_id: int, sequence: int) -> tuple[Run, CommandRow]:
    """One row of the run's plan with everything about it.

    :raises NotFound: there is no such run, or its plan has no such row.
    """
    with context.database.read() as session:
        run = run_of(session, run_id)
        row = session.scalar(
            select(CommandRow).where(CommandRow.run_id == run_id, CommandRow.sequence == sequence)
        )
        if row is None:
            raise NotFound(
                phrase("The plan of run {run_id} has no row {sequence}.", run_id=run_id, sequence=sequence)
            )
        return run, row


def fitting_rows(context: Context, run_id: int, chosen: PlanFilter) -> list[int]:
    """All rows that fit the filter, on whatever page."""
    with context.database.read() as session:
        return [*session.scalars(select(CommandRow.sequence).where(*chosen.conditions(run_id)))]


def read_subjects(
    context: Context, run_id: int, chosen: Collection[int]
) -> tuple[list[tuple[str, str]], set[int]]:
    """Number and name of whom the chosen rows are about, and all rows of the plan that are about them."""
    with context.database.read() as session:
        rows = session.execute(
            select(CommandRow.sequence, CommandRow.number, CommandRow.person_name)
            .where(CommandRow.run_id == run_id, or_(CommandRow.number != "", CommandRow.person_name != ""))
            .order_by(CommandRow.sequence)
        ).all()
    wanted = set(chosen)
    meant = dict.fromkeys((number, name) for sequence, number, name in rows if sequence in wanted)
    numbers, names = {number for number, _ in meant if number}, {name for number, name in meant if not number}
    return [*meant], {
        sequence for sequence, number, name in rows if (number in numbers if number else name in names)
    }


def read_parts(context: Context, run_id: int) -> tuple[Run, Sequence[SnapshotPart], int]:
    """The run, its readings in order, and how many findings it has.

    :raises NotFound: there is no such run.
    """
    with context.database.read() as session:
        run = run_of(session, run_id)
        parts = session.scalars(
            select(SnapshotPart).where(SnapshotPart.run_id == run_id).order_by(SnapshotPart.id)
        ).all()
        return run, parts, count_findings(session, run_id)


def count_rows(context: Context, run_id: int) -> int:
    """How many rows the run's plan has; none when there is no such run."""
    with context.database.read() as session:
        count = select(func.count()).select_from(CommandRow).where(CommandRow.run_id == run_id)
        return session.scalar(count) or 0


def count_findings(session: Session, run_id: int) -> int:
    """How many findings the run has."""
    return (
        session.scalar(select(func.count()).select_from(FindingRow).where(FindingRow.run_id == run_id)) or 0
    )


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


def _beyond(session: Session, run_id: int, after: int) -> list[ColumnElement[bool]]:
    """Of rows, that they come after that one when the plan is read."""
    if not after:
        return []
    place = session.scalar(select(rank()).where(CommandRow.run_id == run_id, CommandRow.sequence == after))
    if place is None:
        return []
    return [or_(rank() > place, and_(rank() == place, CommandRow.sequence > after))]


def _whole(session: Session, run_id: int, sequences: Sequence[int]) -> list[CommandRow]:
    found: dict[int, CommandRow] = {}
    for start in range(0, len(sequences), _PARAMETERS_AT_ONCE):
        chosen = CommandRow.sequence.in_(sequences[start : start + _PARAMETERS_AT_ONCE])
        rows = session.scalars(select(CommandRow).where(CommandRow.run_id == run_id, chosen))
        found |= {row.sequence: row for row in rows}
    return [found[sequence] for sequence in sequences]


def _requires(context: Context, run_id: int) -> dict[int, tuple[int, ...]]:
    with context.database.read() as session:
        rows = session.execute(
            select(CommandRow.sequence, CommandRow.requires).where(
                CommandRow.run_id == run_id, CommandRow.state.in_(NOT_BEGUN)
            )
        )
        return {sequence: tuple(needed) for sequence, needed in rows}


def _counts(session: Session, run_id: int) -> dict[str, Counter[str]]:
    """How many rows there are by kind, state, unit and reason of waiting, and how many deletions wait: in one look."""
    found: dict[str, Counter[str]] = {
        name: Counter() for name in ("kind", "state", "unit", "hold", "deletions")
    }
    columns = (CommandRow.kind, CommandRow.state, CommandRow.unit, CommandRow.error_code)
    for kind, state, unit, code, count in session.execute(
        select(*columns, func.count()).where(CommandRow.run_id == run_id).group_by(*columns)
    ):
        found["kind"][kind] += count
        found["state"][state] += count
        if unit:
            found["unit"][unit] += count
        if code and state == "held":
            found["hold"][code] += count
        if state in NOT_BEGUN:
            found["deletions"][kind] += count
    return found


def _reasons(session: Session, run_id: int) -> dict[str, int]:
    text = sentence().label("why")
    inner = select(text, CommandRow.id).where(CommandRow.run_id == run_id).subquery()
    groups = session.execute(
        select(inner.c.why, func.count().label("rows"), func.min(inner.c.id).label("first"))
        .group_by(inner.c.why)
        .having(func.count() > 1)
        .order_by(func.count().desc(), inner.c.why)
        .limit(_MOST_REASONS)
    ).all()
    first = [group.first for group in groups]
    of_rows = {
        row.id: sentence_of(row)
        for row in session.scalars(select(CommandRow).where(CommandRow.id.in_(first)))
    }
    # As the database has it where that is not the same text: it is what the filter compares with.
    with_sentences = [(of_rows[group.first], group) for group in groups]
    return {
        sentence if sentence == group.why else group.why: group.rows for sentence, group in with_sentences
    }


def _deletions_among(session: Session, run_id: int, left_out: Collection[int]) -> int:
    if not left_out:
        return 0
    waiting = session.scalars(
        select(CommandRow.sequence).where(
            CommandRow.run_id == run_id, CommandRow.kind == _DELETION, CommandRow.state.in_(NOT_BEGUN)
        )
    )
    return len(set(waiting) & set(left_out))
