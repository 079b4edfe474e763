"""Refuses request bodies that no handler can use, before anything reads them into a model."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.web.problems import problem_response

MAX_STRANGERS_BODY_BYTES = 64_000
MAX_BODY_BYTES = 1_000_000
# Of a form with a file: bytes that nobody reads as text. What a picture may have is said where it is taken.
MAX_UPLOAD_BYTES = 5_000_000
# From the end of a request's head to the end of its body.
BODY_SECONDS = 30.0
STRANGERS_BODY_SECONDS = 10.0
# Half of a character: JSON can say it, but neither a database nor an answer can hold it.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")


class BodyLimit:
    """ASGI middleware: reads at most ``MAX_BODY_BYTES`` of a body (``MAX_UPLOAD_BYTES`` of a form with a file) in
    ``BODY_SECONDS``, whatever its Content-Length says. ``is_signed_in`` is asked before more is taken than strangers send.
    """

    def __init__(self, app: ASGIApp, is_signed_in: Callable[[Scope], Awaitable[bool]]) -> None:
        self._app = app
        self._is_signed_in = is_signed_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body read, or answer 400, 408 or 413."""
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        has_file = Headers(scope=scope).get("Content-Type", "").lower().startswith("multipart/form-data")
        body = bytearray()
        refused = await self._read(scope, receive, body, MAX_UPLOAD_BYTES if has_file else MAX_BODY_BYTES)
        if refused is None and not has_file and not _is_text(bytes(body)):
            refused = problem_response(
                400,
                "body_unreadable",
                "The request's body is no text: it holds bytes that are not UTF-8, or half of a character. "
                "Send JSON in UTF-8.",
            )
        if refused is not None:
            await refused(scope, receive, send)
            return
        given = False

        async def _replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, _replay, send)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray, most: int) -> Response | None:
        """Read the body into ``body``; the refusal when it cannot be taken."""
        allowed, seconds, length = MAX_STRANGERS_BODY_BYTES, STRANGERS_BODY_SECONDS, 0
        is_asked = False
        try:
            async with asyncio.timeout(seconds) as limit:
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        # Whoever asked is gone: nobody reads the answer.
                        return Response(status_code=400)
                    piece = message.get("body", b"")
                    length += len(piece)
                    more = message.get("more_body", False)
                    if length > allowed and not is_asked:
                        is_asked = True
                        if await self._is_signed_in(scope):
                            allowed, seconds = most, BODY_SECONDS
                            limit.reschedule(asyncio.get_running_loop().time() + seconds)
                    if length <= allowed:
                        body += piece
                    elif length > most:
                        break
                    # Else it is read on and not kept: whoever is still sending would not see the answer.
                if length > allowed:
                    return _too_large(allowed)
        except TimeoutError:
            return problem_response(
                408,
                "body_too_slow",
                f"The request's body did not arrive within {seconds:.0f} seconds. Send it again.",
                headers={"Connection": "close"},
            )
        return None


def _too_large(allowed: int) -> Response:
    before = " before a sign-in" if allowed == MAX_STRANGERS_BODY_BYTES else ""
    return problem_response(
        413,
        "body_too_large",
        f"The request's body is larger than {allowed:,} bytes{before}. Send less.",
        headers={"Connection": "close"},
    )


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
        if _SURROGATE.search(body):
            # Two halves that make a whole are fine; json joins them.
            json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeError:
        return False
    except (ValueError, RecursionError):
        # Not JSON, which its reader says better.
        return True
    return True
