"""How the execution of a run ends, or is interrupted: the run's state, its open commands and the Log."""

from datetime import UTC, datetime

from sqlalchemy import func, select, update

from shared.database import events
from shared.database.tables import CommandRow, EventLevel, Run, RunState
from shared.domain.command import CommandState
from shared.errors import RollcallError, TransientError
from shared.worker.context import Context

# At one try per sweep (30 s) an absence of the phone system of ten minutes is sat out.
MOST_INTERRUPTIONS = 20


def note_interruption(context: Context, run: Run, error: TransientError) -> None:
    """Count a stage that could not go on; after too many without any progress the run is stopped."""
    with context.database.begin() as session:
        attempts = (session.scalar(select(Run.attempts).where(Run.id == run.id)) or 0) + 1
        session.execute(update(Run).where(Run.id == run.id).values(attempts=attempts))
        if attempts < MOST_INTERRUPTIONS:
            events.record(
                session,
                run.site_id,
                events.LogEntry(
                    "run.interrupted",
                    f"Run {run.id} was interrupted: {error.message} It goes on by itself.",
                    level=EventLevel.WARNING,
                    run_id=run.id,
                ),
            )
    if attempts >= MOST_INTERRUPTIONS:
        said = f"It was interrupted {attempts} times without getting any further, the last time so: {error.message}"
        stop(context, run, error, said)


def stop(context: Context, run: Run, error: RollcallError, message: str | None = None) -> None:
    """End the run as failed; what was not done is skipped and will be planned anew."""
    now = datetime.now(UTC)
    with context.database.begin() as session:
        stopped = session.execute(
            update(Run)
            .where(Run.id == run.id, Run.state == RunState.EXECUTING)
            .values(
                state=RunState.FAILED.value,
                error_code=error.code,
                error_message=message or error.message,
                finished_at=now,
            )
        )
        if not stopped.rowcount:  # type: ignore[attr-defined]
            return
        session.execute(
            update(CommandRow)
            .where(
                CommandRow.run_id == run.id,
                CommandRow.state.in_([CommandState.PENDING.value, CommandState.RUNNING.value]),
            )
            .values(
                state=CommandState.SKIPPED.value,
                error_code="run_stopped",
                error_message="The run was stopped before. The next run compares again.",
                finished_at=now,
            )
        )
        events.record(
            session,
            run.site_id,
            events.LogEntry(
                "run.failed",
                f"Run {run.id} was stopped: {message or error.message}",
                level=EventLevel.ERROR,
                run_id=run.id,
            ),
        )


def finish(context: Context, run: Run) -> None:
    """End the run when every command has ended: done, or failed when any command failed."""
    with context.database.begin() as session:
        rows = session.execute(
            select(CommandRow.state, func.count())
            .where(CommandRow.run_id == run.id)
            .group_by(CommandRow.state)
        )
        counts = {row[0]: row[1] for row in rows}
        failed = counts.get(CommandState.FAILED.value, 0)
        state = RunState.FAILED if failed else RunState.DONE
        finished = session.execute(
            update(Run)
            .where(Run.id == run.id, Run.state == RunState.EXECUTING)
            .values(
                state=state.value,
                # What the plan was made with a reservation for is left as it is said.
                error_code="commands_failed" if failed else Run.error_code,
                error_message=f"{failed} commands failed; the rest stand. The plan says which and why."
                if failed
                else Run.error_message,
                finished_at=datetime.now(UTC),
            )
        )
        if not finished.rowcount:  # type: ignore[attr-defined]
            return
        said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
        events.record(
            session,
            run.site_id,
            events.LogEntry(
                f"run.{state.value}",
                f"Run {run.id} ended: {said or 'nothing to do'}.",
                level=EventLevel.ERROR if failed else EventLevel.INFO,
                run_id=run.id,
            ),
        )
