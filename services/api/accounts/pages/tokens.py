"""API tokens: made (shown once), listed, revoked. For managers, because a token may have all rights."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access import tokens
from services.api.console.rendering import link, page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import AllSitesManagerDep
from services.api.sites.use_cases.sites import list_sites
from services.api.web.dependencies import ContextDep
from shared.database.tables import AccountRole
from shared.errors import Conflict, NotFound, SettingsInvalid
from shared.language import declared, phrase
from shared.values.digits import whole_number
from shared.worker.context import Context

router = APIRouter(prefix="/tokens")


@router.get("")
def show_tokens(request: Request, context: ContextDep, _visitor: AllSitesManagerDep) -> Response:
    """The list, with the form for another one."""
    return _page(request, context)


@router.post("")
def create_token(
    request: Request, context: ContextDep, visitor: AllSitesManagerDep, form: FormDep
) -> Response:
    """Make a token and show it, this once: the answer is the page itself and no redirect."""
    given = {name: text_of(form, name).strip() for name in ("name", "days", "role", "site")}
    days, role = given["days"], given["role"]
    if days and whole_number(days, 7) is None:
        refused = declared("Enter a whole number of days, or leave it empty for no expiry.")
        return _page(request, context, given, refused)
    if role not in [*AccountRole]:
        return _page(
            request,
            context,
            given,
            phrase("The roles are {roles}. Choose one of them.", roles=", ".join(AccountRole)),
        )
    try:
        made = tokens.create_token(
            context,
            given["name"],
            int(days) if days else None,
            visitor.actor,
            role=AccountRole(role),
            site_id=given["site"] or None,
        )
    except (SettingsInvalid, Conflict, NotFound) as error:
        return _page(request, context, given, error.message)
    return _page(request, context, made=made)


@router.post("/{token_id}/revoke")
def revoke_token(
    context: ContextDep, visitor: AllSitesManagerDep, token_id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> Response:
    """End a token now."""
    tokens.revoke_token(context, token_id, visitor.actor)
    return RedirectResponse(link("/tokens"), HTTPStatus.SEE_OTHER)


def _page(
    request: Request,
    context: Context,
    given: Mapping[str, str] | None = None,
    refused: str = "",
    made: str = "",
) -> Response:
    kept = {name: value[:100] for name, value in (given or {}).items()}
    return page(
        request,
        "tokens.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        tokens=tokens.list_tokens(context)[::-1],
        roles=[*AccountRole],
        sites=list_sites(context),
        given={"name": "", "days": "", "role": AccountRole.VIEWER.value, "site": ""} | kept,
        refused=refused,
        made=made,
    )
