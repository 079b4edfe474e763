"""One's own account: another password, and signing out everywhere."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from services.api.console.access import accounts
from services.api.console.access.passwords import own
from services.api.console.access.sessions import SignInRefused, Visitor, check_again, sign_in
from services.api.console.rendering import link, page
from services.api.console.visit import FormDep, VisitorDep, address_of, enter, text_of
from services.api.dependencies import ContextDep
from shared.errors import SettingsInvalid

router = APIRouter()


@router.get("/account")
def show_account(request: Request, visitor: VisitorDep) -> Response:
    """The page."""
    return _page(request, visitor, HTTPStatus.OK, "")


@router.post("/account/password")
def change_password(request: Request, context: ContextDep, visitor: VisitorDep, form: FormDep) -> Response:
    """Set another password; every other browser is signed out, this one goes on."""
    now, wanted = text_of(form, "password_now"), text_of(form, "password")
    if wanted != text_of(form, "password_again"):
        return _page(
            request,
            visitor,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "The two new passwords differ. Type the same one twice.",
        )
    try:
        check_again(context, visitor, now, address_of(request))
        accounts.set_password(context, visitor.account_id, wanted, visitor.actor)
        token = sign_in(context, visitor.name, wanted, address_of(request))
    except (SignInRefused, SettingsInvalid) as error:
        return _page(request, visitor, HTTPStatus.UNPROCESSABLE_ENTITY, error.message)
    return enter(request, token, link("/account", changed=1))


def _page(request: Request, visitor: Visitor, status: int, refused: str) -> Response:
    changed = request.query_params.get("changed") == "1"
    return page(
        request,
        "account.html",
        status,
        account=visitor,
        refused=refused,
        changed=changed,
        shortest=own.SHORTEST,
    )
