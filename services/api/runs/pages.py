"""Runs: the list, one run with its progress and its findings, and all that one decides about them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access.sessions import is_open
from services.api.console.rendering import link, page
from services.api.console.request import SESSION_COOKIE, FormDep, text_of
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep
from services.api.runs.plan_words import facts_of, holds_in_words
from services.api.runs.queries.plan_page import count_rows, read_parts
from services.api.runs.row_numbers import parse_rows
from services.api.runs.streaming import LastEventId, stream_of
from services.api.runs.use_cases import runs
from services.api.runs.use_cases.undo import may_be_undone
from services.api.web.dependencies import Before, ContextDep, RunId
from shared.database.tables import Run, RunKind
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.runs.verdict import hold_reasons

router = APIRouter(prefix="/runs")

_RUNS_SHOWN = 30
_FINDINGS_SHOWN = 100


@router.get("")
def list_runs(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    _visitor: VisitorDep,
    before: Before = None,
    kind: RunKind | None = None,
) -> Response:
    """The runs, newest first; of one kind if asked."""
    found = runs.list_runs(context, site, _RUNS_SHOWN + 1, before, kind)
    shown = found[:_RUNS_SHOWN]
    return page(
        request,
        "runs.html",
        runs=shown,
        kinds=[None, *RunKind],
        kind=kind,
        newest=link("/runs", kind=kind) if before is not None else None,
        older=link("/runs", before=shown[-1].id, kind=kind) if len(found) > _RUNS_SHOWN else None,
    )


@router.post("")
def start_run(context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep) -> Response:
    """Start a run, a preview, or a run for one person."""
    person = text_of(form, "person").strip() or None
    asked = text_of(form, "kind")
    kind = RunKind.PERSON if person else RunKind.PREVIEW if asked == "preview" else RunKind.FULL
    return _to(runs.start(context, site, kind, visitor.actor, person=person))


@router.get("/{run_id}")
def show_run(request: Request, context: ContextDep, _visitor: VisitorDep, run_id: RunId) -> Response:
    """One run: how far it is, what it read, what it waits for."""
    run, parts, findings = read_parts(context, run_id)
    return page(
        request,
        "run.html",
        run=run,
        parts=parts,
        findings=findings,
        facts=facts_of(hold_reasons(run)) if hold_reasons(run) else [],
        why=holds_in_words(hold_reasons(run)),
        progress=runs.progress(context, run_id),
        is_active=run.state in ACTIVE_STATES,
        is_waiting=run.state in WAITING_STATES,
        may_be_undone=may_be_undone(context, run),
        blackout=runs.blackout_in_the_way(context, run),
    )


@router.get("/{run_id}/events")
async def follow(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: VisitorDep,
    run_id: RunId,
    last_event_id: LastEventId = None,
) -> Response:
    """The run's progress as it happens, for the page's script."""
    session = request.cookies[SESSION_COOKIE]
    return await stream_of(
        request,
        run_id,
        last_event_id,
        caller=visitor.actor,
        is_still_good=lambda: is_open(context, session, site),
    )


@router.get("/{run_id}/findings")
def show_findings(
    request: Request,
    context: ContextDep,
    _visitor: VisitorDep,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """What the plan did not do, or did with a reservation."""
    found = runs.findings_of(context, run_id, after=after, limit=_FINDINGS_SHOWN + 1)
    shown = found[:_FINDINGS_SHOWN]
    here = f"/runs/{run_id}/findings"
    return page(
        request,
        "findings.html",
        run=runs.get_run(context, run_id),
        findings=shown,
        newest=link(here) if after else None,
        older=link(here, after=shown[-1].id) if len(found) > _FINDINGS_SHOWN else None,
    )


@router.post("/{run_id}/approve")
def approve(context: ContextDep, visitor: OperatorDep, run_id: RunId, form: FormDep) -> Response:
    """Let exactly the plan that was seen be executed, without the rows left out."""
    left_out = parse_rows(text_of(form, "leave_out"), count_rows(context, run_id))
    return _to(runs.approve(context, run_id, text_of(form, "plan_hash"), visitor.actor, left_out))


@router.post("/{run_id}/reject")
def reject(context: ContextDep, visitor: OperatorDep, run_id: RunId, form: FormDep) -> Response:
    """Refuse the plan."""
    return _to(runs.reject(context, run_id, visitor.actor, text_of(form, "reason")))


@router.post("/{run_id}/cancel")
def cancel(context: ContextDep, visitor: OperatorDep, run_id: RunId) -> Response:
    """Stop the run."""
    return _to(runs.cancel(context, run_id, visitor.actor))


@router.post("/{run_id}/apply-now")
def apply_now(context: ContextDep, visitor: OperatorDep, run_id: RunId) -> Response:
    """Do not let its changes wait for the end of a blackout window."""
    return _to(runs.apply_now(context, run_id, visitor.actor))


@router.post("/{run_id}/undo")
def undo(context: ContextDep, visitor: OperatorDep, run_id: RunId) -> Response:
    """Plan to take back what the run did."""
    return _to(runs.undo(context, run_id, visitor.actor))


def _to(run: Run) -> Response:
    return RedirectResponse(link(f"/runs/{run.id}"), HTTPStatus.SEE_OTHER)
