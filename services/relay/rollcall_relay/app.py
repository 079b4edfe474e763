"""The routes behind the gate: every request here is the peer's. Thin: parse, call, answer."""

import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rollcall_relay.errors import RelayError, TryAgain
from rollcall_relay.gate import Gate
from rollcall_relay.operations import Operations
from rollcall_relay.pairing import Pairing
from rollcall_relay.self_test import self_test
from rollcall_relay.settings import Settings
from rollcall_relay.signing import Signatures
from rollcall_relay.worker import Worker

LONGEST_WAIT_SECONDS = 25
_STATUS = {"request_invalid": 400, "operation_unknown": 404, "operation_conflict": 409}
Handler = Callable[[Request], Awaitable[Response]]


def make_app(
    settings: Settings, operations: Operations, worker: Worker, pairing: Pairing, gate: Signatures
) -> Gate:
    """The application with its gate before it."""

    async def test(_: Request) -> Response:
        result = await run_in_threadpool(self_test, settings)
        peer = pairing.peer()
        paired = {"name": peer.name, "paired_at": peer.paired_at} if peer else None
        return JSONResponse(result | {"peer": paired, "operations_waiting": worker.waiting()})

    async def ask(request: Request) -> Response:
        operation = request.path_params["operation"]
        try:
            document = json.loads(await request.body())
        except (ValueError, RecursionError):
            raise RelayError("request_invalid", "The body is not JSON.") from None
        await run_in_threadpool(operations.accept, operation, document)
        worker.ask(operation)
        return await _state(operation, 0)

    async def look(request: Request) -> Response:
        wait = request.query_params.get("wait", "0")
        if not wait.isdecimal() or not wait.isascii() or len(wait) > 3:
            raise RelayError("request_invalid", "'wait' is a number of seconds.")
        return await _state(request.path_params["operation"], min(int(wait), LONGEST_WAIT_SECONDS))

    async def _state(operation: str, seconds: float) -> Response:
        answer = await run_in_threadpool(worker.state, operation, seconds)
        return JSONResponse(answer, 202 if answer["state"] in {"queued", "running"} else 200)

    async def backups(_: Request) -> Response:
        return JSONResponse({"backups": await run_in_threadpool(operations.backups)})

    routes = [
        Route("/v1/test", test, methods=["GET"]),
        Route("/v1/operations/{operation}", ask, methods=["PUT"]),
        Route("/v1/operations/{operation}", look, methods=["GET"]),
        Route("/v1/backups", backups, methods=["GET"]),
    ]
    app = Starlette(
        routes=routes, exception_handlers={RelayError: _explain, TryAgain: _explain, HTTPException: _unknown}
    )
    return Gate(app, gate, pairing)


async def _explain(_: Request, error: Exception) -> Response:
    assert isinstance(error, RelayError)
    status = 503 if isinstance(error, TryAgain) else _STATUS.get(error.code, 500)
    return JSONResponse({"code": error.code, "message": error.message}, status)


async def _unknown(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"code": "request_invalid", "message": "The relay has no such address."}, status)
