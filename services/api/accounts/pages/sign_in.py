"""Signing in and out, and the page that makes the first manager."""

from datetime import timedelta
from http import HTTPStatus
from math import ceil

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access import group_members, sessions, setup_link
from services.api.access.accounts import has_manager
from services.api.access.passwords.strength import SHORTEST
from services.api.access.rules import read_rules
from services.api.access.sessions import SecondFactorDue, SignInRefused, Visitor
from services.api.console.rendering import link, page
from services.api.console.request import (
    SESSION_COOKIE,
    FormDep,
    address_of,
    console_request,
    cookie_options,
    enter,
    safe_target,
    step_on,
    text_of,
)
from services.api.console.scope import ANYONE, OwnDep
from services.api.web.dependencies import ContextDep
from shared.database.tables import AccountSource
from shared.errors import Conflict, NotFound, SettingsInvalid, TooBusy
from shared.language import declared, phrase
from shared.settings.documents import PasswordType, SignInSettings, SingleSignOnSettings
from shared.worker.context import Context

router = APIRouter()

# What the two fields are called, and what to know of them.
_FIELDS = {
    PasswordType.OWN: ("Name", "Password", ""),
    PasswordType.VOICEMAIL_PIN: (
        "Extension",
        "Voicemail PIN",
        declared("Your 3CX extension and its voicemail PIN, or a Rollcall user name and password."),
    ),
    PasswordType.DIRECTORY: (
        "Extension",
        declared("Directory password"),
        declared(
            "Your extension (or login) and your computer password, or a Rollcall user name and password."
        ),
    ),
}
_AD_ACCOUNT = declared("Your Windows name (anna, anna@corp.example or CORP\\anna) and its password")


@router.get("/sign-in", dependencies=[ANYONE])
def show_sign_in(request: Request, context: ContextDep, next: str = "") -> Response:
    """The form; whoever is signed in already goes on."""
    if console_request(request).visitor is not None:
        return RedirectResponse(safe_target(next), HTTPStatus.SEE_OTHER)
    return sign_in_page(request, context, HTTPStatus.OK, next, "", "")


@router.post("/sign-in", dependencies=[ANYONE])
def sign_in(request: Request, context: ContextDep, form: FormDep) -> Response:
    """Check name and password and open a session."""
    name, back = text_of(form, "name"), text_of(form, "next")
    try:
        token = sessions.sign_in(context, name, text_of(form, "password"), address_of(request))
    except SignInRefused as refused:
        if refused.is_temporary:
            status = HTTPStatus.SERVICE_UNAVAILABLE
        else:
            status = HTTPStatus.TOO_MANY_REQUESTS if refused.retry_after else HTTPStatus.UNAUTHORIZED
        response = sign_in_page(request, context, status, back, name[:100], refused.message)
        if refused.retry_after:
            response.headers["Retry-After"] = str(ceil(refused.retry_after / timedelta(seconds=1)))
        return response
    except SecondFactorDue as due:
        return step_on(request, due.token, link("/sign-in/second-factor", next=back))
    return enter(request, token, safe_target(back))


@router.post("/sign-out")
def sign_out(request: Request, context: ContextDep, visitor: OwnDep) -> Response:
    """End this session."""
    sessions.sign_out(context, request.cookies[SESSION_COOKIE])
    return _leave(request, visitor)


@router.post("/sign-out-everywhere")
def sign_out_everywhere(request: Request, context: ContextDep, visitor: OwnDep) -> Response:
    """End every session of the account, this one too."""
    sessions.sign_out_everywhere(context, visitor.account_id)
    return _leave(request, visitor)


@router.get("/set-up", dependencies=[ANYONE])
def show_set_up(request: Request) -> Response:
    """The form that makes a manager for whoever has the code."""
    return page(request, "set_up.html", code="", name="admin", display_name="", refused="", shortest=SHORTEST)


@router.post("/set-up", dependencies=[ANYONE])
def set_up(request: Request, context: ContextDep, form: FormDep) -> Response:
    """Make the manager and sign them in."""
    name, display_name = text_of(form, "name"), text_of(form, "display_name")
    code = text_of(form, "code")
    try:
        account = setup_link.use_code(context, code, name, display_name, text_of(form, "password"))
        return enter(request, sessions.go_on(context, account, address_of(request)), link("/wizard"))
    except SecondFactorDue as due:
        return step_on(request, due.token, link("/sign-in/second-factor"))
    except (NotFound, SettingsInvalid, Conflict, TooBusy) as error:
        refused = error.message
    return page(
        request,
        "set_up.html",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        code=code[:100],
        name=name[:100],
        display_name=display_name[:200],
        refused=refused,
        shortest=SHORTEST,
    )


def sign_in_page(
    request: Request, context: Context, status: HTTPStatus, back: str, name: str, refused: str
) -> Response:
    """The page with every way to sign in, and why nobody was signed in just now."""
    name_label, password_label, explained = _fields(context)
    return page(
        request,
        "sign_in.html",
        status,
        next=back,
        name=name,
        refused=refused,
        has_manager=has_manager(context),
        single_sign_on=read_rules(context, SingleSignOnSettings).settings,
        has_left=request.query_params.get("left") == "openid",
        name_label=name_label,
        password_label=password_label,
        explained=explained,
    )


def _fields(context: Context) -> tuple[str, str, str]:
    password_type = read_rules(context, SignInSettings).settings.password_type
    if not group_members.is_on(context):
        return _FIELDS[password_type]
    if password_type is PasswordType.OWN:
        return (
            declared("Name"),
            declared("Password"),
            phrase("{ad_account}, or a Rollcall user name and password.", ad_account=_AD_ACCOUNT),
        )
    password = (
        declared("its voicemail PIN")
        if password_type is PasswordType.VOICEMAIL_PIN
        else declared("that password")
    )
    sentence = phrase(
        "{ad_account}, your extension and {password}, or a Rollcall user name and password.",
        ad_account=_AD_ACCOUNT,
        password=password,
    )
    return (declared("Name or extension"), declared("Password"), sentence)


def _leave(request: Request, visitor: Visitor) -> Response:
    left = "openid" if visitor.source is AccountSource.OPENID else ""
    response = RedirectResponse(link("/sign-in", left=left), HTTPStatus.SEE_OTHER)
    response.delete_cookie(SESSION_COOKIE, **cookie_options(request))
    return response
