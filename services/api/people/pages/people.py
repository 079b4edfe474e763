"""One person: where they were found, which extension is theirs, what happened when and why."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.rendering import link, page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep
from services.api.people.use_cases import bindings, welcome
from services.api.people.use_cases.explain import explain
from services.api.web.dependencies import ContextDep
from services.api.web.problems import status_of
from shared.errors import Conflict, NotFound

router = APIRouter()


@router.get("/people")
def show_person(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    _visitor: VisitorDep,
    q: Annotated[str, Query(max_length=2048)] = "",
) -> Response:
    """What is known of the person whom the text means."""
    told, problem, status = None, "", HTTPStatus.OK
    if q.strip():
        try:
            told = explain(context, site, q)
        except (NotFound, Conflict) as error:
            problem, status = error.message, status_of(error)
    return page(request, "person.html", status, q=q, told=told, problem=problem, now=datetime.now(UTC))


@router.post("/people/release")
def release_link(context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep) -> Response:
    """End the link of a person to their extension."""
    guid = text_of(form, "person")
    bindings.release(context, site, guid, visitor.actor)
    return RedirectResponse(link("/people", q=guid), HTTPStatus.SEE_OTHER)


@router.post("/people/welcome")
def send_welcome_message(context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep) -> Response:
    """Let 3CX mail its welcome message again, to a person or to chosen rows; the Log has what became of it."""
    numbers = list(dict.fromkeys(value for value in form.getlist("number") if isinstance(value, str)))
    welcome.send(context, site, numbers, visitor.actor)
    shown = {"number": numbers[0]} if len(numbers) == 1 else {}
    return RedirectResponse(link("/log", **shown), HTTPStatus.SEE_OTHER)
