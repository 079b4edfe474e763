"""One person: where they were found, which extension is theirs, what happened when and why."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.console.rendering import page
from services.api.console.visit import VisitorDep
from services.api.dependencies import ContextDep
from services.api.use_cases.explain import explain
from shared.errors import Conflict, NotFound
from shared.settings.store import DEFAULT_SITE

router = APIRouter()


@router.get("/people")
def show_person(
    request: Request,
    context: ContextDep,
    _visitor: VisitorDep,
    q: Annotated[str, Query(max_length=2048)] = "",
) -> Response:
    """What is known of the person whom the text means."""
    told, problem, status = None, "", HTTPStatus.OK
    if q.strip():
        try:
            told = explain(context, DEFAULT_SITE, q)
        except NotFound as error:
            problem, status = error.message, HTTPStatus.NOT_FOUND
        except Conflict as error:
            problem, status = error.message, HTTPStatus.CONFLICT
    return page(request, "person.html", status, q=q, told=told, problem=problem)
