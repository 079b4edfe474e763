"""Figures for Prometheus; scraped with a bearer token like everything else that tells of a site."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from services.api.operations.use_cases.broker_health import BrokerHealth
from services.api.operations.use_cases.metrics import metrics
from services.api.web.dependencies import ContextDep

_EXAMPLE = '# TYPE rollcall_runs gauge\nrollcall_runs{site="default",state="done"} 12.0\n'
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus text format.",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}

router = APIRouter(tags=["health"])


@router.get("/metrics", summary="Figures for monitoring", response_class=PlainTextResponse, responses=_TEXT)
def read_metrics(context: ContextDep, request: Request) -> PlainTextResponse:
    """Runs, commands, held plans, the age of the last good run, readings and queues, each by site."""
    health: BrokerHealth = request.app.state.broker_health
    text = metrics(context, is_broker_well=health.answers())
    return PlainTextResponse(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
