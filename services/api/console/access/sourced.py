"""People who sign in with their extension: proven by the phone system or the directory, with rights from the settings.

Their account is made at the first sign-in and named after the extension. While they are signed in they are looked at
again every ``AGAIN_AFTER``, and at once when the settings of signing in were changed: whoever has lost the extension
or the rights is out. When nobody can be asked, a session goes on for ``GRACE`` more.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError
from sqlalchemy import select, update

from services.api.console.access import accounts
from services.api.console.access.passwords import elsewhere
from services.api.console.access.passwords.elsewhere import CannotAsk, Found
from services.api.console.access.rights import role_of
from shared.database import events
from shared.database.tables import (
    Account,
    AccountRole,
    AccountSource,
    ConsoleSession,
    EventLevel,
    SettingsVersion,
)
from shared.errors import StorageUnavailable
from shared.settings.documents import PasswordType, Section, SignInSettings
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(minutes=10)
GRACE = timedelta(minutes=20)
# Whoever cannot be asked is not asked again with every page.
_ASKED_EVERY = timedelta(minutes=1)
_LONGEST = 200
_NUMBER = re.compile(r"[0-9]{2,10}")
_LONGEST_LOGIN = 256
_SOURCES = {
    PasswordType.VOICEMAIL_PIN: AccountSource.PHONE_SYSTEM,
    PasswordType.DIRECTORY: AccountSource.DIRECTORY,
}
_NO_RIGHTS = "the settings give them no rights (Settings, Password)"
_TURNED_OFF = "a manager has disabled their account in Rollcall"


class NotLetIn(Exception):
    """They have not proven who they are, or may not come in; the Log says which.

    ``number`` is the extension of the person whose name it was, empty when nobody has it.
    """

    def __init__(self, number: str = "") -> None:
        super().__init__()
        self.number = number


@dataclass(frozen=True, slots=True)
class SignInRules:
    """The settings of signing in, and since when they are so."""

    settings: SignInSettings
    changed_at: datetime | None


def read_rules(context: Context) -> SignInRules:
    """The rules as stored. Read alone: an own account must get in to mend whatever is wrong with other settings."""
    with context.database.read() as session:
        row = session.scalar(
            select(SettingsVersion)
            .where(SettingsVersion.site_id == DEFAULT_SITE, SettingsVersion.section == Section.SIGN_IN.value)
            .order_by(SettingsVersion.version.desc())
            .limit(1)
        )
    if row is None:
        return SignInRules(SignInSettings(), None)
    try:
        return SignInRules(SignInSettings.model_validate(row.document), row.created_at)
    except ValidationError:
        # Saved by another version of Rollcall. Nobody comes in by rules that are not understood.
        log.warning("sign_in_settings_not_understood", version=row.version)
        return SignInRules(SignInSettings(), row.created_at)


def prove(context: Context, settings: SignInSettings, name: str, password: str, address: str) -> Account:
    """The account of whoever has this extension (or login) and password.

    :raises NotLetIn: name and password do not belong together, or to somebody without rights.
    :raises CannotAsk: the phone system or the directory does not say.
    """
    is_pin = settings.password_type is PasswordType.VOICEMAIL_PIN
    if not 1 <= len(password) <= _LONGEST or len(name) > _LONGEST_LOGIN:
        raise NotLetIn
    if is_pin and not _NUMBER.fullmatch(name):
        raise NotLetIn
    found = elsewhere.check(context, settings, name, password)
    role = role_of(settings, found.number, found.roles)
    refused = found.refused or ("" if role else _NO_RIGHTS) or _turned_off(context, found.number)
    if refused or role is None:
        _record(
            context,
            found,
            "sign_in.refused",
            f"Sign-in of {_called(found)} from {address} refused: {refused}.",
        )
        raise NotLetIn(found.number)
    return _keep(context, found, role, _SOURCES[settings.password_type])


def role_now(context: Context, row: ConsoleSession, account: Account, now: datetime) -> AccountRole | None:
    """The rights of a session of such an account at this moment; ``None`` when it is over, for now or for good."""
    rules = read_rules(context)
    if _SOURCES.get(rules.settings.password_type) != account.source:
        return None
    # A session of theirs is good until they must be looked at again.
    is_changed = rules.changed_at is not None and rules.changed_at > row.expires_at - AGAIN_AFTER
    is_due = is_changed or now >= row.expires_at
    may_wait = not is_changed and now < row.expires_at + GRACE
    if not is_due or (may_wait and row.last_seen_at > now - _ASKED_EVERY):
        return AccountRole(account.role)
    try:
        found = elsewhere.look_again(context, rules.settings, account.name)
    except CannotAsk:
        return AccountRole(account.role) if may_wait else None
    role = role_of(rules.settings, found.number, found.roles)
    if found.refused or role is None:
        with context.database.begin() as session:
            accounts.end_sessions(session, account.id)
        refused = found.refused or _NO_RIGHTS
        who = f"extension {account.name} ({account.display_name})"
        _record(context, found, "sign_in.ended", f"{who} was signed out: {refused}.")
        return None
    try:
        _keep(context, found, role, AccountSource(account.source))
        with context.database.begin() as session:
            session.execute(
                update(ConsoleSession).where(ConsoleSession.id == row.id).values(expires_at=now + AGAIN_AFTER)
            )
    except StorageUnavailable as error:
        # A full disk must not keep anyone from reading what went wrong.
        log.warning("session_not_renewed", error=error.message)
    return role


def _keep(context: Context, found: Found, role: AccountRole, source: AccountSource) -> Account:
    with context.database.begin() as session:
        return accounts.keep_sourced(session, found.number, found.name, role, source)


def _turned_off(context: Context, number: str) -> str:
    with context.database.read() as session:
        account = session.scalar(select(Account).where(Account.name == number))
    return _TURNED_OFF if account is not None and account.disabled_at is not None else ""


def _called(found: Found) -> str:
    # Not what was typed: people type passwords into the wrong field.
    return f"extension {found.number} ({found.name})" if found.number else "somebody unknown"


def _record(context: Context, found: Found, code: str, message: str) -> None:
    with context.database.begin() as session:
        entry = events.LogEntry(
            code,
            message[0].upper() + message[1:],
            EventLevel.WARNING,
            actor="sign-in",
            number=found.number or None,
        )
        events.record(session, DEFAULT_SITE, entry)
