"""How the values of an attribute compare: the few facts of the AD schema that searches depend on.

An attribute not named here is a string that ignores case (MS-ADTS 3.1.1.2.2.4, the LDAP-visible syntaxes).
"""

import uuid

from services.sandbox.directory import names

INTEGERS = {
    "accountexpires", "badpwdcount", "grouptype", "instancetype", "lastlogon", "lastlogontimestamp", "lockouttime",
    "logoncount", "primarygroupid", "pwdlastset", "samaccounttype", "usnchanged", "usncreated",
    "useraccountcontrol",
}  # fmt: skip
NAMES = {
    "directreports", "distinguishedname", "lastknownparent", "manager", "member", "memberof", "objectcategory",
}  # fmt: skip
BINARY = {"objectguid", "objectsid", "thumbnailphoto"}

# The link attributes and their computed other ends (MS-ADTS 3.1.1.1.6).
LINKS = {"member": "memberOf", "manager": "directReports"}
BACK_LINKS = {back.lower(): forward for forward, back in LINKS.items()}

# A filter may name an object class where a category is meant (MS-ADTS 3.1.1.3.1.3.5).
CATEGORIES = {
    "person": "Person",
    "user": "Person",
    "contact": "Person",
    "inetorgperson": "Person",
    "organizationalperson": "Person",
    "computer": "Computer",
    "group": "Group",
    "organizationalunit": "Organizational-Unit",
    "container": "Container",
    "domaindns": "Domain-DNS",
}

Comparable = str | int | bytes | names.Key


def category(name: str, base_dn: str) -> str:
    """The full name of a category of this forest."""
    return f"CN={CATEGORIES.get(name.lower(), name)},CN=Schema,CN=Configuration,{base_dn}"


def comparable(attribute: str, value: bytes) -> Comparable | None:
    """What two equal values of the attribute (lower case) have in common; None if it is no value of its syntax."""
    if attribute in BINARY:
        return _guid_bytes(value) if attribute == "objectguid" else value
    text = value.decode(errors="replace")
    try:
        if attribute in INTEGERS:
            # Nothing in a directory has more digits than a 64-bit number; Python refuses thousands of them.
            return int(text) if len(text) <= 20 else None
        if attribute in NAMES:
            return names.key(text)
    except ValueError:
        return None
    return text.casefold()


def _guid_bytes(value: bytes) -> bytes:
    """AD takes a GUID as its 16 bytes or as text; the bytes are what is stored (MS-ADTS 3.1.1.3.1.3.4)."""
    if len(value) == 16:
        return value
    try:
        return uuid.UUID(value.decode()).bytes_le
    except ValueError:
        return value
