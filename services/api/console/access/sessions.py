"""Signed-in browsers. A session is a random token of which the database keeps only the hash; it ends when nobody
uses it for a while, after a working day at the latest, and at once when the account changes.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select, update

from services.api.console.access.accounts import end_sessions
from services.api.console.access.lockout import count_attempt, forgive
from services.api.console.access.passwords import own
from shared.database.tables import Account, AccountRole, ConsoleSession
from shared.errors import StorageUnavailable
from shared.worker.context import Context

log = structlog.get_logger(__name__)

IDLE = timedelta(hours=1)
LONGEST = timedelta(hours=12)
_SEEN_NOTED_EVERY = timedelta(minutes=1)
_RANK = {AccountRole.VIEWER: 0, AccountRole.OPERATOR: 1, AccountRole.MANAGER: 2}


class SignInRefused(Exception):
    """Nobody was signed in. ``retry_after`` is set when it is useless to try before."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in, as of this request."""

    account_id: int
    name: str
    display_name: str
    role: AccountRole

    @property
    def actor(self) -> str:
        """Who did it, for the Log and the audit."""
        return f"account:{self.name}"

    def may(self, role: AccountRole) -> bool:
        """Whether the account has the rights of the role."""
        return _RANK[self.role] >= _RANK[role]


def sign_in(context: Context, name: str, password: str, address: str) -> str:
    """The token of a new session.

    :raises SignInRefused: the name or the password is wrong (it does not say which), or too many were.
    """
    account = _prove(context, name.strip().lower(), password, address)
    token = open_session(context, account, address)
    log.info("signed_in", account_id=account.id, address=address)
    return token


def check_again(context: Context, visitor: Visitor, password: str, address: str) -> None:
    """Nothing, when this is the visitor's password; guessing it here is no easier than at the door.

    :raises SignInRefused: it is not, or too many were wrong.
    """
    _prove(context, visitor.name, password, address)


def open_session(context: Context, account: Account, address: str) -> str:
    """The token of a new session of an account that has proven itself."""
    now = datetime.now(UTC)
    token = secrets.token_urlsafe(32)
    with context.database.begin() as session:
        session.execute(
            delete(ConsoleSession).where(
                or_(ConsoleSession.expires_at < now, ConsoleSession.last_seen_at < now - IDLE)
            )
        )
        session.add(
            ConsoleSession(
                token_hash=_hash(token),
                account_id=account.id,
                address=address[:64],
                created_at=now,
                last_seen_at=now,
                expires_at=now + LONGEST,
            )
        )
        session.execute(update(Account).where(Account.id == account.id).values(last_signed_in_at=now))
    return token


def visitor_of(context: Context, token: str, now: datetime | None = None) -> Visitor | None:
    """Whose session this is, ``None`` when it is nobody's (any more)."""
    moment = now or datetime.now(UTC)
    with context.database.read() as session:
        found = session.execute(
            select(ConsoleSession, Account)
            .join(Account, Account.id == ConsoleSession.account_id)
            .where(ConsoleSession.token_hash == _hash(token))
        ).one_or_none()
    if found is None:
        return None
    row, account = found
    if moment >= row.expires_at or moment >= row.last_seen_at + IDLE or account.disabled_at is not None:
        return None
    if row.last_seen_at <= moment - _SEEN_NOTED_EVERY:
        _note_seen(context, row.id, moment)
    return Visitor(account.id, account.name, account.display_name, AccountRole(account.role))


def sign_out(context: Context, token: str) -> None:
    """End this session."""
    with context.database.begin() as session:
        session.execute(delete(ConsoleSession).where(ConsoleSession.token_hash == _hash(token)))


def sign_out_everywhere(context: Context, account_id: int) -> None:
    """End every session of the account."""
    with context.database.begin() as session:
        end_sessions(session, account_id)


def _prove(context: Context, name: str, password: str, address: str) -> Account:
    wait = count_attempt(context, name, address)
    if wait is not None:
        raise SignInRefused(
            f"Too many attempts failed. Wait {_in_words(wait)}, then try again. A manager can set a new password.",
            wait,
        )
    account = own.verify(context, name, password)
    if account is None:
        log.warning("sign_in_refused", address=address)
        raise SignInRefused("The name or the password is wrong. Check both and try again.")
    forgive(context, name, address)
    return account


def _note_seen(context: Context, session_id: int, now: datetime) -> None:
    try:
        with context.database.begin() as session:
            session.execute(
                update(ConsoleSession).where(ConsoleSession.id == session_id).values(last_seen_at=now)
            )
    except StorageUnavailable as error:
        # A full disk must not keep anyone from reading what went wrong.
        log.warning("session_use_not_noted", error=error.message)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _in_words(wait: timedelta) -> str:
    seconds = max(1, round(wait.total_seconds()))
    return f"{seconds} seconds" if seconds < 100 else f"{round(seconds / 60)} minutes"
