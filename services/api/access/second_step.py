"""The second step of signing in: the code of an app or a recovery code is shown, or a first app is set up.

Guessing is slowed down as for passwords: attempts are counted for the account and the address before a code is looked at.
"""

from datetime import timedelta

import structlog

from services.api.access import challenges, lockout
from services.api.access.challenges import Challenge
from services.api.access.factors import owned
from services.api.access.factors.passkeys import Place
from services.api.access.lockout import LockoutPolicy
from services.api.access.proving import SignInRefused, in_words
from services.api.access.sessions import open_session
from shared.database import events
from shared.database.tables import Account, FactorKind
from shared.errors import Conflict
from shared.language import declared, phrase
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

log = structlog.get_logger(__name__)

# Six digits, three of which count at any moment: at this pace one who knows the password guesses for years.
_POLICY = LockoutPolicy(longest_lock=timedelta(hours=1))
WRONG = declared("This code is wrong, or was used already. Wait for the next one, then try again.")
NO_PASSKEY = declared("The browser showed no passkey of this account. Try again, or enter a code.")
_OVER = declared("This sign-in took too long or was already used. Start again.")


def show_code(context: Context, challenge: Challenge, code: str, address: str) -> str:
    """The token of a new session.

    :raises SignInRefused: the code is wrong, too many were, or the sign-in is over.
    """
    account = account_of(context, challenge)
    subject = _count(context, account, address)
    kind = owned.use_code(context, account.id, code)
    if kind is None:
        log.warning("second_factor_refused", account_id=account.id, address=address)
        _note_locked(context, account, subject, address)
        raise SignInRefused(WRONG)
    lockout.forgive(context, {subject}, address)
    return enter(context, challenge, account, kind, address)


def show_passkey(context: Context, challenge: Challenge, credential: str, place: Place, address: str) -> str:
    """The token of a new session of somebody whose browser shows a passkey.

    :raises SignInRefused: it proves nothing, or the sign-in is over.
    """
    account = account_of(context, challenge)
    subject = _count(context, account, address)
    if not owned.use_passkey(context, account.id, credential, challenge.content["passkey"], place):
        log.warning("second_factor_refused", account_id=account.id, address=address)
        raise SignInRefused(NO_PASSKEY)
    lockout.forgive(context, {subject}, address)
    return enter(context, challenge, account, FactorKind.PASSKEY, address)


def set_up(
    context: Context, challenge: Challenge, code: str, label: str, address: str
) -> tuple[str, list[str]]:
    """The token of a new session of somebody who sets up the app of the challenge, and recovery codes to be shown once.

    :raises SignInRefused: the code is wrong, or the sign-in is over.
    """
    account = account_of(context, challenge)
    if owned.factors_of(context, account.id).any:
        # Only whoever shows the one that is there may add another.
        raise SignInRefused(_OVER)
    subject = _count(context, account, address)
    actor = f"account:{account.name}"
    try:
        codes = owned.add_app(context, account.id, challenge.content["secret"], code, label, actor)
    except Conflict as error:
        raise SignInRefused(error.message) from error
    if codes is None:
        raise SignInRefused(WRONG)
    lockout.forgive(context, {subject}, address)
    return enter(context, challenge, account, FactorKind.APP, address), codes


def account_of(context: Context, challenge: Challenge) -> Account:
    """Whose sign-in it is.

    :raises Conflict: the account was disabled meanwhile.
    """
    with context.database.read() as session:
        account = session.get(Account, challenge.account_id)
    if account is None or account.disabled_at is not None:
        raise Conflict(_OVER)
    return account


def enter(context: Context, challenge: Challenge, account: Account, kind: str, address: str) -> str:
    """The token of a new session, once for each challenge.

    :raises SignInRefused: it was used already.
    """
    if not challenges.use_up(context, challenge):
        raise SignInRefused(_OVER)
    return open_session(context, account, address, kind)


def _count(context: Context, account: Account, address: str) -> str:
    # No name can have this form, so that nobody locks another's by typing it.
    subject = f"second factor\n{account.id}"
    wait = lockout.count_attempt(context, subject, address, policy=_POLICY)
    if wait is not None:
        raise SignInRefused(
            phrase(
                "Too many codes were wrong. Wait {duration}, then start again. If you lost the second "
                "factor, use a recovery code or ask another manager.",
                duration=in_words(wait),
            ),
            wait,
        )
    return subject


def _note_locked(context: Context, account: Account, subject: str, address: str) -> None:
    if "name" in lockout.locked(context, subject, address):
        with context.database.begin() as session:
            details = {"locked": "second factor", "address": address[:64], "account": account.name}
            events.audit(session, DEFAULT_SITE, actor="sign-in", action="sign_in.locked", details=details)
