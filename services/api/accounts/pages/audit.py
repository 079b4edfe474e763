"""The audit: who changed and approved what. It can be read, exported and checked, and by nobody changed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.access.sessions import Visitor
from services.api.accounts import queries as audit
from services.api.accounts.queries import AuditFilter
from services.api.console.rendering import language_of, link, page
from services.api.console.request import console_request
from services.api.console.scope import SiteDep, VisitorDep
from services.api.console.sending import sent_in_turn
from services.api.console.words import moment_at
from services.api.web.dependencies import Before, ContextDep
from shared.audit_words import KINDS, AuditKind, audit_changes
from shared.database.tables import AccountRole
from shared.language import declared, each_spoken

router = APIRouter()

_SHOWN = 50
Words = Annotated[str, Query(max_length=200)]


@router.get("/audit")
def show_audit(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: VisitorDep,
    before: Before = None,
    who: Words = "",
    kind: Words = "",
    of: Words = "",
    since: Words = "",
    until: Words = "",
    check: str = "",
) -> Response:
    """A page of entries, newest first; with ``check`` also whether the whole chain holds.

    Whoever is of one site sees what concerns that site alone.
    """
    asked = {"who": who, "kind": kind, "of": of, "since": since, "until": until}
    chosen, problems = _filter(request, visitor, site, asked)
    found = audit.read_audit(context, chosen, _SHOWN + 1, before)
    shown = found[:_SHOWN]
    return page(
        request,
        "audit.html",
        entries=shown,
        message_of=audit.message_of,
        changes_of=audit_changes,
        kinds=KINDS,
        asked=asked,
        problems=problems,
        site_names=audit.site_names(context) if chosen.with_all_sites else {},
        is_checked=bool(check) and chosen.with_all_sites,
        sees_all=chosen.with_all_sites,
        state=audit.audit_state(context) if check and chosen.with_all_sites else None,
        head=audit.audit_head(context) if chosen.with_all_sites else "",
        newest=link("/audit", asked) if before is not None else None,
        older=link("/audit", asked, before=shown[-1].id) if len(found) > _SHOWN else None,
    )


@router.get("/audit/export")
def export_audit(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: VisitorDep,
    who: Words = "",
    kind: Words = "",
    of: Words = "",
    since: Words = "",
    until: Words = "",
) -> Response:
    """The entries that fit, as CSV."""
    asked = {"who": who, "kind": kind, "of": of, "since": since, "until": until}
    chosen, _problems = _filter(request, visitor, site, asked)
    pieces = each_spoken(language_of(request), audit.audit_csv(context, chosen))
    return sent_in_turn(request, visitor.actor, pieces, audit.FILE_NAME)


def _filter(
    request: Request, visitor: Visitor, site: str, asked: dict[str, str]
) -> tuple[AuditFilter, dict[str, str]]:
    """What is asked for, as far as the visitor may see it, and by field what of it cannot be used."""
    sees_all = visitor.roles.may_everywhere(AccountRole.VIEWER)
    zone = console_request(request).zone
    moments = {name: moment_at(asked[name], zone) for name in ("since", "until")}
    problems = {
        name: declared("A time is written like 2026-11-23T14:30.")
        for name, moment in moments.items()
        if asked[name].strip() and moment is None
    }
    return AuditFilter(
        site_id=(asked["of"] or None) if sees_all else site,
        actor=asked["who"].strip(),
        kind=AuditKind(asked["kind"]) if asked["kind"] in [*AuditKind] else None,
        since=moments["since"],
        until=moments["until"],
        with_all_sites=sees_all,
    ), problems
