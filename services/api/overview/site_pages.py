"""All sites: how each one is, and where one is created or removed."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access.sessions import Visitor
from services.api.console.rendering import page, root_link
from services.api.console.request import FormDep, text_of
from services.api.console.scope import AllSitesManagerDep, OwnDep
from services.api.console.site_address import prefix_of
from services.api.overview.all_sites import read_sites
from services.api.sites.use_cases import removal, sites
from services.api.web.dependencies import ContextDep
from shared.errors import Conflict, SettingsInvalid
from shared.worker.context import Context

router = APIRouter(prefix="/sites")


@router.get("")
def show_sites(request: Request, context: ContextDep, visitor: OwnDep) -> Response:
    """Every site that is there for the visitor, those with problems first."""
    return _page(request, context, visitor)


@router.post("")
def create_site(
    request: Request, context: ContextDep, visitor: AllSitesManagerDep, form: FormDep
) -> Response:
    """Create a site and go to its set-up."""
    given = {name: text_of(form, name).strip() for name in ("id", "name")}
    try:
        made = sites.create_site(context, given["id"], visitor.actor, given["name"])
    except (SettingsInvalid, Conflict) as error:
        return _page(request, context, visitor, given, error.message)
    return RedirectResponse(root_link(f"{prefix_of(made.id)}/wizard"), HTTPStatus.SEE_OTHER)


@router.post("/remove")
def remove_site(
    request: Request, context: ContextDep, visitor: AllSitesManagerDep, form: FormDep
) -> Response:
    """Remove a site with everything that belongs to it, after its ID was typed once more."""
    try:
        removal.remove_site(
            context, text_of(form, "site"), visitor.actor, confirm=text_of(form, "confirm").strip()
        )
    except (SettingsInvalid, Conflict) as error:
        return _page(request, context, visitor, {}, error.message)
    return RedirectResponse(root_link("/sites"), HTTPStatus.SEE_OTHER)


def _page(
    request: Request,
    context: Context,
    visitor: Visitor,
    given: dict[str, str] | None = None,
    refused: str = "",
) -> Response:
    return page(
        request,
        "sites.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        rows=read_sites(context, visitor.roles),
        prefix_of=prefix_of,
        given={"id": "", "name": ""} | (given or {}),
        refused=refused,
    )
