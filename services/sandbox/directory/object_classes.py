"""What an entry gets from its class alone: the chain of superclasses and the values AD fills in by itself."""

from collections.abc import Sequence

from services.sandbox.directory.entry import Values
from services.sandbox.directory.identity import Identifiers

_CHAINS = {
    "user": ["top", "person", "organizationalPerson", "user"],
    "contact": ["top", "person", "organizationalPerson", "contact"],
    "computer": ["top", "person", "organizationalPerson", "user", "computer"],
    "group": ["top", "group"],
    "organizationalUnit": ["top", "organizationalUnit"],
    "container": ["top", "container"],
    "domainDNS": ["top", "domain", "domainDNS"],
}

USER_ACCOUNT, _COMPUTER_ACCOUNT, _GROUP = 805306368, 805306369, 268435456
_NORMAL_ACCOUNT, _WORKSTATION = 0x0200, 0x1000
_GLOBAL_SECURITY_GROUP = -2147483646
_NEVER = 9223372036854775807


def chain(classes: Sequence[bytes]) -> list[str]:
    """The class with its superclasses, general ones first; a chain given in full stays as it is."""
    given = [name.decode() for name in classes]
    return _CHAINS.get(given[0], ["top", *given]) if len(given) == 1 else given


def defaults(classes: Sequence[str], identifiers: Identifiers) -> dict[str, Values]:
    """The attributes AD sets on creation (MS-ADTS 3.1.1.5.2.4 and the defaults of MS-SAMR)."""
    kind = classes[-1]
    if kind in ("user", "computer"):
        person = kind == "user"
        return {
            "objectSid": identifiers.sid(),
            "sAMAccountType": USER_ACCOUNT if person else _COMPUTER_ACCOUNT,
            "userAccountControl": _NORMAL_ACCOUNT if person else _WORKSTATION,
            "primaryGroupID": 513 if person else 515,
            "accountExpires": _NEVER,
            "pwdLastSet": 133_500_000_000_000_000,
            "badPwdCount": 0,
        }
    if kind == "group":
        return {
            "objectSid": identifiers.sid(),
            "sAMAccountType": _GROUP,
            "groupType": _GLOBAL_SECURITY_GROUP,
        }
    return {}
