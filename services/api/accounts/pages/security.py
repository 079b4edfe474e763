"""One's own second factors: shown, added, removed. Whoever changes them shows the password again."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access import challenges
from services.api.access.challenges import Challenge, Purpose
from services.api.access.factors import apps, owned, passkeys
from services.api.access.factors.passkeys import PasskeyRefused
from services.api.access.second_step import WRONG
from services.api.access.sessions import SignInRefused, Visitor, check_again
from services.api.console.rendering import link, page
from services.api.console.request import STEP_COOKIE, FormDep, address_of, place_of, step_on, text_of
from services.api.console.scope import OwnDep
from services.api.web.dependencies import ContextDep
from shared.errors import Conflict, NotFound
from shared.language import declared
from shared.worker.context import Context

router = APIRouter(prefix="/account/security")
FactorId = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("")
def show_security(request: Request, context: ContextDep, visitor: OwnDep) -> Response:
    """The page."""
    return _page(request, context, visitor)


@router.post("/app")
def begin_app(request: Request, context: ContextDep, visitor: OwnDep, form: FormDep) -> Response:
    """Begin to add an app."""
    refused = _check(request, context, visitor, form)
    if refused:
        return _page(request, context, visitor, refused)
    token = challenges.begin(context, Purpose.NEW_FACTOR, {"secret": apps.new_secret()}, visitor.account_id)
    return step_on(request, token, link("/account/security/app"))


@router.get("/app")
def show_app(request: Request, context: ContextDep, visitor: OwnDep) -> Response:
    """The QR code, and the form for the first code of the app."""
    challenge = _challenge(request, context, visitor)
    if challenge is None:
        return RedirectResponse(link("/account/security"), HTTPStatus.SEE_OTHER)
    return _app_page(request, challenge)


@router.get("/app.svg")
def draw_app(request: Request, context: ContextDep, visitor: OwnDep) -> Response:
    """The QR code that an app reads."""
    challenge = _challenge(request, context, visitor)
    if challenge is None:
        raise NotFound(declared("No app is being set up. Start again."))
    return Response(apps.picture(challenge.content["secret"], visitor.name), media_type="image/svg+xml")


@router.post("/app/confirm")
def add_app(request: Request, context: ContextDep, visitor: OwnDep, form: FormDep) -> Response:
    """Keep the app that shows the right code."""
    challenge = _challenge(request, context, visitor)
    if challenge is None:
        return RedirectResponse(link("/account/security"), HTTPStatus.SEE_OTHER)
    secret, code, label = challenge.content["secret"], text_of(form, "code"), text_of(form, "label")
    codes = owned.add_app(context, visitor.account_id, secret, code, label, visitor.actor)
    if codes is None:
        return _app_page(request, challenge, WRONG)
    challenges.use_up(context, challenge)
    return _added(request, codes)


@router.post("/passkey")
def begin_passkey(request: Request, context: ContextDep, visitor: OwnDep, form: FormDep) -> Response:
    """Begin to add a passkey."""
    refused = _check(request, context, visitor, form)
    if refused:
        return _page(request, context, visitor, refused)
    content = {"passkey": passkeys.new_challenge()}
    token = challenges.begin(context, Purpose.NEW_FACTOR, content, visitor.account_id)
    return step_on(request, token, link("/account/security/passkey"))


@router.get("/passkey")
def show_passkey(request: Request, context: ContextDep, visitor: OwnDep) -> Response:
    """The button that makes the browser create a passkey."""
    challenge = _challenge(request, context, visitor, "passkey")
    if challenge is None:
        return RedirectResponse(link("/account/security"), HTTPStatus.SEE_OTHER)
    return _passkey_page(request, context, visitor, challenge)


@router.post("/passkey/confirm")
def add_passkey(request: Request, context: ContextDep, visitor: OwnDep, form: FormDep) -> Response:
    """Keep the passkey that the browser made."""
    challenge = _challenge(request, context, visitor, "passkey")
    if challenge is None:
        return RedirectResponse(link("/account/security"), HTTPStatus.SEE_OTHER)
    made, label, place = text_of(form, "credential"), text_of(form, "label"), place_of(request)
    if not challenges.use_up(context, challenge):
        return RedirectResponse(link("/account/security"), HTTPStatus.SEE_OTHER)
    try:
        codes = owned.add_passkey(
            context, visitor.account_id, made, challenge.content["passkey"], place, label, visitor.actor
        )
    except PasskeyRefused:
        return _page(request, context, visitor, declared("The browser created no passkey. Try again."))
    return _added(request, codes)


@router.post("/recovery-codes")
def renew_recovery_codes(request: Request, context: ContextDep, visitor: OwnDep, form: FormDep) -> Response:
    """Make new recovery codes and show them once."""
    refused = _check(request, context, visitor, form)
    if refused:
        return _page(request, context, visitor, refused)
    if not owned.factors_of(context, visitor.account_id).any:
        raise Conflict(declared("Recovery codes come with a second factor. Add an app or a passkey first."))
    return _added(request, owned.renew_recovery_codes(context, visitor.account_id, visitor.actor))


@router.post("/{factor_id}/remove")
def remove(
    request: Request, context: ContextDep, visitor: OwnDep, factor_id: FactorId, form: FormDep
) -> Response:
    """Remove an app or a passkey."""
    refused = _check(request, context, visitor, form)
    if not refused:
        is_required = owned.is_required(context, visitor.source, visitor.role)
        try:
            owned.remove(context, visitor.account_id, factor_id, visitor.actor, is_required=is_required)
        except Conflict as error:
            refused = error.message
    if refused:
        return _page(request, context, visitor, refused)
    return RedirectResponse(link("/account/security"), HTTPStatus.SEE_OTHER)


def _check(request: Request, context: Context, visitor: Visitor, form: FormDep) -> str:
    """Why the change is refused, empty when the password is right."""
    if not owned.can_have(visitor.source):
        raise Conflict(declared("Second factors belong to Rollcall accounts and Active Directory accounts."))
    try:
        check_again(context, visitor, text_of(form, "password"), address_of(request))
    except SignInRefused as refused:
        return refused.message
    return ""


def _challenge(
    request: Request, context: Context, visitor: Visitor, what: str = "secret"
) -> Challenge | None:
    challenge = challenges.find(context, Purpose.NEW_FACTOR, request.cookies.get(STEP_COOKIE))
    if challenge is None or challenge.account_id != visitor.account_id or what not in challenge.content:
        return None
    return challenge


def _passkey_page(request: Request, context: Context, visitor: Visitor, challenge: Challenge) -> Response:
    place = place_of(request)
    known = owned.passkeys_at(owned.factors_of(context, visitor.account_id), place.host)
    options = passkeys.options_to_create(
        challenge.content["passkey"], place, visitor.account_id, visitor.name, visitor.display_name, known
    )
    return page(request, "security_passkey.html", passkey=options)


def _added(request: Request, codes: list[str]) -> Response:
    if codes:
        return page(request, "recovery_codes.html", codes=codes, target=link("/account/security"))
    return RedirectResponse(link("/account/security"), HTTPStatus.SEE_OTHER)


def _app_page(request: Request, challenge: Challenge, refused: str = "") -> Response:
    return page(
        request,
        "security_app.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        secret=challenge.content["secret"],
        picture=link("/account/security/app.svg"),
        refused=refused,
    )


def _page(request: Request, context: Context, visitor: Visitor, refused: str = "") -> Response:
    return page(
        request,
        "security.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        account=visitor,
        factors=owned.factors_of(context, visitor.account_id),
        can_have=owned.can_have(visitor.source),
        is_required=owned.is_required(context, visitor.source, visitor.role),
        refused=refused,
    )
