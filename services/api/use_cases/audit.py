"""Reading the audit and proving that nobody has changed it."""

from sqlalchemy import select

from shared.database.events import first_broken_audit_entry
from shared.database.tables import AuditEntry
from shared.worker.context import Context


def read_audit(
    context: Context, site_id: str | None = None, limit: int = 50, before: int | None = None
) -> list[AuditEntry]:
    """Entries of one site or of all, newest first; ``before`` is the last id of the page before."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if site_id is not None:
        query = query.where(AuditEntry.site_id == site_id)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    with context.database.read() as session:
        return list(session.scalars(query))


def verify_audit(context: Context) -> int | None:
    """The id of the first entry that was changed or whose predecessor is missing, ``None`` when all is whole."""
    with context.database.read() as session:
        return first_broken_audit_entry(session)
