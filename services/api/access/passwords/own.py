"""The console's own password: Argon2id with the account, checked in the same time whether or not there is one."""

import os
from functools import cache

from sqlalchemy import select

from services.api.access.passwords import hashing
from services.api.access.passwords.strength import LONGEST, weakness
from shared.database.tables import Account, AccountSource
from shared.errors import SettingsInvalid
from shared.worker.context import Context


def hash_password(name: str, password: str, display_name: str = "") -> str:
    """The hash to be stored, in PHC form; salt and parameters are part of it.

    :raises SettingsInvalid: the password is too short, too long or too easily guessed, also from the person's names.
    :raises TooBusy: many passwords are being checked.
    """
    if why := weakness(password, (name, display_name)):
        raise SettingsInvalid(why)
    return hashing.compute(password)


def verify(context: Context, name: str, password: str) -> Account | None:
    """The enabled account that the name and password belong to, ``None`` when they belong to none.

    :raises TooBusy: many passwords are being checked.
    """
    with context.database.read() as session:
        account = session.scalar(select(Account).where(Account.name == name))
    stored = account.password_hash if account is not None and account.disabled_at is None else None
    # Somebody unknown costs as much time as somebody known.
    is_right = _matches(password, stored or _nobody()) and stored is not None
    return account if is_right else None


def has_account(context: Context, name: str) -> bool:
    """Whether somebody has an own account of this name: then no other password counts for it."""
    with context.database.read() as session:
        wanted = (Account.name == name, Account.source == AccountSource.OWN.value)
        return session.scalar(select(Account.id).where(*wanted)) is not None


def _matches(password: str, stored: str) -> bool:
    return len(password) <= LONGEST and hashing.matches(password, stored)


@cache
def _nobody() -> str:
    return hashing.compute(os.urandom(16).hex())
