"""One entry by its objectGUID: its values, and writing one. Part of ``active_directory``."""

from typing import Any
from uuid import UUID

import ldap3
from ldap3.core.exceptions import (
    LDAPAttributeOrValueExistsResult,
    LDAPInsufficientAccessRightsResult,
    LDAPReferralResult,
)

from services.collector.errors import translated
from services.collector.reader import Scope, Search
from services.collector.session import DirectorySession
from shared.errors import AttributeOccupied, InsufficientRights, UnknownBaseDn
from shared.language import phrase

_ANYTHING = "(objectClass=*)"


class Entries(DirectorySession):
    """What an entry holds, and the only thing that is ever written to a directory."""

    def values_of(self, guid: str, attribute: str) -> tuple[str, list[str]] | None:
        """Name of the entry and its values of an attribute; ``None`` when there is no such entry, or none to be seen."""
        search = Search(_by_guid(guid), _ANYTHING, (attribute,), Scope.BASE, 10)
        try:
            for entry in self.reader.entries(search):
                values = entry.attributes.get(attribute.lower(), ())
                return entry.dn, [value.decode("utf-8", "replace") for value in values]
        except UnknownBaseDn:
            pass
        return None

    def may_write(self, guid: str, attribute: str) -> bool:
        """Whether the account may write the attribute of the entry, as the controller says (MS-ADTS 3.1.1.4.5.21)."""
        found = self.values_of(guid, "allowedAttributesEffective")
        return found is not None and attribute.lower() in {name.lower() for name in found[1]}

    def add_value(self, guid: str, attribute: str, value: str) -> None:
        """Add a value to an attribute of an entry: the only thing that is ever written to a directory.

        An attribute of one value that has one is not overwritten: the controller refuses it. Active Directory has no
        assertion control (RFC 4528), so that is also what makes reading before and writing one step.

        :raises AttributeOccupied: it has a value by now.
        :raises InsufficientRights: the account may not write it, or the controller is read-only.
        :raises DirectoryUnavailable: nobody knows whether it was written; read it.
        """
        if self._connection is None:
            raise RuntimeError("the session is not open")
        # ldap3 has no types for the operations that change something.
        connection: Any = self._connection
        with translated(self.server, self.settings.user):
            try:
                connection.modify(_by_guid(guid), {attribute: [(ldap3.MODIFY_ADD, [value])]})
            except LDAPAttributeOrValueExistsResult as error:
                raise AttributeOccupied(
                    phrase("{attribute} was changed by somebody else at the same time.", attribute=attribute),
                    server=self.server,
                ) from error
            except (LDAPInsufficientAccessRightsResult, LDAPReferralResult) as error:
                raise InsufficientRights(
                    phrase(
                        "Domain controller {server}: {user} may not write {attribute}. Grant it write access to only "
                        "this attribute of people in the OU (docs/numbers.md), or turn writing off.",
                        server=self.server,
                        user=self.settings.user,
                        attribute=attribute,
                    ),
                    server=self.server,
                ) from error


def _by_guid(guid: str) -> str:
    """The name of an entry by its objectGUID (MS-ADTS 3.1.1.3.1.2.4)."""
    return f"<GUID={UUID(guid).bytes_le.hex()}>"
