"""Progress of a run as server-sent events, until the run ends."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.api.access.bearer import CallerDep
from services.api.access.tokens import valid_token
from services.api.runs.following import Following
from services.api.runs.queries.progress import RunProgress, progress
from services.api.runs.schemas import PROGRESS_EXAMPLE, ProgressOut
from services.api.web.dependencies import ContextDep, RunId, context_of_request
from services.api.web.documented import documented
from services.api.web.ending import EndingResponse
from services.api.web.known import credential_of
from shared.worker.context import Context

_HEARTBEAT_SECONDS = 15
_RECONNECT_MILLISECONDS = 2000
_END = "end"
_EXAMPLE_DATA = ProgressOut.model_validate(PROGRESS_EXAMPLE).model_dump_json()
_EXAMPLE = {"id": "5f1c0e7a", "event": "progress", "retry": 2000, "data": _EXAMPLE_DATA}
# Of one event, as OpenAPI describes streams of them.
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["progress", _END]},
        "id": {"type": "string", "description": "What Last-Event-ID is to be; `end` with the last event."},
        "retry": {"type": "integer", "description": "Milliseconds before connecting again."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/ProgressOut"},
        },
    },
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`progress` events whenever something changed, and one `end` event with the same data.",
        "content": {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE}},
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
async def follow_run(
    request: Request, context: ContextDep, caller: CallerDep, run_id: RunId, last_event_id: LastEventId = None
) -> Response:
    """Server-sent events until the run or the token ends; a comment every 15 s keeps the connection open. At most ten
    at once for each token.

    A listener that connects again is told only what is new to it.
    """
    credential = credential_of(request.scope)
    return await stream_of(
        request,
        run_id,
        last_event_id,
        caller=caller.actor,
        is_still_good=lambda: valid_token(context, credential) is not None,
    )


async def stream_of(
    request: Request,
    run_id: int,
    last_event_id: str | None,
    *,
    caller: str,
    is_still_good: Callable[[], bool],
) -> Response:
    """The stream of a run for a caller whose sign-in is looked at now and then.

    :raises HTTPException: 429, they have too many streams.
    :raises NotFound: there is no such run.
    """
    context, following = context_of_request(request), following_of(request)
    now = await run_in_threadpool(progress, context, run_id)
    if now.is_ended and last_event_id == _END:
        # An EventSource connects again whenever a stream ends, until it gets this (HTML standard, section 9.2).
        return Response(status_code=204)
    following.open(caller)
    told = following.follow(run_id, caller, is_still_good)
    stream = EventSourceResponse(_events(context, told, last_event_id or ""), ping=_HEARTBEAT_SECONDS)
    return EndingResponse(stream, lambda: following.close(caller))


def following_of(request: Request) -> Following:
    """Who follows which run in this process."""
    return cast(Following, request.app.state.following)


async def _events(
    context: Context, told: AsyncGenerator[RunProgress], known: str
) -> AsyncIterator[ServerSentEvent]:
    async with aclosing(told):
        async for now in told:
            data = ProgressOut.model_validate(now).model_dump_json()
            # Says what the listener knows, so that it holds in any process and after a restart.
            event_id = hashlib.sha256(data.encode()).hexdigest()[:16]
            if event_id != known:
                known = event_id
                yield ServerSentEvent(data=data, event="progress", id=known, retry=_RECONNECT_MILLISECONDS)
            if now.is_ended:
                yield ServerSentEvent(data=data, event=_END, id=_END)
