"""Signed-in browsers. A session is a random token of which the database keeps only the hash; it ends when nobody
uses it for a while, after a working day at the latest, and at once when the account changes. Of somebody who is known
elsewhere see ``external_accounts``.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import delete, func, or_, select, update

from services.api.access import challenges
from services.api.access import external_accounts as external_accounts
from services.api.access.accounts import end_sessions
from services.api.access.challenges import Purpose
from services.api.access.factors import apps, owned, passkeys
from services.api.access.hashed import token_hash
from services.api.access.proving import SignInRefused as SignInRefused
from services.api.access.proving import prove
from services.api.access.site_roles import BY_EXTENSION, SiteRoles, of_the_only_site, roles_of
from shared.database import events
from shared.database.tables import Account, AccountRole, AccountSource, ConsoleSession, Site
from shared.errors import StorageUnavailable
from shared.language import declared
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

log = structlog.get_logger(__name__)

IDLE = timedelta(hours=1)
LONGEST = timedelta(hours=12)
_JUST_NOW = timedelta(minutes=10)
_SEEN_NOTED_EVERY = timedelta(minutes=1)


class SecondFactorDue(Exception):
    """The password was right; a second factor is to be shown, or set up. ``token`` is of the challenge to go on with."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in, as of this request."""

    account_id: int
    name: str
    display_name: str
    roles: SiteRoles
    source: AccountSource = AccountSource.OWN
    date_format: str | None = None
    has_shown_factor: bool = False
    signed_in_at: datetime | None = None

    @property
    def is_own(self) -> bool:
        """Whether Rollcall keeps the password."""
        return self.source is AccountSource.OWN

    @property
    def called(self) -> str:
        """The name as people read it: of somebody who signs in with an extension, which one."""
        return called(self.name, self.source)

    @property
    def actor(self) -> str:
        """Who did it, for the Log and the audit."""
        return f"account:{self.name}"

    @property
    def role(self) -> AccountRole:
        """The highest role they have anywhere: it says which second factor is required."""
        return self.roles.highest or AccountRole.VIEWER


def called(name: str, source: str) -> str:
    """An account's name as people read it."""
    is_extension = source in (AccountSource.PHONE_SYSTEM, AccountSource.DIRECTORY)
    return f"Ext. {name}" if is_extension else name


def sign_in(context: Context, name: str, password: str, address: str) -> str:
    """The token of a new session.

    :raises SignInRefused: the name or the password is wrong (it does not say which), or too many were.
    :raises SecondFactorDue: the password is right and not enough.
    """
    return go_on(context, prove(context, name.strip().lower(), password, address), address)


def go_on(context: Context, account: Account, address: str) -> str:
    """The token of a new session of somebody whose password was right.

    :raises SecondFactorDue: that is not enough.
    """
    has_one = owned.can_have(account.source) and owned.factors_of(context, account.id).any
    if has_one or owned.is_required(context, account.source, AccountRole(account.role)):
        content = {"secret": apps.new_secret(), "passkey": passkeys.new_challenge()}
        raise SecondFactorDue(challenges.begin(context, Purpose.SECOND_FACTOR, content, account.id))
    token = open_session(context, account, address)
    log.info("signed_in", account_id=account.id, address=address)
    return token


def check_again(context: Context, visitor: Visitor, password: str, address: str) -> None:
    """Check that this is the visitor's password; guessing it here is no easier than at the door.

    :raises SignInRefused: it is not, or too many were wrong.
    """
    if visitor.source is AccountSource.OPENID:
        # Their password is not for us to see; the provider was asked for it when they signed in.
        if visitor.signed_in_at is None or datetime.now(UTC) > visitor.signed_in_at + _JUST_NOW:
            raise SignInRefused(
                declared("This requires a recent sign-in. Sign out, sign in again, and repeat it.")
            )
        return
    if prove(context, visitor.name, password, address).id != visitor.account_id:
        raise SignInRefused(declared("Somebody else has this name now. Sign out, and sign in again."))


def open_session(
    context: Context,
    account: Account,
    address: str,
    second_factor: str = "",
    proof: str | None = None,
    until: datetime | None = None,
) -> str:
    """The token of a new session of an account that has proven itself, and with what besides the password, if anything.

    ``proof`` is what an identity provider said, and ``until`` when it must be asked again at the latest (``openid``).
    """
    now = datetime.now(UTC)
    due = now + (LONGEST if account.source == AccountSource.OWN else external_accounts.AGAIN_AFTER)
    token = secrets.token_urlsafe(32)
    with context.database.begin() as session:
        session.execute(
            delete(ConsoleSession).where(
                or_(ConsoleSession.created_at < now - LONGEST, ConsoleSession.last_seen_at < now - IDLE)
            )
        )
        session.add(
            ConsoleSession(
                token_hash=token_hash(token),
                account_id=account.id,
                address=address[:64],
                created_at=now,
                last_seen_at=now,
                # Of somebody known elsewhere: until they must be looked at again.
                expires_at=min(until, due) if until is not None else due,
                second_factor_at=now if second_factor else None,
                proof=proof,
            )
        )
        session.execute(update(Account).where(Account.id == account.id).values(last_signed_in_at=now))
        details = {"account": account.name, "address": address[:64]}
        if second_factor:
            details["second_factor"] = second_factor
        events.audit(
            session,
            DEFAULT_SITE,
            actor=f"account:{account.name}",
            action="account.signed_in",
            details=details,
        )
    return token


def open_again(context: Context, visitor: Visitor, address: str) -> str:
    """The token of a new session in place of the visitor's, which was ended with all others."""
    with context.database.read() as session:
        account = session.get_one(Account, visitor.account_id)
    return open_session(context, account, address, "earlier" if visitor.has_shown_factor else "")


def visitor_of(context: Context, token: str, now: datetime | None = None) -> Visitor | None:
    """Whose session this is, ``None`` when it is nobody's (any more)."""
    moment = now or datetime.now(UTC)
    with context.database.read() as session:
        found = session.execute(
            select(ConsoleSession, Account)
            .join(Account, Account.id == ConsoleSession.account_id)
            .where(ConsoleSession.token_hash == token_hash(token))
        ).one_or_none()
    if found is None:
        return None
    row, account = found
    if (
        moment >= row.created_at + LONGEST
        or moment >= row.last_seen_at + IDLE
        or account.disabled_at is not None
    ):
        return None
    if account.source not in [*AccountSource]:
        # Of a newer Rollcall, whose processes work beside this one during an upgrade.
        return None
    source = AccountSource(account.source)
    stored = roles_of(account)
    roles = (
        stored
        if source is AccountSource.OWN
        else external_accounts.roles_now(context, row, account, stored, moment)
    )
    role = roles.highest if roles is not None else None
    if roles is None or role is None:
        return None
    if source.value in BY_EXTENSION and _has_one_site(context):
        roles = of_the_only_site(roles)
    if row.second_factor_at is None and owned.is_required(context, source, role):
        return None
    if row.last_seen_at <= moment - _SEEN_NOTED_EVERY:
        _note_seen(context, row.id, moment)
    return Visitor(
        account.id,
        account.name,
        account.display_name,
        roles,
        source,
        account.date_format,
        row.second_factor_at is not None,
        row.created_at,
    )


def is_open(context: Context, token: str, site_id: str | None = None) -> bool:
    """Whether the session is good still, and at the site, if one is named. Unlike ``visitor_of`` it notes no use and asks nobody else."""
    now = datetime.now(UTC)
    with context.database.glance() as session:
        found = session.execute(
            select(ConsoleSession, Account)
            .join(Account, Account.id == ConsoleSession.account_id)
            .where(ConsoleSession.token_hash == token_hash(token))
        ).one_or_none()
    if found is None:
        return False
    row, account = found
    ends_at = (
        row.expires_at if account.source == AccountSource.OWN else row.expires_at + external_accounts.GRACE
    )
    roles = roles_of(account)
    if site_id is not None and not roles.may_at(site_id, AccountRole.VIEWER):
        return False
    if (
        row.second_factor_at is None
        and roles.highest is not None
        and owned.is_required(context, AccountSource(account.source), roles.highest)
    ):
        return False
    return (
        now < min(row.created_at + LONGEST, row.last_seen_at + IDLE, ends_at) and account.disabled_at is None
    )


def _has_one_site(context: Context) -> bool:
    with context.database.glance() as session:
        return (session.scalar(select(func.count()).select_from(Site)) or 0) <= 1


def sign_out(context: Context, token: str) -> None:
    """End this session."""
    with context.database.begin() as session:
        session.execute(delete(ConsoleSession).where(ConsoleSession.token_hash == token_hash(token)))


def sign_out_everywhere(context: Context, account_id: int) -> None:
    """End every session of the account."""
    with context.database.begin() as session:
        end_sessions(session, account_id)


def _note_seen(context: Context, session_id: int, now: datetime) -> None:
    try:
        with context.database.begin() as session:
            session.execute(
                update(ConsoleSession).where(ConsoleSession.id == session_id).values(last_seen_at=now)
            )
    except StorageUnavailable as error:
        # A full disk must not keep anyone from reading what went wrong.
        log.warning("session_use_not_noted", error=error.message)
