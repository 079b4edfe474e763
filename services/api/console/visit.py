"""Who asks, with which rights, and whether a form really came from one of our pages.

The form token is an HMAC keyed by a cookie that only this browser has: the session's, or before signing in a random
one. Another site can make a browser send the cookie, but can neither read it nor the token made of it.
"""

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from services.api.access.date_format import format_of
from services.api.access.factors.passkeys import Place
from services.api.access.sessions import Visitor, visitor_of
from services.api.console.clock import Clock
from services.api.web.dependencies import context_of_request
from services.api.web.known import SESSION_COOKIE as SESSION_COOKIE
from services.api.web.known import note_signed_in
from shared.database.tables import AccountRole
from shared.errors import RollcallError
from shared.settings.documents import SiteSettings
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

FORM_COOKIE = "rollcall_form"
# Of a sign-in, or a new second factor, that waits for its next step.
STEP_COOKIE = "rollcall_step"
FORM_FIELD = "form_token"
_READING = ("GET", "HEAD", "OPTIONS")


class NotSignedIn(Exception):
    """Nobody is signed in (any more)."""


class NotAllowed(Exception):
    """Somebody is signed in who may not do this."""

    def __init__(self, needed: AccountRole) -> None:
        super().__init__(needed)
        self.needed = needed


class ForeignForm(Exception):
    """A form without our token: it comes from elsewhere, or from before the browser signed in or out."""


@dataclass
class Visit:
    """One request: found out once, whoever asks."""

    request: Request
    new_form_key: str | None = None

    @property
    def context(self) -> Context:
        """The process's wiring."""
        return context_of_request(self.request)

    @cached_property
    def visitor(self) -> Visitor | None:
        """Who is signed in."""
        token = self.request.cookies.get(SESSION_COOKIE)
        found = visitor_of(self.context, token) if token else None
        if found is not None and token:
            note_signed_in(self.request.scope, token)
        return found

    @property
    def shown_visitor(self) -> Visitor | None:
        """As ``visitor``, for the frame of a page: nobody, when the database cannot say."""
        try:
            return self.visitor
        except RollcallError:
            return None

    @cached_property
    def form_token(self) -> str:
        """What every form of the page carries; ``new_form_key`` is set when the page must bring a cookie for it."""
        key = self.request.cookies.get(SESSION_COOKIE) or self.request.cookies.get(FORM_COOKIE)
        if not key:
            key = self.new_form_key = secrets.token_urlsafe(32)
        return _form_token(key)

    @cached_property
    def settings(self) -> SiteSettings:
        """The site's settings; the defaults when they cannot be read: a page that says why must not fail for it."""
        try:
            return self.context.site_settings(DEFAULT_SITE).settings
        except RollcallError:
            return SiteSettings()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which moments are shown: that of the schedule."""
        return ZoneInfo(self.settings.schedule.time_zone)

    @property
    def clock(self) -> Clock:
        """How moments are shown: in that time zone, written as the visitor likes."""
        visitor = self.shown_visitor
        return Clock(self.zone, format_of(visitor.date_format if visitor is not None else None))


def visit_of(request: Request) -> Visit:
    """The visit that the request is."""
    if not hasattr(request.state, "visit"):
        request.state.visit = Visit(request)
    return cast(Visit, request.state.visit)


def signed_in(request: Request) -> Visitor:
    """Whoever is signed in.

    :raises NotSignedIn: nobody is.
    """
    visitor = visit_of(request).visitor
    if visitor is None:
        raise NotSignedIn
    return visitor


def needs(role: AccountRole) -> Callable[[Request], Visitor]:
    """A dependency: whoever is signed in and has the rights of the role."""

    def _allowed(request: Request) -> Visitor:
        visitor = signed_in(request)
        if not visitor.may(role):
            raise NotAllowed(role)
        return visitor

    return _allowed


async def form_of(request: Request) -> FormData:
    """What was filled in. One form has a file: the logo's."""
    return await request.form(max_files=1)


async def check_form(request: Request) -> AsyncIterator[None]:
    """Nothing, when the request changes nothing or its form came from one of our pages.

    :raises ForeignForm: it did not.
    """
    try:
        if request.method not in _READING:
            given = text_of(await form_of(request), FORM_FIELD)
            key = request.cookies.get(SESSION_COOKIE) or request.cookies.get(FORM_COOKIE)
            if not key or not hmac.compare_digest(given.encode(), _form_token(key).encode()):
                raise ForeignForm
        yield
    finally:
        # A large file of a form lies in a file of its own, whoever took it or refused it.
        await request.close()


def text_of(form: FormData, name: str) -> str:
    """One field of a form as text, empty when it is not there."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def address_of(request: Request) -> str:
    """Where the request comes from, as the server or a trusted proxy says."""
    return request.client.host if request.client is not None else ""


def place_of(request: Request) -> Place:
    """Where the browser believes to be. One that was led elsewhere shows no passkey of ours, whatever it is told."""
    return Place(request.url.hostname or "", f"{request.url.scheme}://{request.url.netloc}")


def cookie_options(request: Request) -> dict[str, Any]:
    """How our cookies are set."""
    return {
        "path": "/console",
        "httponly": True,
        "samesite": "lax",
        "secure": request.url.scheme == "https",
    }


def enter(request: Request, token: str, target: str) -> Response:
    """Go on to an address of ours, signed in with a new session."""
    return signed_in_now(request, token, RedirectResponse(target, HTTPStatus.SEE_OTHER))


def signed_in_now(request: Request, token: str, response: Response) -> Response:
    """The response, which signs the browser in with a new session."""
    response.set_cookie(SESSION_COOKIE, token, **cookie_options(request))
    response.delete_cookie(FORM_COOKIE, **cookie_options(request))
    response.delete_cookie(STEP_COOKIE, **cookie_options(request))
    return response


def step_on(request: Request, token: str, target: str) -> Response:
    """Go on to the page that takes the next step of a challenge."""
    response = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    response.set_cookie(STEP_COOKIE, token, **cookie_options(request))
    return response


def safe_target(target: str) -> str:
    """The page one came from, if it is one of ours: anything else would send people wherever a link says."""
    is_ours = target.startswith("/console/") and "\\" not in target and target.isprintable()
    return target if is_ours else "/console/"


def _form_token(key: str) -> str:
    return hmac.new(key.encode(), b"form", hashlib.sha256).hexdigest()


VisitorDep = Annotated[Visitor, Depends(signed_in)]
OperatorDep = Annotated[Visitor, Depends(needs(AccountRole.OPERATOR))]
ManagerDep = Annotated[Visitor, Depends(needs(AccountRole.MANAGER))]
FormDep = Annotated[FormData, Depends(form_of)]
