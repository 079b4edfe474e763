"""The sandbox phone system over HTTP: tokens, dispatch, faults, and its own ``/sandbox`` pages.

``/sandbox/state``, ``/sandbox/calls``, ``/sandbox/faults``, ``/sandbox/release``, ``/sandbox/users`` and
``/sandbox/reset`` are for tests and demos and need no token.
"""

import asyncio
import json
import logging
import secrets
import socket
import threading
import time
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.sandbox.phone_system import resources, user_fields
from services.sandbox.phone_system.answers import Refusal, invalid_body
from services.sandbox.phone_system.faults import Faults
from services.sandbox.phone_system.options import PhoneSystemOptions
from services.sandbox.phone_system.resources import Answer
from services.sandbox.phone_system.store import PhoneSystem

API = "/xapi/v1"
_METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]


class DroppedConnection(Response):
    """Promises more than it sends, so that the connection ends without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin an answer and break off; the server then closes the connection."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})


class SandboxServer:
    """One phone system behind its API."""

    def __init__(self, options: PhoneSystemOptions) -> None:
        self.options = options
        self.system = PhoneSystem(options)
        self.faults = Faults()
        self.tokens: dict[str, tuple[str, float]] = {}
        self.token_requests = 0
        self.in_flight = 0
        self.most_in_flight = 0

    async def token(self, request: HttpRequest) -> Response:
        """Grant a token; the one before it is worth nothing from then on."""
        form = await request.form()
        self.token_requests += 1
        client, given = str(form.get("client_id", "")), str(form.get("client_secret", ""))
        is_known = client == self.options.client_id and secrets.compare_digest(
            given, self.options.client_secret
        )
        if not is_known or form.get("grant_type") != "client_credentials":
            said = "The request requires valid user authentication."
            return JSONResponse({"error": "unauthorized", "error_description": said}, 401)
        granted = self._grant(client)
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": self.options.expires_in,
                "access_token": granted,
                "refresh_token": None,
            }
        )

    def _grant(self, client: str) -> str:
        token = secrets.token_urlsafe(24)
        key = client if self.options.is_token_per_client else "phone system"
        self.tokens[key] = (token, time.monotonic() + self.options.expires_in)
        return token

    def _is_authorised(self, request: HttpRequest) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return any(given == token and time.monotonic() < until for token, until in self.tokens.values())

    async def api(self, request: HttpRequest) -> Response:
        """One call of the API, with the faults that strike it."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._api(request)
        finally:
            self.in_flight -= 1

    async def _api(self, request: HttpRequest) -> Response:
        path = request.url.path.removeprefix(API)
        struck = {fault["kind"]: fault for fault in self.faults.take(request.method, path)}
        pause = self.options.latency_ms + struck.get("latency", {}).get("ms", 0)
        body = await request.body()
        if pause:
            await asyncio.sleep(pause / 1000)
        if "steal_token" in struck:
            self._grant(self.options.client_id)
        if "drop_before" in struck:
            return DroppedConnection()
        if "hold_before" in struck:
            await self.faults.hold()
        if "status" in struck:
            return _fault_answer(struck["status"])
        if "edit" in struck:
            edit = struck["edit"]
            self.system.change_user(self.system.user_id_of(str(edit["number"])), edit["changes"])
        response = self._answer(request, path, body)
        if "hold_after" in struck:
            await self.faults.hold()
        if "drop_after" in struck:
            return DroppedConnection()
        return response

    def _answer(self, request: HttpRequest, path: str, body: bytes) -> Response:
        headers = {"X-3CX-Version": self.options.version}
        if not self._is_authorised(request):
            # As real systems: no body at all.
            return Response(status_code=401, headers=headers)
        try:
            handler, arguments, template = resources.find(request.method, path)
            self.system.requests[f"{request.method} {template}"] += 1
            if not path.startswith("/Defs"):
                resources.check_role(self.system)
            call = resources.Request(
                self.system, request.query_params, _parsed(body), "prefer" in request.headers
            )
            answer = handler(call, **arguments)
        except Refusal as refused:
            answer = Answer(refused.status, refused.body, refused.headers)
        return _response(answer, headers)

    # --- the sandbox's own pages --------------------------------------------------------------------------

    async def state(self, request: HttpRequest) -> Response:
        """Users (or the one of ``?number=``), departments and totals, as they are."""
        users = [self._shown(user_id) for user_id in sorted(self.system.users)]
        number = request.query_params.get("number")
        if number is not None:
            users = [user for user in users if user["Number"] == number]
        return JSONResponse(
            {
                "users": users,
                "groups": list(self.system.groups.values()),
                "extensions": len(self.system.users),
                "held": self.faults.held,
                "faults": self.faults.switched_on,
                "fired": self.faults.fired,
            }
        )

    async def calls(self, request: HttpRequest) -> Response:
        """How often each change was really made, and how many requests there were."""
        return JSONResponse(
            {
                **{name: dict(by_key) for name, by_key in self.system.calls.items()},
                "requests": dict(self.system.requests),
                "token_requests": self.token_requests,
                "most_in_flight": self.most_in_flight,
            }
        )

    async def switch_faults(self, request: HttpRequest) -> Response:
        """Switch a fault on (``POST``) or all off (``DELETE``)."""
        if request.method == "DELETE":
            self.faults.clear()
            return Response(status_code=204)
        problem = self.faults.add(_parsed(await request.body()))
        return JSONResponse({"error": problem}, 400) if problem else Response(status_code=204)

    async def release(self, request: HttpRequest) -> Response:
        """Let go the requests that are being held."""
        self.faults.release()
        return Response(status_code=204)

    async def seed(self, request: HttpRequest) -> Response:
        """Add users without counting them, for the start of a test: a list of bodies."""
        bodies = _parsed(await request.body())
        try:
            made = [self.system.add_user(body, is_counted=False)["Id"] for body in bodies]
        except Refusal as refused:
            return JSONResponse(refused.body, refused.status)
        return JSONResponse({"Ids": made})

    async def reset(self, request: HttpRequest) -> Response:
        """Begin anew with the same options."""
        self.__init__(self.options)  # type: ignore[misc]
        return Response(status_code=204)

    def _shown(self, user_id: int) -> dict[str, Any]:
        own = self.system.users[user_id]
        return {name: (user_fields.DEFAULTS | own).get(name) for name in user_fields.WRITABLE} | {
            "ForwardingProfiles": own.get("ForwardingProfiles")
            or user_fields.default_profiles(own["Number"]),
        }


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        raise invalid_body() from None


def _response(answer: Answer, headers: dict[str, str]) -> Response:
    headers = headers | dict(answer.headers or {})
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, headers)
    return JSONResponse(answer.body, answer.status, headers)


def _fault_answer(fault: dict[str, Any]) -> Response:
    status = int(fault.get("status", 500))
    headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
    match fault.get("body", "html"):
        case "html":
            page = f"<html><head><title>{status}</title></head><body><h1>{status} from a proxy</h1></body></html>"
            return Response(page, status, headers, "text/html")
        case "odata":
            return JSONResponse(
                {"error": {"code": "", "message": "The server is not well."}}, status, headers
            )
        case _:
            return Response(status_code=status, headers=headers)


def create_app(options: PhoneSystemOptions, server: SandboxServer | None = None) -> Starlette:
    """The ASGI application of one phone system."""
    served = server or SandboxServer(options)
    routes = [
        Route("/connect/token", served.token, methods=["POST"]),
        Route("/sandbox/state", served.state),
        Route("/sandbox/calls", served.calls),
        Route("/sandbox/faults", served.switch_faults, methods=["POST", "DELETE"]),
        Route("/sandbox/release", served.release, methods=["POST"]),
        Route("/sandbox/users", served.seed, methods=["PUT"]),
        Route("/sandbox/reset", served.reset, methods=["POST"]),
        Route(API + "{path:path}", served.api, methods=_METHODS),
    ]
    return Starlette(routes=routes)


def _configured(app: Starlette) -> uvicorn.Server:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    # A connection dropped on purpose is no error of the server.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one.

    :raises OSError: the port is in use or the address not ours.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def serve(options: PhoneSystemOptions, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    _configured(create_app(options)).run(sockets=[listening])


class RunningPhoneSystem:
    """A phone system served by a thread of this process, for the time of a ``with`` block."""

    def __init__(self, options: PhoneSystemOptions | None = None, port: int = 0) -> None:
        self.options = options or PhoneSystemOptions()
        self._sandbox = SandboxServer(self.options)
        self._socket = listen("127.0.0.1", port)
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = _configured(create_app(self.options, self._sandbox))
        self._thread = threading.Thread(target=self._serve, name="sandbox phone system", daemon=True)

    @property
    def client_id(self) -> str:
        """What a client signs in with."""
        return self.options.client_id

    @property
    def client_secret(self) -> str:
        """What a client signs in with."""
        return self.options.client_secret

    @property
    def state(self) -> PhoneSystem:
        """The state itself, to look at (or seed) from the same process."""
        return self._sandbox.system

    @property
    def faults(self) -> Faults:
        """The faults, to switch on from the same process (``release`` only over HTTP)."""
        return self._sandbox.faults

    def __enter__(self) -> Self:
        self._socket.listen(2048)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))
