"""Reading a run's plan page by page: commands with their outcome, findings, and why it is held."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from shared.database.found import run_of
from shared.database.tables import CommandRow, FindingRow, Run
from shared.domain.command import CommandKind, CommandState
from shared.domain.plan import HoldReason
from shared.runs.verdict import hold_reasons
from shared.worker.context import Context


@dataclass(frozen=True, slots=True)
class PlanView:
    """One page of a plan. ``next_after`` is the ``after`` of the next page, ``None`` on the last.

    ``total`` counts the commands that fit the filter, ``findings`` all findings of the plan (none when not asked
    for: there may be many, and a page of commands needs none).
    """

    run: Run
    commands: list[CommandRow]
    findings: list[FindingRow]
    reasons: list[HoldReason]
    total: int
    next_after: int | None


def plan_of(
    context: Context,
    run_id: int,
    *,
    after: int = 0,
    limit: int | None = None,
    kind: CommandKind | None = None,
    state: CommandState | None = None,
    with_findings: bool = True,
) -> PlanView:
    """The plan's commands with a sequence above ``after`` (``limit`` of them, all when ``None``).

    :raises NotFound: there is no such run.
    """
    conditions: list[ColumnElement[bool]] = [CommandRow.run_id == run_id]
    if kind is not None:
        conditions.append(CommandRow.kind == kind.value)
    if state is not None:
        conditions.append(CommandRow.state == state.value)
    query = select(CommandRow).where(*conditions, CommandRow.sequence > after).order_by(CommandRow.sequence)
    with context.database.read() as session:
        run = run_of(session, run_id)
        total = session.scalar(select(func.count()).select_from(CommandRow).where(*conditions)) or 0
        rows = list(session.scalars(query if limit is None else query.limit(limit + 1)))
        query_of_findings = select(FindingRow).where(FindingRow.run_id == run_id).order_by(FindingRow.id)
        findings = list(session.scalars(query_of_findings)) if with_findings else []
    page = rows if limit is None else rows[:limit]
    next_after = page[-1].sequence if len(page) < len(rows) else None
    return PlanView(run, page, findings, hold_reasons(run), total, next_after)


def findings_of(
    context: Context, run_id: int, *, after: int = 0, limit: int | None = None
) -> list[FindingRow]:
    """The plan's findings with an id above ``after``, in the plan's order.

    :raises NotFound: there is no such run.
    """
    query = (
        select(FindingRow).where(FindingRow.run_id == run_id, FindingRow.id > after).order_by(FindingRow.id)
    )
    with context.database.read() as session:
        run_of(session, run_id)
        return list(session.scalars(query if limit is None else query.limit(limit)))
