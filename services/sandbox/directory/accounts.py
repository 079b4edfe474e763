"""Who may bind: finds the account by any of the names AD takes and says why a bind is refused."""

import hmac
from datetime import UTC, datetime

from services.sandbox.directory import names
from services.sandbox.directory.directory import DISABLED, Directory
from services.sandbox.directory.entry import Entry
from services.sandbox.directory.results import BindRefusal

_EPOCH_1601 = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = (0, 9223372036854775807)


def find(directory: Directory, name: str) -> Entry | None:
    """The account for a DN, a user principal name or DOMAIN\\login (MS-ADTS 5.1.1.1.1)."""
    domain, backslash, login = name.partition("\\")
    if backslash and domain.casefold() == directory.netbios_name.casefold():
        return _by(directory, "samaccountname", login)
    if "=" in name:
        try:
            return directory.find(name)
        except names.InvalidName:
            return None
    login, at, domain = name.rpartition("@")
    found = _by(directory, "userprincipalname", name)
    if found is None and at and domain.casefold() == directory.domain.casefold():
        # Every account also answers to login@domain, whatever its userPrincipalName is.
        found = _by(directory, "samaccountname", login)
    return found


def refusal(directory: Directory, name: str, password: bytes) -> BindRefusal | None:
    """Why this bind is refused, or None.

    The order is AD's (observed on a real AD): a locked account is "locked" whatever the password; all other
    reasons show only to someone who knows the password.
    """
    account = find(directory, name)
    if account is None or account.is_deleted:
        return BindRefusal.NO_SUCH_USER
    if account.number("lockoutTime"):
        return BindRefusal.LOCKED
    known = directory.passwords.get(account.guid)
    if known is None or not hmac.compare_digest(known.encode(), password):
        return BindRefusal.WRONG_PASSWORD
    if account.number("userAccountControl") & DISABLED:
        return BindRefusal.DISABLED
    if _is_expired(account):
        return BindRefusal.ACCOUNT_EXPIRED
    if account.values("pwdLastSet") and not account.number("pwdLastSet"):
        return BindRefusal.MUST_CHANGE_PASSWORD
    return None


def _by(directory: Directory, attribute: str, value: str) -> Entry | None:
    wanted = value.casefold()
    return next((entry for entry in directory.entries() if wanted in entry.comparables(attribute)), None)


def _is_expired(account: Entry) -> bool:
    """accountExpires counts tenths of a microsecond since 1601; 0 and the largest number mean never (MS-ADA1 2.1)."""
    ticks = account.number("accountExpires")
    now = int((datetime.now(UTC) - _EPOCH_1601).total_seconds() * 10_000_000)
    return ticks not in _NEVER and ticks <= now
