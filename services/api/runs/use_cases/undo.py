"""Taking a run back: starting the run that does it, and what a reader is told of it."""

from dataclasses import dataclass

from sqlalchemy import select

from services.api.runs.use_cases.publishing import publish
from shared.database import events
from shared.database.found import run_of
from shared.database.tables import CommandRow, FindingRow, Run, RunKind
from shared.domain.command import CommandState
from shared.domain.plan import FindingCode, Severity
from shared.language import phrase
from shared.runs.start import RunRequest, start_run
from shared.runs.undo import check_undoable, has_done_something
from shared.worker.context import Context

_KEPT_SHOWN = 5


def undo(context: Context, run_id: int, actor: str) -> Run:
    """Start a run that reads the phone system and plans to take back what the run did; a person approves it.

    :raises Conflict: the run has not ended, did nothing or is an undo; or another run of the site is going.
    :raises NotFound: there is no such run.
    """
    with context.database.begin() as session:
        run = run_of(session, run_id)
        check_undoable(session, run)
        request = RunRequest(run.site_id, kind=RunKind.UNDO, actor=actor, undoes=run_id)
        started = start_run(session, request, context.encryption)
        message = phrase("Run {run} will undo run {undone}.", run=started.id, undone=run_id)
        entry = events.LogEntry("run.undo", message, run_id=started.id, actor=actor)
        events.record_audited(session, run.site_id, entry, {"undoes": run_id})
    publish(context, started.id)
    return started


def may_be_undone(context: Context, run: Run) -> bool:
    """Whether the run has ended, undoes nothing itself and has done something."""
    if run.kind in (RunKind.UNDO, RunKind.WHAT_IF) or run.finished_at is None:
        return False
    with context.database.glance() as session:
        return has_done_something(session, run.id)


@dataclass(frozen=True, slots=True)
class UndoView:
    """``again`` is what the next sync would plan once more: kinds of commands, each with how many. ``kept`` are sentences about
    what is not undone, of ``kept_total``.
    """

    again: dict[str, int]
    kept: list[str]
    kept_total: int


def view_undo(context: Context, run_id: int) -> UndoView:
    """What a reader of the plan of an undo is told beside its rows, for as long as the directory and the rules stay as they are."""
    undoing = select(CommandRow.undoes).where(
        CommandRow.run_id == run_id,
        CommandRow.undoes.is_not(None),
        CommandRow.state != CommandState.LEFT_OUT.value,
    )
    counts: dict[str, int] = {}
    with context.database.glance() as session:
        for kind in session.scalars(select(CommandRow.kind).where(CommandRow.id.in_(undoing))):
            counts[kind] = counts.get(kind, 0) + 1
        kept = session.scalars(
            select(FindingRow)
            .where(
                FindingRow.run_id == run_id,
                FindingRow.code == FindingCode.NOT_UNDONE.value,
                FindingRow.severity != Severity.INFO.value,
            )
            .order_by(FindingRow.id)
        ).all()
    return UndoView(counts, [row.message for row in kept[:_KEPT_SHOWN]], len(kept))
