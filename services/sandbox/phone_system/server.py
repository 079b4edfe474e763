"""The sandbox phone system over HTTP: tokens, dispatch, faults, and its own ``/sandbox`` pages.

``/sandbox/state``, ``/sandbox/calls``, ``/sandbox/faults``, ``/sandbox/release``, ``/sandbox/users`` and
``/sandbox/reset`` are for tests and demos and need no token.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.sandbox.phone_system import (
    actions,
    departments,
    metadata,
    numbers,
    recordings,
    routing,
    system,
    user_fields,
    users,
)
from services.sandbox.phone_system.answers import Refusal, invalid_body
from services.sandbox.phone_system.faults import Faults
from services.sandbox.phone_system.options import PhoneSystemOptions
from services.sandbox.phone_system.releases import worded
from services.sandbox.phone_system.routing import Answer
from services.sandbox.phone_system.store import PhoneSystem

API = "/xapi/v1"
_TOKENS = "/connect/token"
# Named so that their routes are there.
RESOURCES = (users, actions, departments, numbers, recordings, system, metadata)
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
        self.in_flight = 0
        self._begin()

    def _begin(self) -> None:
        self.system = PhoneSystem(self.options)
        self.faults = Faults()
        self.tokens: dict[str, tuple[str, float]] = {}
        self.token_requests = 0
        self.most_in_flight = 0

    async def token(self, request: HttpRequest) -> Response:
        """Grant a token; the one before it is worth nothing from then on. Struck by faults that name this path."""
        struck = self.faults.take(request.method, _TOKENS)
        return await self._struck(struck, lambda: self._token_answer(request))

    async def _token_answer(self, request: HttpRequest) -> Response:
        form = await request.form()
        self.token_requests += 1
        client, given = str(form.get("client_id", "")), str(form.get("client_secret", ""))
        secret = self.options.clients().get(client)
        is_known = secret is not None and secrets.compare_digest(given.encode(), secret.encode())
        if not is_known or form.get("grant_type") != "client_credentials":
            description = "The request requires valid user authentication."
            return JSONResponse({"error": "unauthorized", "error_description": description}, 401)
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": self.options.expires_in,
                "access_token": self._grant(client),
                "refresh_token": None,
            }
        )

    def _grant(self, client: str) -> str:
        token = secrets.token_urlsafe(24)
        key = client if self.options.is_token_per_client else "phone system"
        self.tokens[key] = (token, time.monotonic() + self.options.expires_in)
        return token

    def _is_authorised(self, request: HttpRequest) -> bool:
        scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
        now = time.monotonic()
        return scheme.lower() == "bearer" and any(
            given == token and now < until for token, until in self.tokens.values()
        )

    async def api(self, request: HttpRequest) -> Response:
        """One call of the API, with the faults that strike it."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            path = request.scope["path"].removeprefix(API)
            struck = self.faults.take(request.method, path)
            body = await request.body()
            return await self._struck(struck, lambda: self._answer(request, path, body, struck.get("lie")))
        finally:
            self.in_flight -= 1

    async def _struck(
        self, struck: dict[str, dict[str, Any]], answer: Callable[[], Awaitable[Response]]
    ) -> Response:
        pause = self.options.latency_ms + struck.get("latency", {}).get("ms", 0)
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
            self._edit(struck["edit"])
        response = await answer()
        if "hold_after" in struck:
            await self.faults.hold()
        if "drop_after" in struck:
            return DroppedConnection()
        return response

    def _edit(self, fault: dict[str, Any]) -> None:
        """Somebody else's change; nobody's if the extension has gone, and never counted as one of ours."""
        with suppress(Refusal):
            user_id = self.system.user_id_of(fault["number"])
            self.system.change_user(user_id, fault["changes"], is_counted=False)

    async def _answer(
        self, request: HttpRequest, path: str, body: bytes, lie: dict[str, Any] | None
    ) -> Response:
        headers = {"X-3CX-Version": self.options.version}
        if not self._is_authorised(request):
            # As real systems: no body at all.
            return Response(status_code=401, headers=headers)
        try:
            handler, arguments, template = routing.find(request.method, path)
            self.system.requests[f"{request.method} {template}"] += 1
            self._check_rights(request, path)
            asked = request.query_params
            if lie is not None and lie["how"] == "earlier_page":
                asked = QueryParams({**asked, "$skip": "0"})
            answer = handler(routing.Request(self.system, asked, _parsed(body)), **arguments)
            if lie is not None:
                answer = _told(lie, answer)
        except Refusal as refused:
            answer = Answer(refused.status, worded(refused.body, self.options.release), refused.headers)
        return _response(answer, headers)

    def _check_rights(self, request: HttpRequest, path: str) -> None:
        """An ordinary user may use nothing of this API; actions fail on a header that OData clients like to send."""
        if self.options.role == "users" and not path.startswith("/Defs"):
            raise Refusal(403)
        if request.method == "POST" and "/Pbx." in path and "prefer" in request.headers:
            raise Refusal(500)

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
                "queues": list(self.system.queues.values()),
                "ring_groups": list(self.system.ring_groups.values()),
                "receptionists": list(self.system.receptionists.values()),
                "inbound_rules": list(self.system.inbound_rules.values()),
                "recordings": list(self.system.recordings.values()),
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
        try:
            problem = self.faults.add(_parsed(await request.body()))
        except Refusal:
            problem = "The body is not JSON."
        return JSONResponse({"error": problem}, 400) if problem else Response(status_code=204)

    async def release(self, request: HttpRequest) -> Response:
        """Let go the requests that are being held."""
        self.faults.release()
        return Response(status_code=204)

    async def seed(self, request: HttpRequest) -> Response:
        """Add users without counting them, for the start of a test: a list of bodies."""
        try:
            bodies = _parsed(await request.body())
            if not isinstance(bodies, list):
                raise invalid_body()
            made = [self.system.add_user(body, is_counted=False)["Id"] for body in bodies]
        except Refusal as refused:
            return JSONResponse(refused.body, refused.status)
        return JSONResponse({"Ids": made})

    async def reset(self, request: HttpRequest) -> Response:
        """Begin anew with the same options: tokens, faults and counts go too."""
        self.faults.clear()
        self._begin()
        return Response(status_code=204)

    def _shown(self, user_id: int) -> dict[str, Any]:
        user = self.system.user(user_id)
        profiles = user_fields.default_profiles(user["Number"])
        return {"ForwardingProfiles": profiles, **user}


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise invalid_body() from None


def _response(answer: Answer, headers: dict[str, str]) -> Response:
    headers = headers | dict(answer.headers or {})
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, headers)
    return JSONResponse(answer.body, answer.status, headers)


def _told(lie: dict[str, Any], answer: Answer) -> Answer:
    """An answer with something untrue in place of what it says; as it is where it does not say such a thing."""
    body = answer.body
    if not isinstance(body, dict):
        return answer
    if lie["how"] == "truncated":
        text = json.dumps(body).encode()
        return replace(answer, body=text[: len(text) // 2], headers={"Content-Type": "application/json"})
    if lie["how"] == "empty_page" and "value" in body:
        return replace(answer, body=body | {"value": []})
    if lie["how"] == "wrong_count" and "@odata.count" in body:
        return replace(answer, body=body | {"@odata.count": lie.get("count", 0)})
    return answer


def _fault_answer(fault: dict[str, Any]) -> Response:
    status = int(fault.get("status", 500))
    headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
    if 300 <= status < 400:
        headers["Location"] = "/maintenance"
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
        Route(_TOKENS, served.token, methods=["POST"]),
        Route("/sandbox/state", served.state),
        Route("/sandbox/calls", served.calls),
        Route("/sandbox/faults", served.switch_faults, methods=["POST", "DELETE"]),
        Route("/sandbox/release", served.release, methods=["POST"]),
        Route("/sandbox/users", served.seed, methods=["PUT"]),
        Route("/sandbox/reset", served.reset, methods=["POST"]),
        Route(API + "{path:path}", served.api, methods=_METHODS),
    ]
    return Starlette(routes=routes)
