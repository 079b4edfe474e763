"""Tokens and the audit."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.api.access import tokens
from services.api.access.bearer import ActorDep, CallerDep
from services.api.accounts import queries as audit
from services.api.accounts.queries import AuditFilter
from services.api.accounts.schemas import (
    AuditEntryOut,
    AuditOut,
    AuditVerified,
    NewToken,
    TokenList,
    TokenMade,
    TokenOut,
)
from services.api.console.sending import sent_in_turn
from services.api.web.dependencies import Before, ContextDep, Limit, Moment
from services.api.web.documented import documented
from shared.audit_words import AuditKind

router = APIRouter(tags=["access"])


@router.get("/tokens", summary="All tokens")
def list_tokens(context: ContextDep) -> TokenList:
    """Every token ever made, with when it was last used; never what one signs in with."""
    return TokenList(items=[TokenOut.model_validate(row) for row in tokens.list_tokens(context)])


@router.post("/tokens", summary="Create a token", status_code=201, responses=documented(404, 409))
def create_token(context: ContextDep, actor: ActorDep, body: NewToken, response: Response) -> TokenMade:
    """A new token with the rights of a role, for one site or all. It is shown this once."""
    response.headers["Cache-Control"] = "no-store"
    token = tokens.create_token(
        context, body.name, body.expires_in_days, actor, role=body.role, site_id=body.site_id
    )
    return TokenMade(name=body.name.strip(), token=token)


@router.delete("/tokens/{token_id}", summary="Revoke a token", responses=documented(404))
def revoke_token(
    context: ContextDep, actor: ActorDep, token_id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> TokenOut:
    """End a token now."""
    return TokenOut.model_validate(tokens.revoke_token(context, token_id, actor))


async def _filter(
    site_id: Annotated[str | None, Query(max_length=120, description="Only entries of this site.")] = None,
    actor: Annotated[str, Query(max_length=200, description="Part of who did it.")] = "",
    kind: Annotated[AuditKind | None, Query(description="What the entries are about.")] = None,
    since: Annotated[Moment | None, Query(description="Inclusive, with time zone.")] = None,
    until: Annotated[Moment | None, Query(description="Exclusive, with time zone.")] = None,
) -> AuditFilter:
    return AuditFilter(site_id, actor, kind, since, until)


FilterDep = Annotated[AuditFilter, Depends(_filter)]


@router.get("/audit", summary="A page of the audit")
def read_audit(context: ContextDep, chosen: FilterDep, limit: Limit = 50, before: Before = None) -> AuditOut:
    """Who changed or approved what, newest first."""
    found = audit.read_audit(context, chosen, limit + 1, before)
    page = found[:limit]
    return AuditOut(
        items=[AuditEntryOut.of(entry) for entry in page],
        next_before=page[-1].id if len(found) > limit else None,
    )


@router.get(
    "/audit/export",
    summary="The audit as a file",
    response_class=StreamingResponse,
    responses=documented(429)
    | {200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": ",".join(audit.COLUMNS)}}}},
)
async def export_audit(
    request: Request, context: ContextDep, caller: CallerDep, chosen: FilterDep
) -> Response:
    """All entries that fit the filter as CSV, newest first. Moments are UTC; `details` is JSON."""
    return sent_in_turn(request, caller.actor, audit.audit_csv(context, chosen), audit.FILE_NAME)


@router.get("/audit/verification", summary="Is the audit whole?")
def verify_audit(context: ContextDep) -> AuditVerified:
    """Whether no entry of the audit was changed, added or removed: `first_broken_id` is the first that is not as it was
    written; `is_whole` is also false when the end of the audit is missing, or none of it is sealed.
    """
    state = audit.audit_state(context)
    return AuditVerified(is_whole=state.is_whole, first_broken_id=state.first_bad)
