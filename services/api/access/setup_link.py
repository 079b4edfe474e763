"""The link that makes a manager: shown on the terminal of the host, good for one account and one day.

Whoever can run commands on the host can read the database anyway; so the same link also helps when every manager
has forgotten their password.
"""

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update

from services.api.access import accounts
from services.api.access.hashed import token_hash
from services.api.access.passwords.own import hash_password
from shared.database import events
from shared.database.rows import rows_of
from shared.database.tables import Account, AccountRole, SetupLink
from shared.errors import NotFound
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

VALID_FOR = timedelta(days=1)
ACTOR = "set-up link"


def make_link(context: Context, actor: str) -> str:
    """The token of a new link. Earlier ones that nobody used are good no more."""
    now = datetime.now(UTC)
    token = secrets.token_urlsafe(32)
    with context.database.begin() as session:
        session.execute(delete(SetupLink).where(SetupLink.used_at.is_(None)))
        session.add(SetupLink(token_hash=token_hash(token), created_at=now, expires_at=now + VALID_FOR))
        events.audit(session, DEFAULT_SITE, actor=actor, action="setup_link.made", details={})
    return token


def is_good(context: Context, token: str) -> bool:
    """Whether the link can still be used."""
    with context.database.read() as session:
        row = session.scalar(select(SetupLink).where(SetupLink.token_hash == token_hash(token)))
    return row is not None and row.used_at is None and row.expires_at > datetime.now(UTC)


def use_link(context: Context, token: str, name: str, display_name: str, password: str) -> Account:
    """The new manager; of two who use one link at once, one is made.

    :raises NotFound: the link was used, is too old, or never was one.
    :raises SettingsInvalid: the name is none or the password too weak; the link stays good.
    :raises Conflict: there is such an account already; the link stays good.
    :raises TooBusy: many passwords are being checked; the link stays good.
    """
    # Asked first: a hash takes memory and time, which nobody without a good link is given.
    if not is_good(context, token):
        raise _not_good()
    name = accounts.normal_name(name)
    password_hash = hash_password(name, password, display_name)
    now = datetime.now(UTC)
    with context.database.begin() as session:
        used = session.execute(
            update(SetupLink)
            .where(
                SetupLink.token_hash == token_hash(token),
                SetupLink.used_at.is_(None),
                SetupLink.expires_at > now,
            )
            .values(used_at=now)
        )
        if not rows_of(used):
            raise _not_good()
        return accounts.add(session, name, display_name, AccountRole.MANAGER, password_hash, ACTOR)


def _not_good() -> NotFound:
    return NotFound(
        "This set-up link was used already or is too old. `rollcall console setup-link` makes another."
    )
