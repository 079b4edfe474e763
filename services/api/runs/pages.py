"""Runs: the list, one run with its progress, its plan and its findings, and all that one decides about them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access.sessions import is_open
from services.api.console.rendering import link, page
from services.api.console.request import SESSION_COOKIE, FormDep, text_of
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep
from services.api.runs.queries.plan_page import (
    PlanFilter,
    count_rows,
    keeping_only,
    leaving_out,
    read_parts,
    read_plan,
)
from services.api.runs.row_numbers import parse_rows, show_rows
from services.api.runs.streaming import LastEventId, stream_of
from services.api.runs.use_cases import runs
from services.api.web.dependencies import Before, ContextDep, RunId
from shared.database.tables import Run, RunKind
from shared.domain.command import CommandState
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.runs.verdict import hold_reasons

router = APIRouter(prefix="/runs")

_RUNS_SHOWN = 30
_FINDINGS_SHOWN = 100
Rows = Annotated[list[int], Query(alias="row")]
Text = Annotated[str, Query(max_length=200)]
LeaveOut = Annotated[str, Query(max_length=60_000)]


@router.get("")
def list_runs(
    request: Request, context: ContextDep, site: SiteDep, _visitor: VisitorDep, before: Before = None
) -> Response:
    """The runs, newest first."""
    found = runs.list_runs(context, site, _RUNS_SHOWN + 1, before)
    shown = found[:_RUNS_SHOWN]
    return page(
        request,
        "runs.html",
        runs=shown,
        newest=link("/runs") if before is not None else None,
        older=link("/runs", before=shown[-1].id) if len(found) > _RUNS_SHOWN else None,
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
        reasons=hold_reasons(run),
        progress=runs.progress(context, run_id),
        is_active=run.state in ACTIVE_STATES,
        is_waiting=run.state in WAITING_STATES,
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


@router.get("/{run_id}/plan")
def show_plan(
    request: Request,
    context: ContextDep,
    _visitor: VisitorDep,
    run_id: RunId,
    kind: Annotated[str, Query(max_length=40)] = "",
    state: str = "",
    q: Text = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    leave_out: LeaveOut = "",
    row: Rows = [],  # noqa: B006  (FastAPI makes a new one for each request)
    do: str = "",
) -> Response:
    """The plan's rows. ``do`` changes which rows are to be left out and comes back without it."""
    # An empty choice of a form is sent as an empty text.
    chosen_state = CommandState(state) if state in [*CommandState] else None
    left_out = leaving_out(context, run_id, parse_rows(leave_out, count_rows(context, run_id)))
    kept = {"kind": kind, "state": state, "q": q}
    if do:
        changed = _changed(context, run_id, do, left_out, row)
        target = link(f"/runs/{run_id}/plan", kept, after=after or None, leave_out=show_rows(changed))
        return RedirectResponse(target, HTTPStatus.SEE_OTHER)
    seen = read_plan(context, run_id, PlanFilter(kind, chosen_state, q.strip(), after))
    rows_text = show_rows(left_out)
    here = f"/runs/{run_id}/plan"
    return page(
        request,
        "plan.html",
        run=seen.run,
        seen=seen,
        reasons=hold_reasons(seen.run),
        left_out=left_out,
        leave_out=rows_text,
        kept=kept,
        after=after,
        is_waiting=seen.run.state in WAITING_STATES,
        newest=link(here, kept, leave_out=rows_text) if after else None,
        older=link(here, kept, leave_out=rows_text, after=seen.next_after) if seen.next_after else None,
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


def _changed(context: ContextDep, run_id: int, do: str, left_out: set[int], ticked: list[int]) -> set[int]:
    match do:
        case "leave":
            return leaving_out(context, run_id, left_out | set(ticked))
        case "only":
            return keeping_only(context, run_id, ticked)
        case "back":
            # What a row requires comes back with it.
            return left_out & keeping_only(context, run_id, ticked)
    return set()


def _to(run: Run) -> Response:
    return RedirectResponse(link(f"/runs/{run.id}"), HTTPStatus.SEE_OTHER)
