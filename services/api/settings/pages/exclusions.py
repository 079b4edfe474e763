"""Never change these: asks by what the chosen people are recognized, and adds them to the exclusions."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.rendering import link, page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import ManagerDep, SiteDep
from services.api.settings.use_cases.exclusions import exclude, subjects_of
from services.api.web.dependencies import ContextDep
from shared.values.digits import whole_number

router = APIRouter(prefix="/exclusions")


@router.get("")
def ask(
    request: Request,
    _visitor: ManagerDep,
    who: Annotated[list[str], Query()] = [],  # noqa: B006  (FastAPI makes a new one for each request)
    run: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    leave_out: Annotated[str, Query(max_length=60_000)] = "",
) -> Response:
    """Whom, and by what. ``run`` is the plan that one comes from; ``leave_out`` what is left out of it then."""
    return page(request, "exclusions.html", subjects=subjects_of(who), run=run, leave_out=leave_out)


@router.post("")
def add(context: ContextDep, site: SiteDep, visitor: ManagerDep, form: FormDep) -> Response:
    """Add them, and go back to the plan without their rows, or to all exclusions."""
    subjects = subjects_of(value for value in form.getlist("who") if isinstance(value, str))
    _added, version = exclude(
        context, site, subjects, by_name=text_of(form, "by") == "name", actor=visitor.actor
    )
    run = whole_number(text_of(form, "run"), 10)
    there = (
        link("/settings/exclude", saved=version)
        if run is None
        else link(f"/runs/{run}/plan", leave_out=text_of(form, "leave_out"))
    )
    return RedirectResponse(there, HTTPStatus.SEE_OTHER)
