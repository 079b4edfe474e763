"""An organizational unit of the Samba domain that belongs to one test, and the changes people make in it."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import ldap3

from services.sandbox.directory.names import first_parts, parent
from tests.support.samba import SambaDomain, escaped_rdn, person_ldif

NORMAL_ACCOUNT = 512 + 32  # needs no password
DISABLED_ACCOUNT = NORMAL_ACCOUNT | 2


class Office:
    """Units and people below ``OU=<name>``; distinguished names are given and returned as text."""

    def __init__(
        self, domain: SambaDomain, connection: ldap3.Connection, name: str, *, is_new: bool = True
    ) -> None:
        self.domain = domain
        self.name = name
        self.root = f"OU={name},{domain.base_dn}"
        # ldap3 has no types for the operations that change something.
        self._connection: Any = connection
        if is_new:
            self.unit(name, domain.base_dn)

    def unit(self, name: str, parent_dn: str | None = None) -> str:
        """A new organizational unit."""
        dn = f"OU={name},{parent_dn or self.root}"
        self._connection.add(dn, "organizationalUnit")
        return dn

    def settings(self, units: Iterable[str | dict[str, Any]], **changes: Any) -> dict[str, Any]:
        """The section ``directory`` of the settings that reads these units."""
        listed = [{"dn": unit} if isinstance(unit, str) else unit for unit in units]
        return {
            "servers": [self.domain.address],
            "ca_certificate": self.domain.ca_certificate,
            "tls_name": self.domain.tls_name,
            "user": self.domain.user,
            "password": self.domain.password,
            "units": listed,
        } | changes

    def hire(self, unit: str, login: str, number: str | None = None, **attributes: Any) -> str:
        """A new account with names and mail made from the login; its DN. ``None`` leaves an attribute out."""
        values = self._values(login, number, attributes)
        dn = f"CN={escaped_rdn(values.pop('cn'))},{unit}"
        name = f"{login}.{self.name.lower()}"[:20]
        account = {"sAMAccountName": name, "userAccountControl": str(NORMAL_ACCOUNT)}
        self._connection.add(dn, "user", account | values)
        return dn

    def account(self, unit: str, login: str, number: str | None = None, **attributes: Any) -> str:
        """The LDIF of such an account, to load many at once with ``domain.load``."""
        values = self._values(login, number, attributes)
        return person_ldif(unit, f"{login}.{self.name.lower()}"[:20], **values)

    def _values(self, login: str, number: str | None, attributes: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {
            "cn": login,
            "givenName": f"Given{login}",
            "sn": f"Family{login}",
            "mail": f"{login}.{self.name.lower()}@corp.example.test",
            "telephoneNumber": number,
        } | dict(attributes)
        return {name: value for name, value in values.items() if value is not None}

    def change(self, dn: str, **attributes: str | list[str] | None) -> None:
        """Replace attributes; ``None`` clears one."""
        self._connection.modify(
            dn,
            {
                name: [
                    (
                        ldap3.MODIFY_REPLACE,
                        [] if value is None else value if isinstance(value, list) else [value],
                    )
                ]
                for name, value in attributes.items()
            },
        )

    def rename(self, dn: str, common_name: str) -> str:
        """Another common name at the same place; the new DN."""
        self._connection.modify_dn(dn, f"CN={escaped_rdn(common_name)}")
        return f"CN={escaped_rdn(common_name)},{parent(dn)}"

    def move(self, dn: str, unit: str) -> str:
        """Into another unit; the new DN."""
        name = first_parts(dn, 1)[0]
        self._connection.modify_dn(dn, name, new_superior=unit)
        return f"{name},{unit}"

    def delete(self, dn: str) -> None:
        """Delete the entry."""
        self._connection.delete(dn)

    def set_password(self, dn: str, password: str) -> None:
        """Give the account a password, by which it can sign in."""
        self._connection.extend.microsoft.modify_password(dn, password)

    def disable(self, dn: str) -> None:
        """Disable the account."""
        self.change(dn, userAccountControl=str(DISABLED_ACCOUNT))

    def enable(self, dn: str) -> None:
        """Enable the account."""
        self.change(dn, userAccountControl=str(NORMAL_ACCOUNT))

    def group(self, name: str, members: Iterable[str] = ()) -> str:
        """A new security group; its DN."""
        dn = f"CN={name}-{self.name},{self.root}"
        listed = list(members)
        attributes: dict[str, Any] = {"sAMAccountName": f"{name}-{self.name}"}
        self._connection.add(dn, "group", attributes | ({"member": listed} if listed else {}))
        return dn

    def join(self, group: str, member: str) -> None:
        """Add a member to a group."""
        self._connection.modify(group, {"member": [(ldap3.MODIFY_ADD, [member])]})

    def leave(self, group: str, member: str) -> None:
        """Take a member out of a group."""
        self._connection.modify(group, {"member": [(ldap3.MODIFY_DELETE, [member])]})

    def guid(self, dn: str) -> str:
        """The entry's objectGUID as canonical text."""
        self._connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectGUID"])
        (entry,) = [item for item in self._connection.response if item["type"] == "searchResEntry"]
        return str(UUID(bytes_le=entry["raw_attributes"]["objectGUID"][0]))

    def guids(self) -> dict[str, str]:
        """The objectGUID of every account below the root, by common name."""
        found = self._connection.extend.standard.paged_search(
            self.root, "(objectCategory=person)", attributes=["objectGUID", "cn"], paged_size=500
        )
        return {
            entry["raw_attributes"]["cn"][0].decode(): str(
                UUID(bytes_le=entry["raw_attributes"]["objectGUID"][0])
            )
            for entry in found
            if entry["type"] == "searchResEntry"
        }
