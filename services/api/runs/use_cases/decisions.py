"""Deciding about a run: approve exactly the plan that was seen, reject it, or cancel the run.

Every decision is one conditional UPDATE in a transaction together with its Log and audit entries, so that of
two people deciding at once one wins and the other is told.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.api.runs.dependents import with_dependents
from services.api.runs.use_cases.publishing import publish
from shared.database import events
from shared.database.found import run_of
from shared.database.tables import CommandRow, Run, RunKind, RunState, Site
from shared.domain.blackout import Blackout
from shared.domain.exclusions import Exclusions
from shared.errors import Conflict, NotFound, PlanChanged
from shared.language import named, phrase
from shared.runs import approvals, hold
from shared.runs.start import ACTIVE_STATES, WAITING_STATES, stop_reading_changes
from shared.settings import store
from shared.work.moves import NOT_BEGUN, move_run
from shared.work.transitions import RunEvent
from shared.worker.context import Context


def approve(
    context: Context, run_id: int, plan_hash: str, actor: str, leave_out: Collection[int] = ()
) -> Run:
    """Let what waits of the plan with this hash be executed, without ``leave_out``, whoever is never to be changed by now,
    and all that require these.

    A run that a newer one has replaced stands for the newest, as long as the plan is the same. Returns the run
    that was approved: executing, or done when nothing is left of its plan. When it was read longer ago than approvals
    are valid for, a new run is started, which goes on by itself if its plan is the same, and that one is returned.

    :raises PlanChanged: the hash names another plan than the one that stands; nothing was approved.
    :raises Conflict: the run does not wait for an approval, or another run of the site is going.
    :raises NotFound: there is no such run, or the plan has no command of a sequence to leave out.
    """
    with context.database.begin() as session:
        run = _newest(session, run_of(session, run_id))
        _serialise(session, run)
        stop_reading_changes(session, run.site_id)
        _check_approvable(session, run, run_id, plan_hash)
        site = store.read(session, run.site_id, context.encryption).settings
        limits = site.limits
        left_out = _left_out(session, run, leave_out, Exclusions(site.to_rules().exclusions))
        if approvals.is_too_old(session, run.id, limits.approval_valid_hours, datetime.now(UTC)):
            fresh = approvals.start_anew(session, run, plan_hash, actor, left_out, context.encryption)
            sentence = phrase(
                "The plan of run {id} was approved, but its reading is older than {approval_valid_hours} "
                "hours. Run {fresh_id} reads everything again and continues automatically if its plan is the "
                "same.",
                id=run.id,
                approval_valid_hours=limits.approval_valid_hours,
                fresh_id=fresh.id,
            )
            details = {"plan_hash": plan_hash, "left_out": sorted(left_out), "read_again_by": fresh.id}
            _note(session, run, "run.approved", sentence, actor, details)
            run = fresh
        else:
            pending = approvals.let_go(
                session,
                run.id,
                left_out,
                approved_hash=plan_hash,
                approved_by=actor,
                approved_at=datetime.now(UTC),
            )
            session.refresh(run)
            without = phrase(", {left_out} left out", left_out=len(left_out)) if left_out else ""
            _note(
                session,
                run,
                "run.approved",
                phrase(
                    "The plan of run {id} was approved: {pending} commands{without}.",
                    id=run.id,
                    pending=pending,
                    without=without,
                ),
                actor,
                {"plan_hash": plan_hash, "left_out": sorted(left_out)},
            )
    publish(context, run.id)
    return run


def reject(context: Context, run_id: int, actor: str, reason: str = "") -> Run:
    """Refuse the plan: the run is cancelled and nothing of it is executed.

    :raises Conflict: the run does not wait for an approval.
    :raises NotFound: there is no such run.
    """
    reason = reason.strip()[:500]
    why = phrase(" Reason given: {reason}", reason=reason) if reason else ""
    message = phrase("The plan of run {run_id} was rejected.{why}", run_id=run_id, why=why)
    return _end(context, run_id, RunEvent.REJECTED, "run.rejected", message, actor, {"reason": reason})


def cancel(context: Context, run_id: int, actor: str) -> Run:
    """Stop the run: commands not begun are skipped, nothing is undone.

    What became of a command in hand is unknown until it is read back; a worker that lives on notes it in a moment.

    :raises Conflict: the run has ended already.
    :raises NotFound: there is no such run.
    """
    return _end(
        context,
        run_id,
        RunEvent.CANCELLED,
        "run.cancelled",
        phrase("Run {run_id} was cancelled.", run_id=run_id),
        actor,
    )


def apply_now(context: Context, run_id: int, actor: str) -> Run:
    """Do not let the changes of the run wait for the end of a blackout window.

    :raises Conflict: the run is not active.
    :raises NotFound: there is no such run.
    """
    with context.database.begin() as session:
        hold.ignore_blackout(session, run_id, actor)
        run = run_of(session, run_id)
    publish(context, run_id)
    return run


def blackout_in_the_way(context: Context, run: Run) -> Blackout | None:
    """The blackout whose end the changes of an active run wait for, ``None`` when they do not wait."""
    reads_to_apply = run.state == RunState.COLLECTING and run.kind in (RunKind.FULL, RunKind.PERSON)
    if run.ignores_blackout or not (reads_to_apply or run.state == RunState.EXECUTING):
        return None
    with context.database.glance() as session:
        return hold.blackout_of(session, run.site_id)


def _newest(session: Session, run: Run) -> Run:
    seen = {run.id}
    while run.state == RunState.CANCELLED and run.superseded_by is not None and run.superseded_by not in seen:
        seen.add(run.superseded_by)
        run = run_of(session, run.superseded_by)
    return run


def _serialise(session: Session, run: Run) -> None:
    # As start_run does: starters and approvers of one site wait for each other on every database.
    session.execute(update(Site).where(Site.id == run.site_id).values(name=Site.name))
    session.refresh(run)


def _check_approvable(session: Session, run: Run, asked_id: int, plan_hash: str) -> None:
    if run.state not in WAITING_STATES:
        raise Conflict(
            phrase(
                "Run {id} is {state} and does not wait for an approval. Start a new run to see what is to be "
                "done now.",
                id=run.id,
                state=named(run.state),
            ),
            run_id=run.id,
            state=run.state,
        )
    if run.plan_hash != plan_hash:
        newer = (
            phrase(" (run {asked_id} was replaced by run {id})", asked_id=asked_id, id=run.id)
            if run.id != asked_id
            else ""
        )
        raise PlanChanged(
            phrase(
                "The approval is for a different plan than the current one of run {id}{newer}. Nothing was "
                "approved. Review the current plan, then approve it.",
                id=run.id,
                newer=newer,
            ),
            run_id=run.id,
            plan_hash=run.plan_hash,
        )
    active = session.scalar(
        select(Run.id).where(Run.site_id == run.site_id, Run.state.in_(ACTIVE_STATES)).limit(1)
    )
    if active is not None:
        raise Conflict(
            phrase(
                "Run {active} of this site is still active. Wait until it ends, then approve again.",
                active=active,
            ),
            run_id=active,
        )


def _left_out(session: Session, run: Run, chosen: Collection[int], exclusions: Exclusions) -> set[int]:
    if not (chosen or exclusions):
        return set()
    rows = session.execute(
        select(
            CommandRow.sequence,
            CommandRow.requires,
            CommandRow.number,
            CommandRow.person_name,
            CommandRow.before,
        ).where(CommandRow.run_id == run.id, CommandRow.state.in_(NOT_BEGUN))
    ).all()
    requires = {row.sequence: tuple(row.requires) for row in rows}
    unknown = sorted(set(chosen) - set(requires))
    if unknown:
        raise NotFound(
            phrase(
                "In the plan of run {id}, command {rows} is not waiting. Nothing was approved.",
                id=run.id,
                rows=", ".join(map(str, unknown[:10])),
            )
        )
    # Who was excluded since the plan was made: it was meant to be left alone from that moment on.
    excluded = {
        row.sequence
        for row in rows
        if exclusions and exclusions.hold_command(row.number, row.person_name, row.before)
    }
    return with_dependents({*chosen, *excluded}, requires)


def _end(
    context: Context,
    run_id: int,
    event: RunEvent,
    code: str,
    message: str,
    actor: str,
    details: Mapping[str, Any] | None = None,
) -> Run:
    with context.database.begin() as session:
        run = run_of(session, run_id)
        _serialise(session, run)
        was = run.state
        left = move_run(session, run_id, event, sentence=message)
        session.refresh(run)
        facts = {"state_before": was, "skipped": left.skipped, "in_hand": left.in_hand, **(details or {})}
        _note(session, run, code, message + left.sentence(), actor, facts)
    return run


def _note(
    session: Session, run: Run, code: str, message: str, actor: str, details: Mapping[str, Any]
) -> None:
    events.record_audited(
        session, run.site_id, events.LogEntry(code, message, run_id=run.id, actor=actor), details
    )
