"""Whether this process lives and is ready (open to anyone, says only yes or no), and what is wrong (with a token)."""

from typing import Any

from fastapi import APIRouter, Response

from services.api.dependencies import ContextDep
from services.api.schemas.health import CheckOut, DiagnosisOut, Liveness, Readiness
from services.api.use_cases import doctor

open_router = APIRouter(prefix="/health", tags=["health"])
router = APIRouter(tags=["health"])

_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"model": Readiness, "description": "Not ready."}}


@open_router.get("/live", operation_id="isLive", summary="Does this process answer?")
def is_live() -> Liveness:
    """Always yes, when it can be asked."""
    return Liveness(ok=True)


@open_router.get(
    "/ready", operation_id="isReady", summary="Can this process do its work?", responses=_NOT_READY
)
def is_ready(context: ContextDep, response: Response) -> Readiness:
    """200 when database and key are as they must be, else 503."""
    checks = {check.name: check.ok for check in doctor.ready(context)}
    ok = all(checks.values())
    response.status_code = 200 if ok else 503
    return Readiness(ok=ok, checks=checks)


@router.get("/diagnosis", operation_id="diagnose", summary="What is well and what to mend")
def diagnose(context: ContextDep) -> DiagnosisOut:
    """Everything a deployment needs, looked at now; takes some seconds when something is down."""
    checks = doctor.diagnose(context)
    return DiagnosisOut(
        ok=all(check.ok for check in checks),
        checks=[CheckOut.model_validate(check) for check in checks],
    )
