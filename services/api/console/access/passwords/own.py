"""The console's own password: Argon2id with the account, checked in the same time whether or not there is one."""

import os
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import select

from shared.database.tables import Account, AccountSource
from shared.errors import SettingsInvalid
from shared.worker.context import Context

SHORTEST = 12
_LONGEST = 200
_LEAST_DIFFERENT = 5
# OWASP's Password Storage Cheat Sheet: 19 MiB and two passes, so that many may sign in at once.
_MEMORY_KIB = 19 * 1024
_PASSES = 2


def hash_password(name: str, password: str) -> str:
    """The hash to be stored, in PHC form; salt and parameters are part of it.

    :raises SettingsInvalid: the password is too short, too long or too easily guessed.
    """
    if not SHORTEST <= len(password) <= _LONGEST:
        raise SettingsInvalid(
            f"A password has {SHORTEST} to {_LONGEST} characters. Several words are easier to remember than signs."
        )
    if len(set(password)) < _LEAST_DIFFERENT or name.lower() in password.lower():
        raise SettingsInvalid(
            "This password is too easily guessed: it repeats a few characters or holds the account's name."
        )
    return _hash(password)


def verify(context: Context, name: str, password: str) -> Account | None:
    """The enabled account that the name and password belong to, ``None`` when they belong to none."""
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


def _hash(password: str) -> str:
    salt = os.urandom(16)
    kdf = Argon2id(salt=salt, length=32, iterations=_PASSES, lanes=1, memory_cost=_MEMORY_KIB)
    return kdf.derive_phc_encoded(password.encode())


def _matches(password: str, stored: str) -> bool:
    if len(password) > _LONGEST:
        return False
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True


@cache
def _nobody() -> str:
    return _hash(os.urandom(16).hex())
