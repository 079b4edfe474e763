"""Makes the HTTP application. An entrypoint calls ``create_app`` with its context and serves it with uvicorn."""

from importlib.metadata import version

from fastapi import Depends, FastAPI
from fastapi.responses import RedirectResponse

from services.api import openapi, problems
from services.api.auth import caller_of
from services.api.console.app import create_console
from services.api.console.reading.overview import NextRun
from services.api.console.rendering import PREFIX as CONSOLE
from services.api.documented import documented
from services.api.limits import BodyLimit
from services.api.routes import (
    access,
    bindings,
    controllers,
    database,
    health,
    log,
    metrics,
    owed,
    people,
    progress,
    questions,
    runs,
    settings,
    sites,
)
from services.api.use_cases.broker_health import BrokerHealth
from shared.worker.context import Context

PREFIX = "/api/v1"
_DESCRIPTION = """Keeps the extensions of a 3CX phone system in step with Active Directory.

Sign in with a bearer token (`rollcall token create NAME`). Every failure is an RFC 9457 problem document with a
stable `code`; 503 comes with `Retry-After`."""


def create_app(context: Context, next_run: NextRun | None = None) -> FastAPI:
    """The application for one process's context. Everything of the API but ``/health`` needs a token; the console
    below ``/console`` has sign-ins of its own. ``next_run`` lets it say when the next run is due.
    """
    app = FastAPI(
        title="Rollcall",
        version=version("rollcall"),
        description=_DESCRIPTION,
        openapi_url="/openapi.json",
        # FastAPI's page of documentation loads scripts from the internet; an intranet tool must not.
        docs_url=None,
        redoc_url=None,
        # A redirect would name the host that the client claims, and some clients lose their token on the way.
        redirect_slashes=False,
    )
    app.state.context = context
    app.state.broker_health = BrokerHealth(context)
    app.add_middleware(BodyLimit)
    problems.install(app)
    app.include_router(health.open_router, responses=documented(500))
    signed_in = [Depends(caller_of)]
    common = documented(401, 403, 422, 500, 503)
    app.include_router(metrics.router, dependencies=signed_in, responses=common)
    for module in (
        sites,
        settings,
        questions,
        controllers,
        runs,
        progress,
        log,
        people,
        bindings,
        owed,
        access,
        health,
        database,
    ):
        app.include_router(module.router, prefix=PREFIX, dependencies=signed_in, responses=common)
    openapi.complete(app)
    app.mount(CONSOLE, create_console(context, next_run), name="console")
    for path in ("/", CONSOLE):
        app.add_api_route(path, _to_the_console, include_in_schema=False)
    return app


def _to_the_console() -> RedirectResponse:
    return RedirectResponse(f"{CONSOLE}/")
