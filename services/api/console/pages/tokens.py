"""API tokens: made (shown once), listed, revoked. For managers, because a token has full rights."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.rendering import link, page
from services.api.console.visit import FormDep, ManagerDep, text_of
from services.api.dependencies import ContextDep
from services.api.use_cases import tokens
from shared.errors import Conflict, SettingsInvalid
from shared.worker.context import Context

router = APIRouter(prefix="/tokens")


@router.get("")
def show_tokens(request: Request, context: ContextDep, _visitor: ManagerDep) -> Response:
    """The list, with the form for another one."""
    return _page(request, context)


@router.post("")
def create_token(request: Request, context: ContextDep, visitor: ManagerDep, form: FormDep) -> Response:
    """Make a token and show it, this once: the answer is the page itself and no redirect."""
    name, days = text_of(form, "name"), text_of(form, "days").strip()
    if days and not (days.isascii() and days.isdecimal() and len(days) < 8):
        return _page(
            request, context, name, days, "Days are a whole number; leave it empty for a token without end."
        )
    try:
        made = tokens.create_token(context, name, int(days) if days else None, visitor.actor)
    except (SettingsInvalid, Conflict) as error:
        return _page(request, context, name, days, error.message)
    return _page(request, context, made=made)


@router.post("/{token_id}/revoke")
def revoke_token(
    context: ContextDep, visitor: ManagerDep, token_id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> Response:
    """End a token now."""
    tokens.revoke_token(context, token_id, visitor.actor)
    return RedirectResponse(link("/tokens"), HTTPStatus.SEE_OTHER)


def _page(
    request: Request, context: Context, name: str = "", days: str = "", refused: str = "", made: str = ""
) -> Response:
    return page(
        request,
        "tokens.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        tokens=tokens.list_tokens(context)[::-1],
        name=name[:100],
        days=days[:8],
        refused=refused,
        made=made,
    )
