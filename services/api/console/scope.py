"""The walls between sites: every page says whose it is, and here alone it is decided whether it is there for a visitor.

A page is open to anyone, one's own, a site's, or of all sites; it says so by one of the dependencies below. What it is
asked for by, the id of a run say, must be of the same site. ``check_pages`` lets no console start with a page that
says nothing, or that is asked for by an id whose site nobody knows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import func, select
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from services.api.access.permissions import SECTIONS_OF_ALL_SITES
from services.api.access.sessions import Visitor
from services.api.console.request import NotAllowed, console_request, signed_in
from services.api.console.site_address import site_named
from shared.database.found import no_run, no_site
from shared.database.tables import AccountRole, Run, Site
from shared.settings.documents import Section
from shared.settings.store import DEFAULT_SITE
from shared.values.digits import whole_number
from shared.worker.context import Context


class Scope(StrEnum):
    """Whose a page is."""

    OPEN = "open"
    OWN = "own"
    SITE = "site"
    ALL_SITES = "all sites"


# By what a page may be asked for in its path. Names are looked up within the site or account; an id of a run has its
# site looked up below; other ids are of what belongs to all sites.
_PATHS = {
    Scope.OPEN: {"token", "name"},
    Scope.OWN: {"factor_id", "name"},
    Scope.SITE: {"run_id", "slug"},
    Scope.ALL_SITES: {"account_id", "token_id"},
}


class AtAnotherSite(Exception):
    """The page is there for the visitor, at another site."""

    def __init__(self, site_id: str) -> None:
        super().__init__(site_id)
        self.site_id = site_id


@dataclass(frozen=True, slots=True)
class Gate:
    """A dependency: whoever asks, if the page is there for them and they have the role there."""

    scope: Scope
    role: AccountRole = AccountRole.VIEWER

    def __call__(self, request: Request) -> Visitor:
        """The visitor.

        :raises NotSignedIn: nobody is signed in.
        :raises NotFound: the site, or what is asked for, is not there for them.
        :raises AtAnotherSite: it is there, under another address.
        :raises NotAllowed: they may look, and do no more.
        """
        visitor = signed_in(request)
        if self.scope is Scope.OWN:
            return visitor
        if self.scope is Scope.ALL_SITES:
            if not visitor.roles.may_everywhere(self.role):
                raise NotAllowed(self.role, everywhere=True)
            return visitor
        context, site_id = console_request(request).context, console_request(request).site_id
        if visitor.roles.role_at(site_id) is None:
            if request.method == "GET" and site_named(request.scope) is None and visitor.roles.at:
                if _asked_run(request) is None:
                    raise AtAnotherSite(min(visitor.roles.at))
                _check_run(request, context, visitor, site_id)
            raise no_site(site_id)
        if site_id != DEFAULT_SITE and not _is_site(context, site_id):
            raise no_site(site_id)
        _check_run(request, context, visitor, site_id)
        if not visitor.roles.may_at(site_id, self.role):
            raise NotAllowed(self.role)
        return visitor


def anyone(request: Request) -> None:
    """A dependency: the page is open, and of no site.

    :raises HTTPException: 404, the address names one.
    """
    if site_named(request.scope) is not None:
        raise HTTPException(HTTPStatus.NOT_FOUND)


def site_of(request: Request) -> str:
    """The site that the page is of; only beside a gate."""
    return console_request(request).site_id


def run_of_site(context: Context, site_id: str, run_id: int) -> None:
    """Check that the run is one of the site: for an id that a form holds.

    :raises NotFound: there is none at this site.
    """
    if _site_of_run(context, run_id) != site_id:
        raise no_run(run_id)


def section_site(
    visitor: Visitor, section: Section, site_id: str, needed: AccountRole = AccountRole.VIEWER
) -> str:
    """The site where a section of the settings is kept that a page of a site shows.

    :raises NotAllowed: it counts for all sites, and the visitor does not have the role at all of them.
    """
    if section.value not in SECTIONS_OF_ALL_SITES:
        return site_id
    if not visitor.roles.may_everywhere(needed):
        raise NotAllowed(needed, everywhere=True)
    return DEFAULT_SITE


def check_pages(routes: list[BaseRoute]) -> None:
    """Check that every page says whose it is.

    :raises LookupError: naming one that does not.
    """
    for route in routes:
        if not isinstance(route, APIRoute):
            continue
        scopes = {scope for call in _calls(route.dependant) if (scope := _scope_of(call)) is not None}
        if len(scopes) != 1:
            raise LookupError(
                f"The page {route.path} must say by one dependency whose it is; it says {len(scopes)}."
            )
        (scope,) = scopes
        asked = {field.name for field in route.dependant.path_params} - _PATHS[scope]
        if asked:
            raise LookupError(
                f"Nobody knows whose the {', '.join(sorted(asked))} of the page {route.path} is."
            )


def _calls(dependant: Dependant) -> Iterator[object]:
    for needed in dependant.dependencies:
        yield needed.call
        yield from _calls(needed)


def _scope_of(call: object) -> Scope | None:
    if call is anyone:
        return Scope.OPEN
    return call.scope if isinstance(call, Gate) else None


def _check_run(request: Request, context: Context, visitor: Visitor, site_id: str) -> None:
    asked = _asked_run(request)
    if asked is None:
        return
    # Written in any other way it could be read as one number here and as another by the page.
    run_id = whole_number(asked, 10)
    if run_id is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    found = _site_of_run(context, run_id)
    if found == site_id:
        return
    if found is not None and request.method == "GET" and visitor.roles.role_at(found) is not None:
        raise AtAnotherSite(found)
    raise no_run(run_id)


def _asked_run(request: Request) -> str | None:
    found = request.path_params.get("run_id")
    return None if found is None else str(found)


def _site_of_run(context: Context, run_id: int) -> str | None:
    if not 0 < run_id < 2**31:
        return None
    with context.database.glance() as session:
        return session.scalar(select(Run.site_id).where(Run.id == run_id))


def _is_site(context: Context, site_id: str) -> bool:
    with context.database.glance() as session:
        return bool(session.scalar(select(func.count()).select_from(Site).where(Site.id == site_id)))


_at_site = partial(Gate, Scope.SITE)
_everywhere = partial(Gate, Scope.ALL_SITES)
ANYONE = Depends(anyone)
OwnDep = Annotated[Visitor, Depends(Gate(Scope.OWN))]
VisitorDep = Annotated[Visitor, Depends(_at_site(AccountRole.VIEWER))]
OperatorDep = Annotated[Visitor, Depends(_at_site(AccountRole.OPERATOR))]
ManagerDep = Annotated[Visitor, Depends(_at_site(AccountRole.MANAGER))]
AllSitesDep = Annotated[Visitor, Depends(_everywhere(AccountRole.VIEWER))]
AllSitesManagerDep = Annotated[Visitor, Depends(_everywhere(AccountRole.MANAGER))]
SiteDep = Annotated[str, Depends(site_of)]
