"""Progress of a run as server-sent events, until the run ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import structlog
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.api.dependencies import ContextDep, RunId
from services.api.problems import documented
from services.api.schemas.runs import ProgressOut
from services.api.use_cases.progress import progress
from shared.errors import TransientError
from shared.worker.context import Context

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.5
_HEARTBEAT_SECONDS = 15
_EXAMPLE = (
    'event: progress\ndata: {"run_id": 7, "state": "collecting", "parts_read": 1, "parts_total": 3}\n\n'
)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`progress` events whenever something changed, and one `end` event with the same data.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}

router = APIRouter(tags=["runs"])


@router.get(
    "/runs/{run_id}/progress",
    operation_id="readProgress",
    summary="Progress of a run, once",
    responses=documented(404),
)
def read_progress(context: ContextDep, run_id: RunId) -> ProgressOut:
    """How far the run is now."""
    return ProgressOut.model_validate(progress(context, run_id))


@router.get(
    "/runs/{run_id}/events",
    operation_id="followRun",
    summary="Progress of a run, as it happens",
    response_class=EventSourceResponse,
    responses=documented(404) | _STREAM,
)
async def follow_run(context: ContextDep, run_id: RunId) -> EventSourceResponse:
    """Server-sent events until the run ends; a comment every 15 s keeps the connection open."""
    await run_in_threadpool(progress, context, run_id)
    return EventSourceResponse(_events(context, run_id), ping=_HEARTBEAT_SECONDS)


async def _events(context: Context, run_id: int) -> AsyncIterator[ServerSentEvent]:
    sent = ""
    while True:
        try:
            now = await run_in_threadpool(progress, context, run_id)
        except TransientError as error:
            # The stream survives a database that is away for a moment; the next look may find it back.
            log.warning("progress_not_read", run_id=run_id, error=error.message)
            await asyncio.sleep(_POLL_SECONDS)
            continue
        data = ProgressOut.model_validate(now).model_dump_json()
        if data != sent:
            sent = data
            yield ServerSentEvent(data=data, event="progress")
        if now.is_ended:
            yield ServerSentEvent(data=data, event="end")
            return
        await asyncio.sleep(_POLL_SECONDS)
