"""Who is asking and whether they may: a bearer token (RFC 6750), looked up by its hash, with its role and site."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select
from starlette.routing import BaseRoute

from services.api.access.permissions import (
    OF_ALL_SITES,
    ROLES,
    SECTIONS_OF_ALL_SITES,
    is_of_all_sites,
    role_needed,
)
from services.api.access.tokens import valid_token
from services.api.web.dependencies import context_of_request
from services.api.web.documented import operation_of
from services.api.web.known import note_signed_in
from shared.database.found import no_run, no_site
from shared.database.tables import AccountRole, Run
from shared.errors import NotFound
from shared.values.digits import whole_number
from shared.worker.context import Context

_bearer = HTTPBearer(auto_error=False, description="A token of `rollcall token create NAME`.")


# By these a path says whose it is; the site of a run is looked up below.
_OF_A_SITE = frozenset({"site_id", "run_id"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is, with which role, and for which one site (``None``: all)."""

    name: str
    role: AccountRole
    site_id: str | None

    @property
    def actor(self) -> str:
        """Who did it, for the Log and the audit."""
        return f"token:{self.name}"

    def sees(self, section: str) -> bool:
        """Whether a section of the settings of its site is for the token: who may sign in everywhere is not for one of one site."""
        return self.site_id is None or section not in SECTIONS_OF_ALL_SITES

    def check_sections(self, sections: Collection[str]) -> None:
        """Check that the token may read or save these sections of the settings of its site.

        :raises HTTPException: 403, one of them counts for all sites.
        """
        if shared := {section for section in sections if not self.sees(section)}:
            raise _forbidden(
                f"The section {', '.join(sorted(shared))} counts for all sites, and this token is for site "
                f"'{self.site_id}' alone."
            )


def caller_of(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """Whoever asks; 401 without a valid token, 403 when it may not do this.

    :raises NotFound: it asks for a site or run that is not its own: whether there is one is not told.
    """
    # Not as a dependency: FastAPI takes as long over one as the database over a token.
    context = context_of_request(request)
    row = valid_token(context, credentials.credentials) if credentials is not None else None
    if row is None:
        sentence = "is not valid" if credentials is not None else "is missing"
        challenge = 'Bearer realm="rollcall"' + (', error="invalid_token"' if credentials is not None else "")
        raise HTTPException(
            401,
            f"The bearer token {sentence}. Send 'Authorization: Bearer rc_...'; `rollcall token create NAME` "
            "makes one.",
            headers={"WWW-Authenticate": challenge},
        )
    note_signed_in(request.scope, credentials.credentials if credentials is not None else "")
    caller = Caller(row.name, AccountRole(row.role), row.site_id)
    operation = operation_of(request.scope["route"])
    needed = role_needed(operation)
    if not caller.role.may(needed):
        raise _forbidden(f"This needs the role {needed.value}; the token '{row.name}' has {row.role}.")
    if caller.site_id is not None:
        if is_of_all_sites(operation):
            raise _forbidden(f"The token '{row.name}' is for site '{row.site_id}' alone.")
        _check_site(request.path_params, context, caller.site_id)
    return caller


async def actor_of(caller: Annotated[Caller, Depends(caller_of)]) -> str:
    """``token:<name>``, the actor of whatever the request does."""
    return caller.actor


def check_operations(routes: Iterable[BaseRoute]) -> None:
    """Check that every operation says which role it needs and whose it is: by its path, or as one of all sites.

    :raises LookupError: naming one that does not.
    """
    for route in routes:
        if not isinstance(route, APIRoute):
            continue
        asked = {field.name for field in route.dependant.path_params}
        operation = operation_of(route)
        is_of_all = operation in OF_ALL_SITES
        # What ``removeSite`` and its like are asked for by is a site, and they are of all of them.
        if operation not in ROLES or not (is_of_all or asked & _OF_A_SITE):
            raise LookupError(
                f"The operation {operation} at {route.path} must have a role in permissions.py, and be of the "
                "site that its path names or of all sites."
            )


def _check_site(path: Mapping[str, object], context: Context, site_id: str) -> None:
    if "site_id" in path:
        if path["site_id"] != site_id:
            raise no_site(str(path["site_id"]))
        return
    # Written in any other way it could be read as one number here and as another by the route.
    run_id = whole_number(str(path.get("run_id", "")), 10)
    with context.database.read() as session:
        found = None if run_id is None else session.scalar(select(Run.site_id).where(Run.id == run_id))
    if found != site_id:
        raise NotFound("There is no such run.") if run_id is None else no_run(run_id)


def _forbidden(sentence: str) -> HTTPException:
    return HTTPException(
        403, f"{sentence} Nothing was done. `rollcall token create` makes one with other rights."
    )


CallerDep = Annotated[Caller, Depends(caller_of)]
ActorDep = Annotated[str, Depends(actor_of)]
