"""Files that are exported as responses, for the API and the console."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import IO, cast

from fastapi import Request, Response
from fastapi.concurrency import iterate_in_threadpool
from fastapi.responses import StreamingResponse

from services.api.console.exports import Exports, Ordered, opened
from services.api.console.rendering import page
from services.api.web.ending import EndingResponse

# Most files are made by then; for others there is a page, which asks again.
_PATIENCE_SECONDS = 5.0
_ASK_AGAIN_SECONDS = 2


def exports_of(request: Request) -> Exports:
    """The exports of this process."""
    return cast(Exports, request.app.state.exports)


def sent_in_turn(
    request: Request,
    caller: str,
    pieces: Iterator[bytes],
    name: str,
    media_type: str = "text/csv; charset=utf-8",
) -> Response:
    """A file in pieces under a name, sent when it is the caller's turn.

    :raises HTTPException: 429, too many of their files are in hand.
    """
    exports = exports_of(request)
    exports.enter(caller)

    async def _in_turn() -> AsyncIterator[bytes]:
        async with exports.turn(caller):
            async for piece in iterate_in_threadpool(pieces):
                yield piece

    return EndingResponse(
        StreamingResponse(_in_turn(), media_type=media_type, headers=_named(name)),
        lambda: exports.leave(caller),
    )


def finished(exports: Exports, caller: str, order: Ordered, file: IO[bytes]) -> Response:
    """A file that is done, handed out."""
    size, pieces = opened(file)
    exports.discard(caller, order)
    return StreamingResponse(
        pieces,
        media_type=order.media_type,
        headers=_named(order.file_name) | {"Content-Length": str(size)},
    )


async def when_made(request: Request, caller: str, order: Ordered, kind: str, of: str, back: str) -> Response:
    """The file, when it is made soon; else a page that asks again. ``of`` is what the file is of."""
    exports = exports_of(request)
    made = exports.order(caller, order)
    await asyncio.wait([made], timeout=_PATIENCE_SECONDS)
    if made.done():
        return finished(exports, caller, order, made.result())
    response = page(request, "export.html", HTTPStatus.ACCEPTED, kind=kind, of=of, back=back)
    response.headers["Refresh"] = str(_ASK_AGAIN_SECONDS)
    return response


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
