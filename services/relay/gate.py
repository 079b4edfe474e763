"""Stands before the application: lets only pairing and signed requests in, within limits of size and time.

Whatever it refuses gets one and the same answer, so that nobody outside learns why; the relay's log says why.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.relay.errors import RelayError
from services.relay.pairing import Pairing
from services.relay.signing import Refused, Signatures

BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
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

        try:
            answer = await self._admitted(scope, receive)
        except Refused as reason:
            client = (scope.get("client") or ("?",))[0]
            _LOG.warning("refused a request from %s: %s", client, reason)
            await JSONResponse({"code": "refused"}, 401)(scope, receive, send_last)
            return
        if isinstance(answer, JSONResponse):
            await answer(scope, receive, send_last)
            return
        await self._app(scope, _replayed(answer), send_last)

    async def _admitted(self, scope: Scope, receive: Receive) -> bytes | JSONResponse:
        method, headers = scope["method"], Headers(scope=scope)
        target = scope["raw_path"].decode("ascii", "replace")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("ascii", "replace")
        if (method, target) == PAIR:
            return await self._pair(await _body(receive, headers))
        self._signatures.check_head(headers)
        body = await _body(receive, headers)
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


async def _body(receive: Receive, headers: Mapping[str, str]) -> bytes:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > BODY_BYTES:
        raise Refused(f"its body is larger than {BODY_BYTES} bytes")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(receive)
    except TimeoutError as error:
        raise Refused(f"its body did not arrive within {BODY_SECONDS:.0f} s") from error


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("it ended before its body did")
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise Refused(f"its body is larger than {BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return bytes(body)


def _replayed(body: bytes) -> Receive:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
