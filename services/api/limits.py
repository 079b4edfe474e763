"""Refuses request bodies that no handler can use, before anything reads them into a model."""

import json
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.problems import problem_response

MAX_BODY_BYTES = 1_000_000
# Of a form with a file: bytes that nobody reads as text. What a picture may have is said where it is taken.
MAX_UPLOAD_BYTES = 5_000_000
# Half of a character: JSON can say it, but neither a database nor an answer can hold it.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class BodyLimit:
    """ASGI middleware: reads at most ``MAX_BODY_BYTES`` of a body (``MAX_UPLOAD_BYTES`` of a form with a file),
    whatever its Content-Length says.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body read, or answer 413 or 400."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        has_file = Headers(scope=scope).get("Content-Type", "").lower().startswith("multipart/form-data")
        most = MAX_UPLOAD_BYTES if has_file else MAX_BODY_BYTES
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > most:
                refused = problem_response(
                    413,
                    "body_too_large",
                    f"The request's body is larger than {most:,} bytes. Send less.",
                    headers={"Connection": "close"},
                )
                await refused(scope, receive, send)
                return
        if not has_file and not _is_text(bytes(body)):
            refused = problem_response(
                400,
                "body_unreadable",
                "The request's body is no text: it holds bytes that are not UTF-8, or half of a character. "
                "Send JSON in UTF-8.",
            )
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
