"""The code that makes a manager: shown on the terminal of the host, good for one account and one day.

It is typed on the page of the set-up link, whose address holds no secret: addresses are kept in the logs of proxies and
in the history of browsers.

Whoever can run commands on the host can read the database anyway; so a code also helps when every manager
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
from shared.language import declared
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

VALID_FOR = timedelta(days=1)
# 80 bits, so that trying is hopeless without counting the attempts; no letter that is read as a digit.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS = 4
_GROUP = 4
ACTOR = "set-up link"


def make_code(context: Context, actor: str) -> str:
    """A new code. Earlier ones that nobody used are good no more."""
    now = datetime.now(UTC)
    code = "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    with context.database.begin() as session:
        session.execute(delete(SetupLink).where(SetupLink.used_at.is_(None)))
        session.add(SetupLink(token_hash=_hash(code), created_at=now, expires_at=now + VALID_FOR))
        events.audit(session, DEFAULT_SITE, actor=actor, action="setup_link.made", details={})
    return code


def _is_good(context: Context, code: str) -> bool:
    with context.database.read() as session:
        row = session.scalar(select(SetupLink).where(SetupLink.token_hash == _hash(code)))
    return row is not None and row.used_at is None and row.expires_at > datetime.now(UTC)


def use_code(context: Context, code: str, name: str, display_name: str, password: str) -> Account:
    """The new manager; of two who use one code at once, one is made. Case, spaces and dashes of the code do not matter.

    :raises NotFound: the code was used, is too old, or never was one.
    :raises SettingsInvalid: the name is none or the password too weak; the code stays good.
    :raises Conflict: there is such an account already; the code stays good.
    :raises TooBusy: many passwords are being checked; the code stays good.
    """
    # Asked first: a hash takes memory and time, which nobody without a good code is given.
    if not _is_good(context, code):
        raise _not_good()
    name = accounts.normal_name(name)
    password_hash = hash_password(name, password, display_name)
    now = datetime.now(UTC)
    with context.database.begin() as session:
        used = session.execute(
            update(SetupLink)
            .where(
                SetupLink.token_hash == _hash(code),
                SetupLink.used_at.is_(None),
                SetupLink.expires_at > now,
            )
            .values(used_at=now)
        )
        if not rows_of(used):
            raise _not_good()
        return accounts.add(session, name, display_name, AccountRole.MANAGER, password_hash, ACTOR)


def _hash(code: str) -> str:
    return token_hash("".join(letter for letter in code.upper() if letter.isalnum()))


def _not_good() -> NotFound:
    return NotFound(
        declared(
            "This set-up code is wrong, was used already or is too old. `rollcall console setup-link` prints another."
        )
    )
