"""The second step of signing in: a code is typed, or a first authenticator app is set up."""

from datetime import timedelta
from http import HTTPStatus
from math import ceil

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access import challenges, second_step
from services.api.access.challenges import Challenge, Purpose
from services.api.access.factors import apps, owned, passkeys
from services.api.access.sessions import SignInRefused
from services.api.console.rendering import link, page
from services.api.console.request import (
    STEP_COOKIE,
    FormDep,
    address_of,
    enter,
    place_of,
    safe_target,
    signed_in_now,
    text_of,
)
from services.api.console.scope import ANYONE
from services.api.web.dependencies import ContextDep
from shared.errors import NotFound
from shared.language import declared
from shared.worker.context import Context

router = APIRouter(prefix="/sign-in/second-factor", dependencies=[ANYONE])


@router.get("")
def show_second_step(request: Request, context: ContextDep, next: str = "") -> Response:
    """The form for the code, or for setting up a first app."""
    challenge = _challenge(request, context)
    if challenge is None:
        return RedirectResponse(link("/sign-in", next=next), HTTPStatus.SEE_OTHER)
    return _page(request, context, challenge, next)


@router.post("")
def show_code(request: Request, context: ContextDep, form: FormDep) -> Response:
    """Check the code and open a session."""
    back = text_of(form, "next")
    challenge = _challenge(request, context)
    if challenge is None:
        return RedirectResponse(link("/sign-in", next=back), HTTPStatus.SEE_OTHER)
    try:
        token = second_step.show_code(context, challenge, text_of(form, "code"), address_of(request))
    except SignInRefused as refused:
        return _page(request, context, challenge, back, refused)
    return enter(request, token, safe_target(back))


@router.post("/passkey")
def show_passkey(request: Request, context: ContextDep, form: FormDep) -> Response:
    """Check what the browser's passkey signed and open a session."""
    back = text_of(form, "next")
    challenge = _challenge(request, context)
    if challenge is None:
        return RedirectResponse(link("/sign-in", next=back), HTTPStatus.SEE_OTHER)
    signed = text_of(form, "credential")
    try:
        token = second_step.show_passkey(context, challenge, signed, place_of(request), address_of(request))
    except SignInRefused as refused:
        return _page(request, context, challenge, back, refused)
    return enter(request, token, safe_target(back))


@router.post("/app")
def set_up_app(request: Request, context: ContextDep, form: FormDep) -> Response:
    """Keep a first app and open a session; the recovery codes are shown once."""
    back = text_of(form, "next")
    challenge = _challenge(request, context)
    if challenge is None:
        return RedirectResponse(link("/sign-in", next=back), HTTPStatus.SEE_OTHER)
    try:
        token, codes = second_step.set_up(
            context, challenge, text_of(form, "code"), text_of(form, "label"), address_of(request)
        )
    except SignInRefused as refused:
        return _page(request, context, challenge, back, refused)
    # Not signed in yet as far as this page goes: its frame is that of the sign-in.
    shown = page(request, "recovery_codes.html", codes=codes, target=safe_target(back))
    return signed_in_now(request, token, shown)


@router.get("/app.svg")
def draw_app(request: Request, context: ContextDep) -> Response:
    """The QR code that an app reads."""
    challenge = _challenge(request, context)
    if challenge is None:
        raise NotFound(declared("No app is being set up. Start again."))
    account = second_step.account_of(context, challenge)
    if owned.factors_of(context, account.id).any:
        raise NotFound(declared("No app is being set up. Start again."))
    return Response(apps.picture(challenge.content["secret"], account.name), media_type="image/svg+xml")


def _challenge(request: Request, context: Context) -> Challenge | None:
    return challenges.find(context, Purpose.SECOND_FACTOR, request.cookies.get(STEP_COOKIE))


def _page(
    request: Request, context: Context, challenge: Challenge, back: str, refused: SignInRefused | None = None
) -> Response:
    account = second_step.account_of(context, challenge)
    factors = owned.factors_of(context, account.id)
    place = place_of(request)
    known = owned.passkeys_at(factors, place.host)
    status = HTTPStatus.OK
    if refused is not None:
        status = HTTPStatus.TOO_MANY_REQUESTS if refused.retry_after else HTTPStatus.UNAUTHORIZED
    shown = page(
        request,
        "second_step.html",
        status,
        next=back,
        refused=refused.message if refused is not None else "",
        name=account.name,
        factors=factors,
        passkey=passkeys.options_to_show(challenge.content["passkey"], place, known) if known else "",
        secret="" if factors.any else challenge.content["secret"],
        picture=link("/sign-in/second-factor/app.svg"),
    )
    if refused is not None and refused.retry_after:
        shown.headers["Retry-After"] = str(ceil(refused.retry_after / timedelta(seconds=1)))
    return shown
