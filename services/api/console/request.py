"""Who asks, with which rights, and whether a form really came from one of our pages.

The form token is an HMAC keyed by a cookie that only this browser has: the session's, or before signing in a random
one. Another site can make a browser send the cookie, but can neither read it nor the token made of it.
"""

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from starlette.datastructures import FormData

from services.api.access.date_format import format_of
from services.api.access.factors.passkeys import Place
from services.api.access.sessions import Visitor, visitor_of
from services.api.console.clock import Clock
from services.api.console.site_address import site_named
from services.api.web.dependencies import context_of_request
from services.api.web.known import SESSION_COOKIE as SESSION_COOKIE
from services.api.web.known import note_signed_in
from shared.database.tables import AccountRole, Site
from shared.errors import RollcallError
from shared.runs.hold import Hold, read_hold
from shared.settings.documents import BrandingSettings, SiteSettings
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

    def __init__(self, needed: AccountRole, *, everywhere: bool = False) -> None:
        super().__init__(needed)
        self.needed = needed
        self.everywhere = everywhere


class ForeignForm(Exception):
    """A form without our token: it comes from elsewhere, or from before the browser signed in or out."""


@dataclass(frozen=True, slots=True)
class ShownSite:
    """The site of a page. ``is_named`` when there are others, ``can_switch`` when the visitor may go to one."""

    id: str
    name: str
    is_named: bool
    can_switch: bool
    hold: Hold | None = None


@dataclass
class ConsoleRequest:
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

    @property
    def site_id(self) -> str:
        """The site that the page is of. Whether it is there for the visitor is for ``scope`` to say."""
        return site_named(self.request.scope) or DEFAULT_SITE

    @cached_property
    def settings(self) -> SiteSettings:
        """The site's settings; the defaults when they cannot be read: a page that says why must not fail for it."""
        return self._settings_of(self.site_id)

    @cached_property
    def shown_site(self) -> ShownSite | None:
        """The site for the frame of a page, and whether there are others to go to; nobody signed in is told."""
        visitor = self.shown_visitor
        if visitor is None or visitor.roles.role_at(self.site_id) is None:
            return None
        count = select(func.count()).select_from(Site).scalar_subquery()
        try:
            with self.context.database.glance() as session:
                found = session.execute(
                    select(Site.name, count, Site.hold).where(Site.id == self.site_id)
                ).one_or_none()
        except RollcallError:
            return None
        if found is None:
            return None
        mine = len(visitor.roles.at) if visitor.roles.everywhere is None else found[1]
        return ShownSite(self.site_id, found[0], found[1] > 1, mine > 1, read_hold(found[2]))

    @cached_property
    def branding(self) -> BrandingSettings:
        """How the console looks, on the pages of all sites."""
        return (self.settings if self.site_id == DEFAULT_SITE else self._settings_of(DEFAULT_SITE)).branding

    def _settings_of(self, site_id: str) -> SiteSettings:
        try:
            return self.context.site_settings(site_id).settings
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


def console_request(request: Request) -> ConsoleRequest:
    """What is found out of the request, once."""
    if not hasattr(request.state, "console_request"):
        request.state.console_request = ConsoleRequest(request)
    return cast(ConsoleRequest, request.state.console_request)


def signed_in(request: Request) -> Visitor:
    """Whoever is signed in.

    :raises NotSignedIn: nobody is.
    """
    visitor = console_request(request).visitor
    if visitor is None:
        raise NotSignedIn
    return visitor


async def form_of(request: Request) -> FormData:
    """What was filled in. One form has a file: the logo's."""
    return await request.form(max_files=1)


async def check_form(request: Request) -> AsyncIterator[None]:
    """Check that a request that changes something brings a form of one of our pages.

    :raises ForeignForm: it does not.
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


FormDep = Annotated[FormData, Depends(form_of)]
