"""Figures for Prometheus; scraped with a bearer token like everything else that tells of a site."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from services.api.dependencies import ContextDep
from services.api.use_cases.metrics import metrics

_EXAMPLE = '# TYPE rollcall_runs gauge\nrollcall_runs{site="default",state="done"} 12\n'
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus text format.",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="readMetrics",
    summary="Figures for monitoring",
    response_class=PlainTextResponse,
    responses=_TEXT,
)
def read_metrics(context: ContextDep) -> PlainTextResponse:
    """Runs and commands by state, and the age of the last good run."""
    return PlainTextResponse(metrics(context), media_type="text/plain; version=0.0.4; charset=utf-8")
