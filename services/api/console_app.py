"""Makes the console, an application of its own below ``/console``: its failures are pages and not problem documents."""

from typing import Any

from fastapi import Depends, FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from services.api.accounts.pages import (
    account,
    accounts,
    audit,
    openid,
    second_step,
    security,
    sign_in,
    tokens,
)
from services.api.branding import pages as branding
from services.api.connections import pages as database
from services.api.console import refusals
from services.api.console.headers import SecurityHeaders
from services.api.console.rendering import STATIC
from services.api.console.request import check_form
from services.api.console.scope import check_pages
from services.api.console.site_address import SiteAddress
from services.api.help import pages as help_pages
from services.api.log import pages as log
from services.api.notifications import pages as notifications
from services.api.operations import pages as support
from services.api.operations.use_cases.broker_health import BrokerHealth
from services.api.overview import pages as overview
from services.api.overview import site_pages as sites
from services.api.people.pages import leaving, owed, people, templates
from services.api.runs import pages as runs
from services.api.runs import plan_pages as plans
from services.api.search import pages as search
from services.api.settings.pages import exclusions, settings, taking_over, wizard
from shared.worker.context import Context

PAGES = (
    sign_in,
    openid,
    second_step,
    security,
    overview,
    sites,
    owed,
    runs,
    plans,
    log,
    people,
    templates,
    leaving,
    branding,
    exclusions,
    taking_over,
    settings,
    wizard,
    account,
    accounts,
    tokens,
    audit,
    notifications,
    support,
    database,
    help_pages,
    search,
)


def create_console(context: Context) -> FastAPI:
    """The console for one process's context."""
    app = FastAPI(
        title="Rollcall console",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Here and not at each route, so that no form can be forgotten.
        dependencies=[Depends(check_form)],
    )
    app.state.context = context
    app.state.broker_health = BrokerHealth(context)
    app.add_middleware(SiteAddress)
    app.add_middleware(SecurityHeaders)
    refusals.install(app)
    for module in PAGES:
        check_pages(module.router.routes)
        app.include_router(module.router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    return app


class _Static(StaticFiles):
    """Our own style sheet and scripts, which browsers may keep: their addresses change with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
