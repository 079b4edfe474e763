"""Leaving soon: extensions that are disabled and wait for their deletion, and what a person decides about one."""

from datetime import UTC, date, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.rendering import link, page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep, site_of
from services.api.people.use_cases import grace
from services.api.web.dependencies import ContextDep
from services.api.web.problems import status_of
from shared.errors import Conflict, NotFound
from shared.language import declared

router = APIRouter(prefix="/leaving")


@router.get("")
def show_leaving(request: Request, context: ContextDep, _visitor: VisitorDep) -> Response:
    """All of them, the next deletion first."""
    return _page(request, context)


@router.post("/decide")
def decide(
    request: Request, context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep
) -> Response:
    """Put one deletion off, stop its countdown, or resume it."""
    person = text_of(form, "holder")
    try:
        match text_of(form, "decision"):
            case "keep":
                grace.keep(context, site, person, visitor.actor)
            case "resume":
                grace.resume(context, site, person, visitor.actor)
            case _:
                until = date.fromisoformat(text_of(form, "until"))
                grace.extend(context, site, person, until, visitor.actor)
    except ValueError:
        return _page(
            request, context, HTTPStatus.UNPROCESSABLE_ENTITY, declared("Enter a day, e.g. 2027-03-01.")
        )
    except (NotFound, Conflict) as error:
        return _page(request, context, status_of(error), error.message)
    return RedirectResponse(link("/leaving"), HTTPStatus.SEE_OTHER)


def _page(request: Request, context: ContextDep, status: int = HTTPStatus.OK, problem: str = "") -> Response:
    rows = grace.list_graces(context, site_of(request))
    return page(request, "leaving.html", status, rows=rows, problem=problem, now=datetime.now(UTC))
