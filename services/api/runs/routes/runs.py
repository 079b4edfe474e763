"""Runs: start, read, look at the plan, decide."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.access.bearer import ActorDep
from services.api.runs.schemas import (
    Approval,
    FindingList,
    FindingOut,
    NewRun,
    PlanOut,
    Rejection,
    RunList,
    RunOut,
)
from services.api.runs.use_cases import runs
from services.api.web.dependencies import After, Before, ContextDep, Limit, RunId, SiteId
from services.api.web.documented import documented
from services.api.web.large_answers import large_answer, written
from shared.database.tables import RunKind
from shared.domain.command import CommandKind, CommandState

router = APIRouter(tags=["runs"], responses=documented(404))


@router.post("/sites/{site_id}/runs", summary="Start a run", status_code=201, responses=documented(409))
def start_run(
    context: ContextDep, actor: ActorDep, site_id: SiteId, response: Response, body: NewRun = NewRun()
) -> RunOut:
    """Read both ends and plan; follow it at the address in Location."""
    run = runs.start(context, site_id, body.kind, actor, person=body.person)
    response.headers["Location"] = f"/api/v1/runs/{run.id}"
    return RunOut.of(run)


@router.get("/sites/{site_id}/runs", summary="Runs of a site", response_model=RunList)
def list_runs(
    context: ContextDep,
    site_id: SiteId,
    limit: Limit = 50,
    before: Before = None,
    kind: Annotated[RunKind | None, Query(description="Only runs of this kind.")] = None,
) -> Response:
    """A page of runs, newest first; without change runs that had nothing to do."""
    found = runs.list_runs(context, site_id, limit + 1, before, kind)
    page = found[:limit]
    next_before = page[-1].id if len(found) > limit else None
    return written(RunList(items=[RunOut.of(run) for run in page], next_before=next_before))


@router.get("/runs/{run_id}", summary="One run")
def read_run(context: ContextDep, run_id: RunId) -> RunOut:
    """The run as it stands."""
    return RunOut.of(runs.get_run(context, run_id))


@router.get("/runs/{run_id}/plan", summary="The plan of a run", response_model=PlanOut)
async def read_plan(
    request: Request,
    context: ContextDep,
    run_id: RunId,
    limit: Limit = 100,
    after: After = 0,
    kind: Annotated[CommandKind | None, Query(description="Only commands of this kind.")] = None,
    state: Annotated[CommandState | None, Query(description="Only commands in this state.")] = None,
) -> Response:
    """A page of the plan's commands in their order, with what became of each."""
    return await large_answer(
        request,
        lambda: PlanOut.of(
            runs.plan_of(
                context, run_id, after=after, limit=limit, kind=kind, state=state, with_findings=False
            )
        ),
    )


@router.get("/runs/{run_id}/findings", summary="The findings of a plan", response_model=FindingList)
async def read_findings(
    request: Request, context: ContextDep, run_id: RunId, limit: Limit = 100, after: After = 0
) -> Response:
    """A page of what the plan did not do, or did with a reservation."""

    def _page() -> FindingList:
        found = runs.findings_of(context, run_id, after=after, limit=limit + 1)
        page = found[:limit]
        return FindingList(
            items=[FindingOut.model_validate(row) for row in page],
            next_after=page[-1].id if len(found) > limit else None,
        )

    return await large_answer(request, _page)


@router.post("/runs/{run_id}/approve", summary="Approve a plan", responses=documented(409))
def approve_run(context: ContextDep, actor: ActorDep, run_id: RunId, body: Approval) -> RunOut:
    """Execute the plan with this hash, and nothing else. The answer is the run that was approved; or, when its reading is
    older than approvals are valid for (limits.approval_valid_hours), a new run that reads everything again and continues automatically if its plan is the same."""
    return RunOut.of(runs.approve(context, run_id, body.plan_hash, actor, body.leave_out))


@router.post("/runs/{run_id}/reject", summary="Reject a plan", responses=documented(409))
def reject_run(context: ContextDep, actor: ActorDep, run_id: RunId, body: Rejection = Rejection()) -> RunOut:
    """Execute nothing of the plan."""
    return RunOut.of(runs.reject(context, run_id, actor, body.reason))


@router.post("/runs/{run_id}/cancel", summary="Cancel a run", responses=documented(409))
def cancel_run(context: ContextDep, actor: ActorDep, run_id: RunId) -> RunOut:
    """Begin nothing more of the run. What was done stays done."""
    return RunOut.of(runs.cancel(context, run_id, actor))


@router.post("/runs/{run_id}/apply-now", summary="Apply in a blackout window", responses=documented(409))
def apply_run_now(context: ContextDep, actor: ActorDep, run_id: RunId) -> RunOut:
    """Do not let the changes of an active run wait for the end of a blackout window."""
    return RunOut.of(runs.apply_now(context, run_id, actor))


@router.post("/runs/{run_id}/undo", summary="Undo a run", status_code=201, responses=documented(409))
def undo_run(context: ContextDep, actor: ActorDep, run_id: RunId, response: Response) -> RunOut:
    """Plan to take back what the run did. Nothing is changed before the plan is approved; what somebody has changed since then is
    left as it is."""
    run = runs.undo(context, run_id, actor)
    response.headers["Location"] = f"/api/v1/runs/{run.id}"
    return RunOut.of(run)
