"""Progress of a run as server-sent events, until the run ends."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, Response
from fastapi.concurrency import run_in_threadpool
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.api.dependencies import ContextDep, RunId
from services.api.documented import documented
from services.api.schemas.runs import PROGRESS_EXAMPLE, ProgressOut
from services.api.use_cases.progress import progress
from shared.errors import TransientError
from shared.worker.context import Context

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.5
_HEARTBEAT_SECONDS = 15
_RECONNECT_MILLISECONDS = 2000
_END = "end"
_EXAMPLE_DATA = ProgressOut.model_validate(PROGRESS_EXAMPLE).model_dump_json()
_EXAMPLE = f"id: 5f1c0e7a\nevent: progress\nretry: 2000\ndata: {_EXAMPLE_DATA}\n\n"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`progress` events whenever something changed, and one `end` event with the same data.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    },
    204: {"description": "The run has ended and the listener was told so: no need to connect again."},
}
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Sent by a listener that connects again.")
]

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
async def follow_run(context: ContextDep, run_id: RunId, last_event_id: LastEventId = None) -> Response:
    """Server-sent events until the run ends; a comment every 15 s keeps the connection open.

    A listener that connects again is told only what is new to it.
    """
    now = await run_in_threadpool(progress, context, run_id)
    if now.is_ended and last_event_id == _END:
        # An EventSource connects again whenever a stream ends, until it gets this (HTML standard, section 9.2).
        return Response(status_code=204)
    return EventSourceResponse(_events(context, run_id, last_event_id or ""), ping=_HEARTBEAT_SECONDS)


async def _events(context: Context, run_id: int, known: str) -> AsyncIterator[ServerSentEvent]:
    while True:
        try:
            now = await run_in_threadpool(progress, context, run_id)
        except TransientError as error:
            # The stream survives a database that is away for a moment; the next look may find it back.
            log.warning("progress_not_read", run_id=run_id, error=error.message)
            await asyncio.sleep(_POLL_SECONDS)
            continue
        data = ProgressOut.model_validate(now).model_dump_json()
        # Says what the listener knows, so that it holds in any process and after a restart.
        event_id = hashlib.sha256(data.encode()).hexdigest()[:16]
        if event_id != known:
            known = event_id
            yield ServerSentEvent(data=data, event="progress", id=known, retry=_RECONNECT_MILLISECONDS)
        if now.is_ended:
            yield ServerSentEvent(data=data, event=_END, id=_END)
            return
        await asyncio.sleep(_POLL_SECONDS)
