"""Not finished: extensions to which something is still to be done, and a person's word to try again or give it up."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.rendering import link, page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep, site_of
from services.api.people.use_cases import owed
from services.api.web.dependencies import ContextDep
from shared.errors import NotFound

router = APIRouter(prefix="/owed")


@router.get("")
def show_owed(request: Request, context: ContextDep, _visitor: VisitorDep) -> Response:
    """All of them, by number."""
    return _page(request, context)


@router.post("/decide")
def decide(
    request: Request, context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep
) -> Response:
    """Let the next run try again, or give up what is owed to one extension."""
    number = text_of(form, "number")
    deed = owed.give_up if text_of(form, "decision") == "give_up" else owed.try_again
    try:
        deed(context, site, number, visitor.actor)
    except NotFound as error:
        return _page(request, context, HTTPStatus.NOT_FOUND, error.message)
    return RedirectResponse(link("/owed"), HTTPStatus.SEE_OTHER)


def _page(request: Request, context: ContextDep, status: int = HTTPStatus.OK, problem: str = "") -> Response:
    return page(request, "owed.html", status, rows=owed.list_owed(context, site_of(request)), problem=problem)
