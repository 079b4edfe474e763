"""Whether this process lives and is ready (open to anyone, says only yes or no), and what is wrong (with a token)."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.api.operations.schemas import CheckOut, DiagnosisOut, Liveness, Readiness
from services.api.operations.use_cases import doctor
from services.api.operations.use_cases.doctor_of_sites import diagnose_sites
from services.api.operations.use_cases.readiness import ReadinessLook
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented
from services.api.web.problems import problem_response

open_router = APIRouter(prefix="/health", tags=["health"])
router = APIRouter(tags=["health"])

_RETRY_SECONDS = 10


@open_router.get("/live", summary="Does this process answer?")
async def is_live() -> Liveness:
    """Always yes, when it can be asked; needs no free thread, so that a busy process is not taken for a dead one."""
    return Liveness(ok=True)


@open_router.get(
    "/ready",
    summary="Can this process do its work?",
    response_model=Readiness,
    responses=documented(503),
)
async def is_ready(request: Request) -> Readiness | JSONResponse:
    """200 when database and key are as they must be, else 503. ``checks`` also says whether the broker answers:
    without it everything can still be looked at and changed, and runs that are started wait for it.
    """
    look: ReadinessLook = request.app.state.readiness
    checks = await look.checks()
    if all(ok for name, ok in checks.items() if name != "broker"):
        return Readiness(ok=True, checks=checks)
    unwell = ", ".join(name for name, ok in checks.items() if not ok)
    return problem_response(
        503,
        "not_ready",
        f"Rollcall is not ready: {unwell}. `rollcall doctor` shows what to do.",
        details=checks,
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )


@router.get("/diagnosis", summary="Health check")
def diagnose(context: ContextDep) -> DiagnosisOut:
    """Everything a deployment needs, looked at now; takes some seconds when something is down."""
    return _diagnosis(doctor.diagnose(context))


@router.get(
    "/sites/{site_id}/diagnosis",
    summary="Health of a site's directory, phone system and relay",
    responses=documented(404),
)
def diagnose_site(context: ContextDep, site_id: SiteId) -> DiagnosisOut:
    """Signs in to each with the stored settings; takes as long as the slowest, half a minute at most."""
    return _diagnosis(list(diagnose_sites(context, [site_id])))


def _diagnosis(checks: Sequence[doctor.Check]) -> DiagnosisOut:
    return DiagnosisOut(
        ok=all(check.ok for check in checks),
        checks=[CheckOut.model_validate(check) for check in checks],
    )
