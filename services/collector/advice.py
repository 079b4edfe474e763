"""What of a directory that answered should be mended in time. Called by ``questions`` and ``snapshot``."""

from datetime import UTC, datetime, timedelta

from services.collector import selection
from services.collector.active_directory import ActiveDirectory
from services.collector.mapping import filetime
from services.collector.reader import Scope, Search, first_value
from services.collector.root_dse import Domain
from shared.errors import RollcallError
from shared.language import phrase
from shared.prerequisites import certificate_advice, clock_advice

_EXPIRES_SOON = timedelta(days=14)
_FAR_AHEAD = timedelta(days=3650)
# Of the password policy that counts for the account, fine-grained ones included (MS-ADTS 3.1.1.4.5.37).
_EXPIRES = "msDS-UserPasswordExpiryTimeComputed"


def advice_on(directory: ActiveDirectory, domain: Domain, asked_at: datetime) -> list[str]:
    """Of controllers that were passed over, and of kind, clock and certificate of the one that answered at that moment."""
    read_only = phrase(
        "{controller} is a read-only domain controller: it receives changes later than others and "
        "may not hold all attributes. Use a writable one if possible.",
        controller=domain.controller or directory.server,
    )
    return [
        *(item.error.message for item in directory.passed_over),
        *[read_only] * domain.is_read_only,
        *certificate_advice(
            phrase("domain controller {server}", server=directory.server),
            directory.certificate_ends_at,
            asked_at,
        ),
        *clock_advice(
            phrase("domain controller {controller}", controller=domain.controller), domain.clock, asked_at
        ),
    ]


def password_advice(directory: ActiveDirectory) -> list[str]:
    """That the password of the account that reads expires soon; nothing where it does not, or the account is not seen."""
    user, now = directory.settings.user, datetime.now(UTC)
    expires = password_ends_at(directory)
    if expires is None or not now < expires < now + _EXPIRES_SOON:
        return []
    return [
        phrase(
            "The password of {user} expires on {expires} UTC; after that the directory "
            "cannot be read. Give the account a password that does not expire.",
            user=user,
            expires=f"{expires:%Y-%m-%d %H:%M}",
        )
    ]


def password_ends_at(directory: ActiveDirectory) -> datetime | None:
    """Until when the password of the account that reads is good; ``None`` for ever, or where the account is not seen."""
    user, now = directory.settings.user, datetime.now(UTC)
    login = selection.escaped(user.rpartition("\\")[2])
    named = (
        f"(|(sAMAccountName={login})(userPrincipalName={login})(sAMAccountName={login.partition('@')[0]}))"
    )
    try:
        if "=" in user:
            search = Search(user, "(objectClass=*)", (_EXPIRES,), Scope.BASE, 10)
        elif user:
            search = Search(directory.domain().base_dn, selection.people(named), (_EXPIRES,))
        else:
            return None
        found = [first_value(entry, _EXPIRES) for entry in directory.reader.entries(search)]
    except RollcallError:
        return None
    ticks = [int(value) for value in found if value.isdigit()]
    # "Never" is later than any date there is.
    if len(ticks) != 1 or not 0 < ticks[0] < filetime(now + _FAR_AHEAD):
        return None
    return now + timedelta(microseconds=(ticks[0] - filetime(now)) // 10)
