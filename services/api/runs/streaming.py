"""Server-sent events of a run, for the API and the console."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, cast

from fastapi import Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.api.runs.following import Following
from services.api.runs.queries.progress import RunProgress, progress
from services.api.runs.schemas import ProgressOut
from services.api.web.dependencies import context_of_request
from services.api.web.ending import EndingResponse
from services.api.web.known import credential_of
from shared.worker.context import Context

_HEARTBEAT_SECONDS = 15
_RECONNECT_MILLISECONDS = 2000
END = "end"
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Sent by a listener that connects again.")
]


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
    if now.is_ended and last_event_id == END:
        # An EventSource connects again whenever a stream ends, until it gets this (HTML standard, section 9.2).
        return Response(status_code=204)
    following.open(caller)
    reports = following.follow(run_id, caller, credential_of(request.scope), is_still_good)
    stream = EventSourceResponse(_events(context, reports, last_event_id or ""), ping=_HEARTBEAT_SECONDS)
    return EndingResponse(stream, lambda: following.close(caller))


def following_of(request: Request) -> Following:
    """Who follows which run in this process."""
    return cast(Following, request.app.state.following)


async def _events(
    context: Context, reports: AsyncGenerator[RunProgress], known: str
) -> AsyncIterator[ServerSentEvent]:
    async with aclosing(reports):
        async for now in reports:
            data = ProgressOut.model_validate(now).model_dump_json()
            # Says what the listener knows, so that it holds in any process and after a restart.
            event_id = hashlib.sha256(data.encode()).hexdigest()[:16]
            if event_id != known:
                known = event_id
                yield ServerSentEvent(data=data, event="progress", id=known, retry=_RECONNECT_MILLISECONDS)
            if now.is_ended:
                yield ServerSentEvent(data=data, event=END, id=END)
