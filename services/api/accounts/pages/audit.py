"""The audit: who changed and approved what. It can be read and checked, and by nobody changed."""

from fastapi import APIRouter, Request, Response

from services.api.accounts import queries as audit
from services.api.console.rendering import link, page
from services.api.console.visit import VisitorDep
from services.api.web.dependencies import Before, ContextDep

router = APIRouter()

_SHOWN = 50


@router.get("/audit")
def show_audit(
    request: Request, context: ContextDep, _visitor: VisitorDep, before: Before = None, check: str = ""
) -> Response:
    """A page of entries, newest first; with ``check`` also whether the whole chain holds."""
    found = audit.read_audit(context, None, _SHOWN + 1, before)
    shown = found[:_SHOWN]
    return page(
        request,
        "audit.html",
        entries=shown,
        is_checked=bool(check),
        state=audit.audit_state(context) if check else None,
        head=audit.audit_head(context),
        newest=link("/audit") if before is not None else None,
        older=link("/audit", before=shown[-1].id) if len(found) > _SHOWN else None,
    )
