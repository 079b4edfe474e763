"""Stands before the application: lets only pairing and signed requests in, within limits of size and time.

Whatever it refuses gets one and the same answer, so that nobody outside learns why; the relay's log says why.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall_relay.errors import RelayError
from rollcall_relay.pairing import Pairing
from rollcall_relay.signing import Refused, Signatures

BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
# Of a refused request, read and thrown away: a connection closed on what has not been read takes the answer with it.
_REFUSED_BYTES = 1024 * 1024
PAIR = ("POST", "/v1/pair")
_LOG = logging.getLogger("rollcall.relay")


class Gate:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, signatures: Signatures, pairing: Pairing) -> None:
        self._app = app
        self._signatures = signatures
        self._pairing = pairing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in or refuse."""
        assert scope["type"] == "http"

        async def send_last(message: Message) -> None:
            # One request for each connection: then one time limit for each connection is enough.
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        coming = _Coming(receive)
        try:
            answer = await self._admitted(scope, coming)
        except Refused as reason:
            client = (scope.get("client") or ("?",))[0]
            _LOG.warning("refused a request from %s: %s", client, reason)
            await coming.throw_away()
            await JSONResponse({"code": "refused"}, 401)(scope, receive, send_last)
            return
        if isinstance(answer, JSONResponse):
            await answer(scope, receive, send_last)
            return
        await self._app(scope, _replayed(answer), send_last)

    async def _admitted(self, scope: Scope, coming: "_Coming") -> bytes | JSONResponse:
        method, headers = scope["method"], Headers(scope=scope)
        target = scope["raw_path"].decode("ascii", "replace")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("ascii", "replace")
        if (method, target) == PAIR:
            return await self._pair(await coming.body(headers))
        self._signatures.check_head(headers)
        body = await coming.body(headers)
        self._signatures.check(method, target, headers, body)
        return body

    async def _pair(self, body: bytes) -> JSONResponse:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused("a pairing that is not JSON") from error
        try:
            is_paired = await run_in_threadpool(self._pairing.pair, document)
        except (RelayError, OSError) as error:
            raise Refused(f"a pairing that cannot be kept: {error}") from error
        if not is_paired:
            raise Refused("a pairing without a good code")
        _LOG.warning("paired with %s", document["name"])
        return JSONResponse({"paired": True})


class _Coming:
    """The body of one request as it arrives, within one time limit whatever becomes of it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        self._length = 0
        self._is_over = False

    async def body(self, headers: Mapping[str, str]) -> bytes:
        """All of it. Raises ``Refused`` when it is too large, too slow or cut off."""
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 9 or int(length) > BODY_BYTES:
            raise Refused(f"its body is larger than {BODY_BYTES} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout_at(self._deadline):
                while not self._is_over:
                    body += await self._next()
                    if len(body) > BODY_BYTES:
                        raise Refused(f"its body is larger than {BODY_BYTES} bytes")
        except TimeoutError as error:
            raise Refused(f"its body did not arrive within {BODY_SECONDS:.0f} s") from error
        return bytes(body)

    async def throw_away(self) -> None:
        """Read what is left, so that whoever is still sending sees the answer."""
        with contextlib.suppress(TimeoutError, Refused):
            async with asyncio.timeout_at(self._deadline):
                while not self._is_over and self._length <= _REFUSED_BYTES:
                    await self._next()

    async def _next(self) -> bytes:
        message = await self._receive()
        piece: bytes = message.get("body", b"")
        self._length += len(piece)
        self._is_over = message["type"] == "http.disconnect" or not message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise Refused("it ended before its body did")
        return piece


def _replayed(body: bytes) -> Receive:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
