"""Builds the LDAP filters that say who is read. Everything from outside is escaped (RFC 4515 section 3)."""

import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from ldap3.utils.conv import escape_filter_chars

# Users and inetOrgPersons. Contacts are no users; computers and managed service accounts are of other categories; the
# account of a trust to another domain is a user by category, but of a type of its own (MS-ADTS 3.1.1.5.2.4).
PEOPLE = "(objectCategory=person)(objectClass=user)(!(sAMAccountType=805306370))"
# LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS 3.1.1.3.4.4.3): membership through any number of groups.
_IN_CHAIN = "memberOf:1.2.840.113556.1.4.1941:"
_WHITE_ENDS = re.compile(r"^\s+|\s+$")
# Above this many nested groups the filter would be longer than the rule for chains is slow.
_MOST_GROUPS_LISTED = 100


def escaped(value: str) -> str:
    """A value as it may stand in a filter."""
    text: str = escape_filter_chars(value)
    # ldap3 would take white space at the ends away, and with it look for something else.
    return _WHITE_ENDS.sub(lambda found: "".join(f"\\{byte:02x}" for byte in found[0].encode()), text)


def people(additional_filter: str = "", membership: str = "") -> str:
    """Everyone with an account, narrowed by the administrator's filter and the clause of a required group."""
    return f"(&{PEOPLE}{additional_filter}{membership})"


def nested_groups(group_dn: str) -> str:
    """All groups that are members of the group, through any number of others."""
    return f"(&(objectCategory=group)({_IN_CHAIN}={escaped(group_dn)}))"


def in_chain(group_dn: str) -> str:
    """Whoever is a member of the group, directly or through any number of others."""
    return f"({_IN_CHAIN}={escaped(group_dn)})"


def members(group_dn: str, nested: Sequence[str], relative_ids: Iterable[int]) -> str:
    """Members of the group, directly, through one of the ``nested`` groups, or as their primary group.

    Naming the groups is several times as quick as the rule for chains applied to every person. A primary group
    is not in memberOf (MS-ADTS 3.1.1.4.5.11), so it is compared by its relative identifier.
    """
    if len(nested) > _MOST_GROUPS_LISTED:
        clauses = [f"(memberOf={escaped(group_dn)})({_IN_CHAIN}={escaped(group_dn)})"]
    else:
        clauses = [f"(memberOf={escaped(name)})" for name in (group_dn, *nested)]
    primary = [f"(primaryGroupID={identifier})" for identifier in sorted(set(relative_ids))]
    return f"(|{''.join(clauses + primary)})"


def any_guid(guids: Iterable[str]) -> str:
    """The objects with one of these objectGUIDs, each as its bytes in the order the directory keeps them."""
    clauses = (
        "(objectGUID=" + "".join(f"\\{byte:02x}" for byte in UUID(guid).bytes_le) + ")" for guid in guids
    )
    return f"(|{''.join(clauses)})"


def any_number(attributes: Iterable[str], numbers: Iterable[str]) -> str:
    """The objects one of whose attributes holds the digits of one of these numbers in their order, whatever stands between."""
    listed = list(numbers)
    clauses = (
        f"({attribute}={escaped(number)})({attribute}=*{'*'.join(map(escaped, number))}*)"
        for attribute in attributes
        for number in listed
    )
    return f"(|{''.join(clauses)})"


def relative_id(sid: bytes) -> int | None:
    """The last part of an objectSid (MS-DTYP 2.4.2.2), ``None`` when it is none."""
    if len(sid) < 12 or len(sid) != 8 + 4 * sid[1]:
        return None
    return int.from_bytes(sid[-4:], "little")
