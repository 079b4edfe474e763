"""Sends the audit to a syslog server: entry after entry, each until it was taken, from when the server was set up.

Accounts, tokens and what else concerns all sites is sent with the default site's, but only while there is no other site:
whoever manages one of several chooses where its audit goes.

A worker that dies between sending and noting sends some entries twice; their ``id`` tells.
"""

from sqlalchemy import func, select

from services.notifier.channels.syslog import Entry, send
from shared.database.audit_chain import concerns_one_site
from shared.database.tables import AuditEntry, NotifiedState, Site
from shared.domain.notifying import SYSLOG
from shared.errors import RollcallError
from shared.settings.documents import SiteSettings
from shared.work import leases
from shared.worker.context import Context

_MOST_AT_ONCE = 500


def send_audit(context: Context, site_id: str, settings: SiteSettings, lease: tuple[str, str]) -> bool:
    """Send what was not sent yet of the site's entries; whether there is more.

    :raises LeaseHeld: another worker has taken over.
    """
    if not settings.notifications.syslog_host:
        _note(context, site_id, lease, None)
        return False
    of_site = AuditEntry.site_id == site_id
    with context.database.read() as session:
        if (session.scalar(select(func.count()).select_from(Site)) or 0) > 1:
            of_site &= concerns_one_site()
        state = session.get(NotifiedState, (site_id, SYSLOG))
        newest = session.scalar(select(func.max(AuditEntry.id)).where(of_site)) or 0
        rows = session.scalars(
            select(AuditEntry)
            .where(of_site, AuditEntry.id > (newest if state is None else state.cursor))
            .order_by(AuditEntry.id)
            .limit(_MOST_AT_ONCE)
        )
        entries = [
            Entry(row.id, row.site_id, row.occurred_at, row.actor, row.action, row.details, row.hash) for row in rows
        ]  # fmt: skip
    if state is None:
        _note(context, site_id, lease, newest)
    elif entries:
        try:
            send(settings.notifications, entries)
        except RollcallError as error:
            _note(context, site_id, lease, state.cursor, error.message)
            return False
        _note(context, site_id, lease, entries[-1].id)
    return len(entries) == _MOST_AT_ONCE


def _note(
    context: Context, site_id: str, lease: tuple[str, str], cursor: int | None, error: str | None = None
) -> None:
    """Keep how far the site's audit was sent, and why no further; forget both without a ``cursor``."""
    with context.database.read() as session:
        row = session.get(NotifiedState, (site_id, SYSLOG))
    if (None if row is None else (row.cursor, row.error_message)) == (
        None if cursor is None else (cursor, error)
    ):
        return
    with context.database.begin() as session:
        leases.fence(session, *lease)
        row = session.get(NotifiedState, (site_id, SYSLOG))
        if cursor is None:
            if row is not None:
                session.delete(row)
            return
        if row is None:
            row = NotifiedState(site_id=site_id, kind=SYSLOG, lasting=[])
            session.add(row)
        row.cursor, row.error_message = cursor, None if error is None else str(error)
