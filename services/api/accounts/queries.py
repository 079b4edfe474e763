"""Reading the audit and proving that nobody has changed it."""

from sqlalchemy import func, select

from shared.database import audit_chain, events
from shared.database.audit_chain import AuditState
from shared.database.migrate import is_before
from shared.database.tables import AuditEntry, Site
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

# Actions that concern all sites. They are written down with the site ``default``, and are not for those of one site.
OF_ALL_SITES = (
    "account.", "audit.", "backup.", "keys.", "logo.", "second_factor.", "setup_link.", "sign_in.", "token.",
)  # fmt: skip


def read_audit(
    context: Context,
    site_id: str | None = None,
    limit: int = 50,
    before: int | None = None,
    *,
    with_all_sites: bool = True,
) -> list[AuditEntry]:
    """Entries of one site or of all, newest first; ``before`` is the last id of the page before. ``with_all_sites`` when
    what concerns all sites is among them.
    """
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if not with_all_sites:
        query = query.where(*(AuditEntry.action.not_like(f"{begins}%") for begins in OF_ALL_SITES))
    if site_id is not None:
        query = query.where(AuditEntry.site_id == site_id)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    with context.database.read() as session:
        return list(session.scalars(query))


def site_names(context: Context) -> dict[str, str]:
    """What each site is called, by id."""
    with context.database.read() as session:
        return {site_id: name for site_id, name in session.execute(select(Site.id, Site.name))}  # noqa: C416  (mypy)


def verify_audit(context: Context) -> int | None:
    """The id of the first entry that is not as it was written, ``None`` when there is none. ``audit_state`` says more."""
    return audit_state(context).first_bad


def audit_state(context: Context, head: str = "") -> AuditState:
    """Whether the audit is whole; ``head`` is one that was kept elsewhere (log, backup, a note), of any earlier moment."""
    with context.database.read() as session:
        return audit_chain.verify(session, head)


def audit_head(context: Context) -> str:
    """The signed head, to be kept outside of the database; empty when nothing is sealed yet."""
    with context.database.read() as session:
        return audit_chain.head_of(session)


def begin_sealing(context: Context, actor: str, before: str | None) -> bool:
    """Seal what a version without seals has written, once: when the tables came to have them (``before`` is the
    revision they stood at).
    """
    if before is None or not is_before(before, audit_chain.SEALED_SINCE):
        return False
    with context.database.begin() as session:
        count = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
        events.audit(session, DEFAULT_SITE, actor=actor, action="audit.sealed", details={"entries": count})
    return True
