"""The schema partition: which attributes there are. A collector asks it, so that a misspelt name is noticed.

A partition of its own, as on AD: searches of the domain do not see it. Holds the attributes of people, groups and
units that administrators work with, not all 1,500 of a real schema.
"""

import uuid

from services.sandbox.directory import names
from services.sandbox.directory.entry import Attribute, Entry, Values, raw_values

_ATTRIBUTES = (
    "accountExpires assistant badPasswordTime badPwdCount c cn co codePage comment company countryCode department"
    " departmentNumber description directReports displayName distinguishedName division dn employeeID employeeNumber"
    " employeeType facsimileTelephoneNumber gidNumber givenName groupType homePhone info initials instanceType ipPhone"
    " l lastKnownParent lastLogon lastLogonTimestamp legacyExchangeDN lockoutTime logonCount mail mailNickname manager"
    " member memberOf middleName mobile name objectCategory objectClass objectGUID objectSid otherFacsimileTelephoneNumber"
    " otherHomePhone otherIpPhone otherMobile otherPager otherTelephone ou pager personalTitle physicalDeliveryOfficeName"
    " postalCode preferredLanguage primaryGroupID primaryTelexNumber proxyAddresses pwdLastSet roomNumber sAMAccountName"
    " sAMAccountType sn st street streetAddress telephoneAssistant telephoneNumber thumbnailPhoto title tokenGroups uid"
    " uidNumber url userAccountControl userPrincipalName uSNChanged uSNCreated wWWHomePage whenChanged whenCreated"
)
_NAMES = (*_ATTRIBUTES.split(), *(f"extensionAttribute{number}" for number in range(1, 16)))


class Schema:
    """The entries of the schema partition of a domain."""

    def __init__(self, base_dn: str) -> None:
        self.dn = f"CN=Schema,CN=Configuration,{base_dn}"
        self.root_key = names.key(self.dn)
        root = self._entry(self.dn, {"objectClass": ("top", "dMD"), "cn": "Schema"})
        attributes = [
            self._entry(
                f"CN={name},{self.dn}",
                {
                    "objectClass": ("top", "attributeSchema"),
                    "cn": name,
                    "name": name,
                    "lDAPDisplayName": name,
                },
            )
            for name in _NAMES
        ]
        self.entries = (root, *attributes)
        self._by_key = {entry.key: entry for entry in self.entries}

    def find(self, key: names.Key) -> Entry | None:
        """The entry of this name, or None."""
        return self._by_key.get(key)

    def holds(self, key: names.Key) -> bool:
        """Whether a name lies in this partition."""
        return key[: len(self.root_key)] == self.root_key

    def _entry(self, dn: str, values: dict[str, Values]) -> Entry:
        guid = uuid.uuid5(uuid.NAMESPACE_X500, dn)
        own: dict[str, Values] = {**values, "distinguishedName": dn, "objectGUID": guid.bytes_le}
        return Entry(
            dn, guid, {name.lower(): Attribute(name, raw_values(item)) for name, item in own.items()}
        )
