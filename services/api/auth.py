"""Who is asking: a bearer token (RFC 6750), looked up by its hash."""

from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.api.dependencies import ContextDep
from services.api.use_cases.tokens import name_of_token

_bearer = HTTPBearer(auto_error=False, description="A token of `rollcall token create NAME`.")


def actor_of(
    context: ContextDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    """``token:<name>``, the actor of whatever the request does; 401 without a valid token."""
    name = name_of_token(context, credentials.credentials) if credentials is not None else None
    if name is None:
        said = "is not valid (any more)" if credentials is not None else "is missing"
        challenge = 'Bearer realm="rollcall"' + (', error="invalid_token"' if credentials is not None else "")
        raise HTTPException(
            401,
            f"The bearer token {said}. Send 'Authorization: Bearer rc_...'; `rollcall token create NAME` makes one.",
            headers={"WWW-Authenticate": challenge},
        )
    return f"token:{name}"


ActorDep = Annotated[str, Depends(actor_of)]
