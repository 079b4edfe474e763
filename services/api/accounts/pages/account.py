"""One's own account: another password, how dates are written, and signing out everywhere."""

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access import accounts
from services.api.access.date_format import DateFormat, format_of, usual_format
from services.api.access.factors import owned
from services.api.access.passwords.strength import SHORTEST
from services.api.access.sessions import SignInRefused, Visitor, check_again, open_again
from services.api.console.clock import Clock
from services.api.console.rendering import (
    COMFORTABLE,
    COMPACT,
    DENSITY_COOKIE,
    FOLDED,
    LANGUAGE_COOKIE,
    LOOK_COOKIE,
    LOOKS,
    MENU_COOKIE,
    clock_of,
    language_of,
    link,
    page,
)
from services.api.console.request import (
    FormDep,
    address_of,
    cookie_options,
    enter,
    safe_target,
    text_of,
)
from services.api.console.scope import OwnDep
from services.api.web.dependencies import ContextDep
from shared import language
from shared.errors import Conflict, SettingsInvalid
from shared.language import declared

router = APIRouter()
_YEAR = 365 * 86_400


@router.get("/account")
def show_account(request: Request, visitor: OwnDep) -> Response:
    """The page."""
    return _page(request, visitor, HTTPStatus.OK, "")


@router.post("/account/password")
def change_password(request: Request, context: ContextDep, visitor: OwnDep, form: FormDep) -> Response:
    """Set another password; every other browser is signed out, this one goes on."""
    now, wanted = text_of(form, "password_now"), text_of(form, "password")
    if wanted != text_of(form, "password_again"):
        return _page(
            request,
            visitor,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            declared("The new passwords do not match. Enter the same password twice."),
        )
    if not visitor.is_own:
        raise Conflict(
            declared(
                "Rollcall does not store your password. Change it in 3CX, in Active Directory or at your "
                "identity provider."
            )
        )
    try:
        check_again(context, visitor, now, address_of(request))
        accounts.set_password(context, visitor.account_id, wanted, visitor.actor)
        token = open_again(context, visitor, address_of(request))
    except (SignInRefused, SettingsInvalid) as error:
        return _page(request, visitor, HTTPStatus.UNPROCESSABLE_ENTITY, error.message)
    return enter(request, token, link("/account", changed=1))


@router.post("/account/dates")
def choose_dates(context: ContextDep, visitor: OwnDep, form: FormDep) -> Response:
    """Write dates as the person likes them, on every page from now on."""
    accounts.choose_date_format(context, visitor.account_id, format_of(text_of(form, "date_format")))
    return RedirectResponse(link("/account"), HTTPStatus.SEE_OTHER)


@router.post("/account/look")
def choose_look(request: Request, _visitor: OwnDep, form: FormDep) -> Response:
    """Show every page in this browser in a language, light or dark, and with more or less room between rows."""
    response = RedirectResponse(link("/account"), HTTPStatus.SEE_OTHER)
    for name, field, known in (
        (LANGUAGE_COOKIE, "language", language.known()),
        (LOOK_COOKIE, "look", LOOKS),
        (DENSITY_COOKIE, "density", (COMPACT, COMFORTABLE)),
    ):
        chosen = text_of(form, field)
        _keep(request, response, name, chosen if chosen in known else "")
    return response


@router.post("/account/menu")
def choose_menu(request: Request, _visitor: OwnDep, form: FormDep) -> Response:
    """Show the menu of every page as pictures alone in this browser, or whole."""
    chosen = text_of(form, "menu")
    response = RedirectResponse(safe_target(text_of(form, "to")), HTTPStatus.SEE_OTHER)
    _keep(request, response, MENU_COOKIE, chosen if chosen == FOLDED else "")
    return response


def _keep(request: Request, response: Response, name: str, value: str) -> None:
    if value:
        response.set_cookie(name, value, max_age=_YEAR, **cookie_options(request))
    else:
        response.delete_cookie(name, **cookie_options(request))


def _page(request: Request, visitor: Visitor, status: int, refused: str) -> Response:
    changed = request.query_params.get("changed") == "1"
    # A date that shows which number is the day, at an hour that shows how the afternoon is written.
    clock = clock_of(request)
    shown = datetime(2026, 12, 31, 17, 5, 9, tzinfo=clock.zone)
    with language.spoken(language_of(request)):
        usual = usual_format()
    return page(
        request,
        "account.html",
        status,
        account=visitor,
        refused=refused,
        changed=changed,
        languages=[(name, language.NAMES[name]) for name in language.known()],
        can_have_factors=owned.can_have(visitor.source),
        shortest=SHORTEST,
        date_format=clock.format,
        date_formats=[(item, Clock(clock.zone, item).stamp(shown), item is usual) for item in DateFormat],
    )
