"""While somebody is signed in who is known elsewhere: by extension, Active Directory account or identity provider.

They are looked at again every ``AGAIN_AFTER``, and at once when the settings of their way to sign in were changed:
whoever has lost what they came in by is out. When nobody can be asked, a session goes on for ``GRACE`` more.
"""

from datetime import datetime, timedelta
from functools import cache

import structlog
from sqlalchemy import delete, update

from services.api.access import accounts, extensions, group_members
from services.api.access.external_identity import CannotAsk, ExternalIdentity, Source, keep, record_ended
from services.api.access.openid import people as openid
from services.api.access.site_roles import SiteRoles
from shared.database.tables import Account, AccountSource, ConsoleSession
from shared.errors import Conflict, StorageUnavailable
from shared.worker.context import Context

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(minutes=10)
GRACE = timedelta(minutes=20)
# Whoever cannot be asked is not asked again with every page.
_ASKED_EVERY = timedelta(minutes=1)


@cache
def _sources() -> dict[str, Source]:
    return {
        **{source.value: way for source, way in extensions.sources().items()},
        AccountSource.DIRECTORY_ACCOUNT.value: group_members.source(),
        AccountSource.OPENID.value: openid.source(),
    }


def roles_now(
    context: Context, row: ConsoleSession, account: Account, stored: SiteRoles, now: datetime
) -> SiteRoles | None:
    """The rights of a session of such an account at this moment, ``stored`` those of its last one; ``None`` when it is over, for now or for good."""
    source = _sources().get(account.source)
    if source is None or not source.is_on(context):
        return None
    changed_at = source.since(context)
    # A session of theirs is good until they must be looked at again.
    is_changed = changed_at is not None and changed_at > row.expires_at - AGAIN_AFTER
    is_due = is_changed or now >= row.expires_at
    may_wait = not is_changed and now < row.expires_at + GRACE
    if not is_due or (may_wait and row.last_seen_at > now - _ASKED_EVERY):
        return stored
    try:
        identity = source.look_again(context, row, account, now)
    except CannotAsk:
        return stored if may_wait else None
    if identity.refused or identity.roles is None:
        _end(context, row, account, identity)
        return None
    try:
        keep(context, identity)
        due = now + AGAIN_AFTER if identity.until is None else min(now + AGAIN_AFTER, identity.until)
        with context.database.begin() as session:
            session.execute(update(ConsoleSession).where(ConsoleSession.id == row.id).values(expires_at=due))
    except Conflict as error:
        log.warning("session_not_renewed", error=error.message)
        return None
    except StorageUnavailable as error:
        # A full disk must not keep anyone from reading what went wrong.
        log.warning("session_not_renewed", error=error.message)
    return identity.roles


def _end(context: Context, row: ConsoleSession, account: Account, identity: ExternalIdentity) -> None:
    with context.database.begin() as session:
        if identity.ends_all:
            accounts.end_sessions(session, account.id)
        else:
            session.execute(delete(ConsoleSession).where(ConsoleSession.id == row.id))
    if identity.ends_all:
        record_ended(context, identity, identity.refused)
