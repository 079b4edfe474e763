"""Signing in at an identity provider: away to it, back from it, and out of it."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access import sessions
from services.api.access.external_identity import NotLetIn
from services.api.access.openid import people
from services.api.access.openid.people import SignInFailed
from services.api.access.rules import read_rules
from services.api.accounts.pages.sign_in import sign_in_page
from services.api.console.rendering import link
from services.api.console.request import STEP_COOKIE, address_of, cookie_options, enter, safe_target
from services.api.console.scope import ANYONE
from services.api.web.dependencies import ContextDep
from shared.language import phrase
from shared.settings.documents import SingleSignOnSettings
from shared.worker.context import Context

router = APIRouter(prefix="/sign-in/openid", dependencies=[ANYONE])


@router.get("")
def leave_for_provider(request: Request, context: ContextDep, next: str = "") -> Response:
    """Send the browser to the provider."""
    try:
        token, address = people.begin(context, _here(request, context, "/sign-in/openid/back"), next)
    except SignInFailed as failed:
        return _refused(request, context, next, failed.message)
    response = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    response.set_cookie(STEP_COOKIE, token, **cookie_options(request))
    return response


@router.get("/back")
def come_back(request: Request, context: ContextDep) -> Response:
    """Take whoever comes back from the provider."""
    answer = {name: value[:4000] for name, value in request.query_params.items()}
    token = request.cookies.get(STEP_COOKIE)
    try:
        arrived = people.come_back(context, token, answer, address_of(request))
    except SignInFailed as failed:
        return _refused(request, context, "", failed.message)
    except NotLetIn as refused:
        sentence = phrase(
            "The identity provider knows you, but {reason}. Ask a Rollcall manager.", reason=refused.reason
        )
        return _refused(request, context, "", sentence)
    opened = sessions.open_session(
        context, arrived.account, address_of(request), proof=arrived.proof, until=arrived.until
    )
    return enter(request, opened, safe_target(arrived.back))


@router.get("/leave")
def leave_provider(request: Request, context: ContextDep) -> Response:
    """Sign out at the provider too."""
    address = people.address_to_leave(context, _here(request, context, "/sign-in"))
    return RedirectResponse(address or link("/sign-in"), HTTPStatus.SEE_OTHER)


def _here(request: Request, context: Context, path: str) -> str:
    """The address of a page as the browser and the provider know it."""
    configured = read_rules(context, SingleSignOnSettings).settings.console_address.rstrip("/")
    return f"{configured or f'{request.url.scheme}://{request.url.netloc}'}{link(path)}"


def _refused(request: Request, context: Context, back: str, message: str) -> Response:
    return sign_in_page(request, context, HTTPStatus.UNAUTHORIZED, back, "", message)
