"""For whoever helps: the version, what is well and what to mend, and all of it as one file."""

from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.connections.use_cases import controllers
from services.api.console.rendering import link, page
from services.api.console.request import FormDep, console_request, text_of
from services.api.console.scope import ManagerDep, SiteDep, VisitorDep
from services.api.operations.use_cases import diagnostics
from services.api.operations.use_cases.doctor import diagnose, ready
from services.api.operations.use_cases.doctor_of_sites import can_ask, diagnose_sites
from services.api.web.dependencies import ContextDep
from shared.database.tables import AccountRole
from shared.distribution import installed_version
from shared.errors import NotFound

router = APIRouter(prefix="/support")


@router.get("")
def show_support(
    request: Request, context: ContextDep, site: SiteDep, visitor: VisitorDep, check: str = ""
) -> Response:
    """The page; with ``check`` everything is looked at, which takes some seconds when something is down.

    Signing in at directory and phone system is nothing for viewers: with a wrong password stored it locks the account.
    """
    checks = diagnose(context, [site]) if check else ready(context, [site])
    if check and can_ask(checks) and visitor.roles.may_at(site, AccountRole.OPERATOR):
        checks += diagnose_sites(context, [site])
    return page(
        request,
        "support.html",
        version=installed_version(),
        contact=console_request(request).branding,
        checks=checks,
        is_checked=bool(check),
        log_entries=diagnostics.LOG_ENTRIES,
        controllers=controllers.list_controllers(context, site),
        titles=context.directory_titles(site),
    )


@router.post("/controllers/forget")
def forget_controller(context: ContextDep, site: SiteDep, visitor: ManagerDep, form: FormDep) -> Response:
    """Say that a domain controller is gone for good."""
    with suppress(NotFound):
        # Somebody else has said so, or a run has: there is nothing left to forget.
        controllers.forget(context, site, text_of(form, "controller"), visitor.actor)
    return RedirectResponse(link("/support"), HTTPStatus.SEE_OTHER)


@router.post("/diagnostics")
def download_diagnostics(context: ContextDep, site: SiteDep, visitor: ManagerDep) -> Response:
    """The diagnostics as a file. A form and no link, because the audit says who took them."""
    of_all_sites = visitor.roles.may_everywhere(AccountRole.MANAGER)
    content = diagnostics.bundle(context, site, visitor.actor, of_all_sites=of_all_sites)
    name = f"rollcall-diagnostics-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"
    return Response(
        content,
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
