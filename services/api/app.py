"""Makes the HTTP application. An entrypoint calls ``create_app`` with its context and serves it with uvicorn."""

import json

from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from starlette.types import Scope

from services.api.access.bearer import caller_of, check_operations
from services.api.access.sessions import is_open
from services.api.access.tokens import valid_token
from services.api.accounts import routes as access
from services.api.connections.routes import controllers, database, questions
from services.api.console.exports import Exports
from services.api.console.rendering import PREFIX as CONSOLE
from services.api.console_app import create_console
from services.api.log import routes as log
from services.api.notifications import routes as notifications
from services.api.operations.routes import health, metrics
from services.api.operations.use_cases.broker_health import BrokerHealth
from services.api.operations.use_cases.readiness import ReadinessLook
from services.api.people import routes as people
from services.api.runs.following import Following
from services.api.runs.routes import progress, runs
from services.api.settings.routes import pairing
from services.api.settings.routes import sections as settings
from services.api.sites import routes as sites
from services.api.web import openapi, problems
from services.api.web.admission import Admission, AdmissionMiddleware
from services.api.web.bodies import BodyLimit
from services.api.web.documented import documented, operation_of
from services.api.web.headers import AnswerHeaders
from services.api.web.known import credential_of, note_signed_in
from services.api.web.large_answers import one_at_a_time
from shared.distribution import installed_version
from shared.worker.context import Context

PREFIX = "/api/v1"
_DESCRIPTION = """Keeps the extensions of a 3CX phone system in sync with Active Directory.

Sign in with a bearer token (`rollcall token create NAME`). Every failure is an RFC 9457 problem document with a
stable `code`; 503 comes with `Retry-After`."""


def create_app(context: Context) -> FastAPI:
    """The application for one process's context. Everything of the API but ``/health`` needs a token; the console
    below ``/console`` has sign-ins of its own.
    """
    app = FastAPI(
        title="Rollcall",
        version=installed_version(),
        description=_DESCRIPTION,
        # Ours below: FastAPI's would write the document anew for everybody who asks.
        openapi_url=None,
        # FastAPI's page of documentation loads scripts from the internet; an intranet tool must not.
        docs_url=None,
        redoc_url=None,
        # A redirect would name the host that the client claims, and some clients lose their token on the way.
        redirect_slashes=False,
        generate_unique_id_function=operation_of,
    )
    app.state.context = context
    app.state.broker_health = BrokerHealth(context)
    app.state.readiness = ReadinessLook(context, app.state.broker_health)
    app.state.admission = Admission()
    app.state.following = Following(context)
    app.state.exports = Exports(context)
    app.state.large_answers = one_at_a_time()
    # The last one stands outermost.
    app.add_middleware(BodyLimit, is_signed_in=_is_signed_in)
    app.add_middleware(AdmissionMiddleware)
    app.add_middleware(AnswerHeaders)
    problems.install(app)
    app.include_router(health.open_router, responses=documented(429, 500))
    signed_in = [Depends(caller_of)]
    common = documented(401, 403, 422, 429, 500, 503)
    app.include_router(metrics.router, dependencies=signed_in, responses=common)
    # A request is held against one router after the other: what programs ask again and again comes first.
    for module in (
        log,
        runs,
        progress,
        sites,
        settings,
        questions,
        pairing,
        controllers,
        people,
        notifications,
        access,
        health,
        database,
    ):
        check_operations(module.router.routes)
        app.include_router(module.router, prefix=PREFIX, dependencies=signed_in, responses=common)
    openapi.complete(app)
    app.add_api_route("/openapi.json", _document, include_in_schema=False)
    console = create_console(context)
    # What a caller may have at once is counted for API and console together.
    console.state.following = app.state.following
    console.state.exports = app.state.exports
    app.mount(CONSOLE, console, name="console")
    for path in ("/", CONSOLE):
        app.add_api_route(path, _to_the_console, include_in_schema=False)
    return app


def _to_the_console() -> RedirectResponse:
    return RedirectResponse(f"{CONSOLE}/")


async def _document(request: Request) -> Response:
    written: bytes | None = getattr(request.app.state, "document", None)
    if written is None:
        written = request.app.state.document = await run_in_threadpool(_write_document, request.app)
    return Response(written, media_type="application/json")


def _write_document(app: FastAPI) -> bytes:
    return json.dumps(app.openapi(), ensure_ascii=False).encode()


async def _is_signed_in(scope: Scope) -> bool:
    """Whether the request brings along a credential that is good: asked only of those who send much."""
    credential = credential_of(scope)
    if not credential:
        return False
    context: Context = scope["app"].state.context
    is_of_console = scope["path"].startswith(f"{CONSOLE}/")
    check = is_open if is_of_console else _is_token
    is_good = await run_in_threadpool(check, context, credential)
    if is_good:
        note_signed_in(scope, credential)
    return is_good


def _is_token(context: Context, credential: str) -> bool:
    return valid_token(context, credential) is not None
