"""Extensions beside their templates: how they differ now, and which are to be written again."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.rendering import link, page
from services.api.console.request import FormDep
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep, site_of
from services.api.people.use_cases import templates
from services.api.web.dependencies import ContextDep
from services.api.web.problems import status_of
from shared.errors import Conflict, NotFound, RollcallError
from shared.language import declared

router = APIRouter(prefix="/templates")
# Every unit.
ALL = "all"


@router.get("")
def show_templates(
    request: Request,
    context: ContextDep,
    _visitor: VisitorDep,
    unit: Annotated[str, Query(max_length=2048)] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    asked: Annotated[int, Query(ge=0, le=1000)] = 0,
) -> Response:
    """The units that have a template; with ``unit`` how their extensions differ, read from 3CX now."""
    return _page(request, context, unit, offset, asked=asked)


@router.post("/write-again")
def write_again(
    request: Request, context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep
) -> Response:
    """Let the next run write the template's settings again to the chosen extensions."""
    numbers = [value for value in form.getlist("number") if isinstance(value, str)]
    try:
        if not numbers:
            return _page(
                request,
                context,
                "",
                0,
                declared("Select at least one extension."),
                HTTPStatus.UNPROCESSABLE_ENTITY,
            )
        written = templates.write_again(context, site, numbers[: templates.MOST], visitor.actor)
    except (Conflict, NotFound) as error:
        return _page(request, context, "", 0, error.message, status_of(error))
    return RedirectResponse(link("/templates", asked=len(written)), HTTPStatus.SEE_OTHER)


def _page(
    request: Request,
    context: ContextDep,
    unit: str,
    offset: int,
    problem: str = "",
    status: int = HTTPStatus.OK,
    *,
    asked: int = 0,
) -> Response:
    compared = None
    if unit:
        try:
            compared = templates.compare(context, site_of(request), "" if unit == ALL else unit, offset)
        except RollcallError as error:
            problem, status = error.message, HTTPStatus(getattr(error, "status", HTTPStatus.OK))
    return page(
        request,
        "templates.html",
        status,
        units=templates.units_with_template(context, site_of(request)),
        unit=unit,
        offset=offset,
        most=templates.MOST,
        compared=compared,
        problem=problem,
        asked=asked,
    )
