"""Progress of a run as server-sent events, until the run ends."""

from typing import Any

from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse

from services.api.access.bearer import CallerDep
from services.api.access.tokens import valid_token
from services.api.runs.queries.progress import progress
from services.api.runs.schemas import PROGRESS_EXAMPLE, ProgressOut
from services.api.runs.streaming import END, LastEventId, stream_of
from services.api.web.dependencies import ContextDep, RunId
from services.api.web.documented import documented
from services.api.web.known import credential_of

_EXAMPLE_DATA = ProgressOut.model_validate(PROGRESS_EXAMPLE).model_dump_json()
_EXAMPLE = {"id": "5f1c0e7a", "event": "progress", "retry": 2000, "data": _EXAMPLE_DATA}
# Of one event, as OpenAPI describes streams of them.
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["progress", END]},
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

router = APIRouter(tags=["runs"])


@router.get("/runs/{run_id}/progress", summary="Progress of a run, once", responses=documented(404))
def read_progress(context: ContextDep, run_id: RunId) -> ProgressOut:
    """How far the run is now."""
    return ProgressOut.model_validate(progress(context, run_id))


@router.get(
    "/runs/{run_id}/events",
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
