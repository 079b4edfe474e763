"""Executes one stage of a run, then hands on to the next, or ends the run when nothing is left.

Called by the task ``relay_client.execute_stage``. One executor per phone system works at a time (a lease with
heartbeat). It may be killed at any instruction: what it had claimed is read back by the next one.
"""

import hashlib
from contextlib import suppress

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.relay_client.archiving.archive import Archiver, archiver_of
from services.relay_client.execution import claims
from services.relay_client.execution.evidence import gather
from services.relay_client.execution.stage import StageWork
from services.relay_client.xapi.client import Xapi
from shared.database import events, unfinished
from shared.database.commands import row_command
from shared.database.tables import CommandRow, EventLevel, Run, RunState
from shared.domain.command import CommandState
from shared.domain.refusal import refusal_key
from shared.errors import TransitionRefused
from shared.language import counted, declared, listed, named, phrase
from shared.runs.history import refused_before
from shared.runs.hold import is_held
from shared.settings import store
from shared.settings.documents import PhoneSystemSettings, SiteSettings
from shared.work.claimed import claimed
from shared.work.moves import move_run
from shared.work.runs import RunWork, fail_run
from shared.work.transitions import RunEvent
from shared.worker.context import Context

# In the data folder of the worker.
RECORDINGS_FOLDER = "recordings"
# At one try per sweep (30 s) an absence of the phone system of ten minutes is sat out.
MOST_INTERRUPTIONS = 20


def executor_lease(settings: PhoneSystemSettings) -> str:
    """The name of the lease that makes one executor per phone system."""
    return "executor:" + hashlib.sha256(settings.base_url.casefold().encode()).hexdigest()[:40]


def execute_stage(context: Context, run_id: int, archiver: Archiver | None = None) -> None:
    """Carry out the run's next stage, or finish the run when nothing is left; with the site's own archiver by default.
    Nothing while the site is held or a blackout holds: the sweep asks again.

    :raises LeaseHeld: another executor is at this phone system, or has taken over.
    :raises NewerVersionNeeded: the run is left to a worker of a newer version.
    :raises RollcallError: why the stage could not be ended; noted with the run, which goes on or was stopped.
    """
    with context.database.read() as session:
        run = session.get(Run, run_id)
        if run is None or run.state != RunState.EXECUTING or is_held(session, run.site_id, run_id):
            return
        site = store.read(session, run.site_id, context.encryption).settings
    lease = executor_lease(site.phone_system)
    with claimed(context, RunWork(context, run, RunState.EXECUTING, lease, MOST_INTERRUPTIONS)) as work:
        if work is not None:
            _execute(work, site, archiver)


def _execute(work: RunWork, site: SiteSettings, archiver: Archiver | None) -> None:
    context = work.context
    with context.database.read() as session:
        key = claims.next_stage(session, work.run.id)
    if key is not None:
        evidence = gather(work, key)
        if evidence is None:
            return
        further = site.further()
        with Xapi(site.phone_system, context.database, context.encryption, further=further) as xapi:
            used = archiver or archiver_of(
                site,
                xapi,
                context.settings.data / RECORDINGS_FOLDER,
                context.settings.task_seconds / 3,
                lambda: not context.is_stopping,
            )
            StageWork(work, key, xapi, used, evidence).drain()
        with context.database.read() as session:
            key = claims.next_stage(session, work.run.id)
    if key is None:
        # Refused when it was cancelled meanwhile.
        with suppress(TransitionRefused):
            _finish(work)


def _finish(work: RunWork) -> None:
    """End the run, of which nothing is left to execute: done, or failed when any command failed.

    While held commands remain it waits for an approval instead.
    """
    run = work.run
    with work.context.database.begin() as session:
        work.fence(session)
        unfinished.settle(session, run.site_id, run.id)
        rows = session.execute(
            select(CommandRow.state, func.count())
            .where(CommandRow.run_id == run.id)
            .group_by(CommandRow.state)
        )
        counts = {row[0]: row[1] for row in rows}
        summary = listed(
            phrase("{count} {name}", count=count, name=named(name)) for name, count in sorted(counts.items())
        )
        waiting = counts.get(CommandState.HELD.value, 0)
        if waiting:
            move_run(session, run.id, RunEvent.HELD)
            message = phrase(
                "Run {run}: changes within the limits were applied, the others need approval: {summary}.",
                run=run.id,
                summary=summary,
            )
            entry = events.LogEntry("run.held", message, level=EventLevel.WARNING, run_id=run.id)
            events.record(session, run.site_id, entry)
            return
        message = phrase(
            "Run {run} ended: {summary}.", run=run.id, summary=summary or declared("nothing to do")
        )
        failed = counts.get(CommandState.FAILED.value, 0)
        again = _refused_again(session, run) if failed else []
        if failed and len(again) == failed:
            why = phrase(
                "The phone system refused {commands} again: {reason}",
                commands=counted(failed, "command", "commands"),
                reason=again[0],
            )
            move_run(session, run.id, RunEvent.FINISHED, error_code="refused", error_message=why)
            entry = events.LogEntry("run.done", message, level=EventLevel.WARNING, run_id=run.id)
            events.record(session, run.site_id, entry)
            return
        if failed:
            why = phrase(
                "{failed} changes failed, the others were applied. See the plan for details.", failed=failed
            )
            fail_run(session, run, "commands_failed", why, sentence=message)
            return
        move_run(session, run.id, RunEvent.FINISHED)
        events.record(session, run.site_id, events.LogEntry("run.done", message, run_id=run.id))


def _refused_again(session: Session, run: Run) -> list[str]:
    """The reasons of those that failed as they did in the run before: the finding about them has told it already."""
    before = refused_before(session, run.site_id, run.id)
    failed = select(CommandRow).where(
        CommandRow.run_id == run.id, CommandRow.state == CommandState.FAILED.value
    )
    again = []
    for row in session.scalars(failed):
        refusal = before.get(refusal_key(row_command(row)))
        if refusal is not None and refusal.code == row.error_code:
            again.append(row.error_message or "")
    return again
