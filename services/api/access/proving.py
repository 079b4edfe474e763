"""Whose name and password it is: an own account's, an Active Directory account's, or those of an extension.

Attempts are counted before anything is looked at, and each password is tried in one place only.
"""

from datetime import timedelta

import structlog
from sqlalchemy import select

from services.api.access import extensions, group_members, lockout
from services.api.access.external_identity import CannotAsk, NotLetIn
from services.api.access.group_members import Locked, NotAMember
from services.api.access.lockout import LockoutPolicy, count_attempt, forgive, take_back
from services.api.access.passwords import own
from services.api.access.rules import read_rules
from shared.database import events
from shared.database.tables import Account, AccountSource
from shared.errors import TooBusy
from shared.language import declared, phrase
from shared.settings.documents import PasswordType, SignInSettings
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

log = structlog.get_logger(__name__)

_REFUSED = {
    PasswordType.OWN: declared("The name or the password is wrong. Check both and try again."),
    PasswordType.VOICEMAIL_PIN: declared(
        "The extension or the PIN is wrong, or the extension may not sign in here. Check both and "
        "try again, or ask a manager."
    ),
    PasswordType.DIRECTORY: declared(
        "The extension or the password is wrong, or the extension may not sign in here. Check both "
        "and try again, or ask a manager."
    ),
}
_REFUSED_GROUPS = declared(
    "The name or the password is wrong, or the account may not sign in here. Check both and try "
    "again, or ask a manager."
)
_CANNOT_ASK = {
    PasswordType.OWN: declared(
        "Passwords cannot be checked at the moment, because the directory does not respond. Try "
        "again in a minute. Rollcall accounts can still sign in."
    ),
    PasswordType.VOICEMAIL_PIN: declared(
        "PINs cannot be checked at the moment, because the phone system does not respond. Try again "
        "in a minute. Rollcall accounts can still sign in."
    ),
    PasswordType.DIRECTORY: declared(
        "Passwords cannot be checked at the moment, because the directory or the phone system does "
        "not respond. Try again in a minute. Rollcall accounts can still sign in."
    ),
}


class SignInRefused(Exception):
    """Nobody was signed in. ``retry_after`` is set when it is useless to try before; ``is_temporary`` when nobody
    could say whether the password is right.
    """

    def __init__(
        self, message: str, retry_after: timedelta | None = None, *, is_temporary: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.is_temporary = is_temporary


def prove(context: Context, name: str, password: str, address: str) -> Account:
    """The account that the name and password belong to.

    :raises SignInRefused: they belong to none (it does not say why), too many were wrong, or nobody can say.
    """
    settings = read_rules(context, SignInSettings).settings
    is_pin = settings.password_type is PasswordType.VOICEMAIL_PIN
    policy = LockoutPolicy(longest_lock=lockout.LONGEST_LOCK_OF_PIN) if is_pin else LockoutPolicy()
    _check_wait(count_attempt(context, name, address, policy=policy))
    try:
        account, refused = _account_of(context, settings, name, password, address)
    except CannotAsk as error:
        take_back(context, name, address)
        raise SignInRefused(_cannot_ask(settings, error), is_temporary=True) from error
    except TooBusy as error:
        take_back(context, name, address)
        wait = timedelta(seconds=error.retry_after)
        raise SignInRefused(error.message, wait, is_temporary=True) from error
    except Locked as locked:
        _check_wait(locked.wait, declared("This does not lock your Active Directory account."))
        raise
    number = account.name if account is not None else refused.number
    if extensions.is_number(number) and number != name:
        # Extension, login and principal name are one person: whoever guesses has no more attempts for that.
        _check_wait(count_attempt(context, number, None, policy=policy))
    if account is None:
        _note_failure(context, number or name, address)
        if refused.reason:
            raise SignInRefused(
                phrase(
                    "The password is right, but {reason}. Ask your administrator for help.",
                    reason=refused.reason,
                )
            )
        raise SignInRefused(_refused(context, settings))
    # Of own accounts alone: guesses at others' passwords are few wherever they come from, before AD locks.
    is_own = account.source == AccountSource.OWN
    forgive(context, {name, account.name}, address, remember_address=is_own)
    return account


def _check_wait(wait: timedelta | None, advice: str = declared("A manager can set a new password.")) -> None:
    if wait is not None:
        sentence = phrase(
            "Too many attempts failed. Wait {duration}, then try again. {advice}",
            duration=in_words(wait),
            advice=advice,
        )
        raise SignInRefused(sentence, wait)


def _refused(context: Context, settings: SignInSettings) -> str:
    return _REFUSED_GROUPS if group_members.is_on(context) else _REFUSED[settings.password_type]


def _cannot_ask(settings: SignInSettings, error: CannotAsk) -> str:
    if not error.why:
        return _CANNOT_ASK[settings.password_type]
    return phrase(
        (
            "Passwords cannot be checked, because {why}. A manager can change that in the settings. "
            "Rollcall accounts can still sign in."
        ),
        why=error.why,
    )


def _account_of(
    context: Context, settings: SignInSettings, name: str, password: str, address: str
) -> tuple[Account | None, NotLetIn]:
    """The account, ``None`` when it is not proven, and then why.

    Each password is tried in one place only: whatever is wrong there is not tried elsewhere.
    """
    account = own.verify(context, name, password)
    if account is not None or own.has_account(context, name):
        return account, NotLetIn()
    is_own_only = settings.password_type is PasswordType.OWN
    try:
        if group_members.is_on(context) and (is_own_only or not extensions.is_number(name)):
            try:
                return group_members.prove(context, name, password, address), NotLetIn()
            except NotAMember:
                # No password was tried yet.
                pass
        if not is_own_only:
            return extensions.prove(context, settings, name, password, address), NotLetIn()
    except NotLetIn as refused:
        return None, refused
    return None, NotLetIn()


def _note_failure(context: Context, name: str, address: str) -> None:
    log.warning("sign_in_refused", address=address)
    kinds = lockout.locked(context, name, address)
    if not kinds:
        return
    with context.database.begin() as session:
        # A name that is none may be a password typed into the wrong field.
        known = session.scalar(select(Account.name).where(Account.name == name))
        details = {"locked": ", ".join(kinds), "address": address[:64], "account": known or ""}
        events.audit(session, DEFAULT_SITE, actor="sign-in", action="sign_in.locked", details=details)


def in_words(wait: timedelta) -> str:
    """How long to wait, as people say it."""
    seconds = max(1, round(wait.total_seconds()))
    return (
        phrase("{seconds} seconds", seconds=seconds)
        if seconds < 100
        else phrase("{seconds} minutes", seconds=round(seconds / 60))
    )
