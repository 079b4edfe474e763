"""The audit: who changed and approved what. It can be read and checked, and by nobody changed."""

from fastapi import APIRouter, Request, Response

from services.api.accounts import queries as audit
from services.api.console.rendering import link, page
from services.api.console.scope import SiteDep, VisitorDep
from services.api.web.dependencies import Before, ContextDep
from shared.database.tables import AccountRole

router = APIRouter()

_SHOWN = 50


@router.get("/audit")
def show_audit(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: VisitorDep,
    before: Before = None,
    check: str = "",
) -> Response:
    """A page of entries, newest first; with ``check`` also whether the whole chain holds.

    Whoever is of one site sees what concerns that site alone.
    """
    sees_all = visitor.roles.may_everywhere(AccountRole.VIEWER)
    found = audit.read_audit(context, None if sees_all else site, _SHOWN + 1, before, with_all_sites=sees_all)
    shown = found[:_SHOWN]
    return page(
        request,
        "audit.html",
        entries=shown,
        site_names=audit.site_names(context),
        is_checked=bool(check) and sees_all,
        sees_all=sees_all,
        state=audit.audit_state(context) if check and sees_all else None,
        head=audit.audit_head(context) if sees_all else "",
        newest=link("/audit") if before is not None else None,
        older=link("/audit", before=shown[-1].id) if len(found) > _SHOWN else None,
    )
