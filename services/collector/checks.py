"""Whether what the settings name is there: entries, and attributes of the schema. Part of ``active_directory``."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from services.collector import selection
from services.collector.reader import Scope, Search, first_value
from services.collector.session import DirectorySession
from shared.errors import DirectoryUnavailable, UnknownAttribute, UnknownBaseDn
from shared.language import phrase

_ANYTHING = "(objectClass=*)"
_NAMES_PER_SEARCH = 50
# Every schema has it: when even this is not found, the account may not read the schema.
_ALWAYS_IN_SCHEMA = "objectGUID"


class Checks(DirectorySession):
    """What is asked before anything is read."""

    def check_exists(self, dn: str) -> str:
        """The entry's distinguished name as the directory writes it.

        :raises UnknownBaseDn: it is no distinguished name, or there is no such entry; naming the domain that it is of,
            if it is another, else the nearest entry above it that exists.
        """
        written = self._written(dn)
        if written is not None:
            return written
        if domains := self._domains_that_differ(dn):
            here, there = domains
            raise UnknownBaseDn(
                phrase(
                    "{dn} is in the domain {other_domain}, but {server} is a controller of {domain}. Add the domain "
                    "{other_domain} in Settings > Active Directory, or correct the name.",
                    dn=dn,
                    other_domain=there,
                    server=self.server,
                    domain=here,
                ),
                dn=dn,
                domain=there,
            )
        nearest = next((parent for parent in _parents(dn) if self._written(parent) is not None), None)
        hint = phrase(" The nearest entry that exists is {nearest}.", nearest=nearest) if nearest else ""
        raise UnknownBaseDn(
            phrase(
                "There is no entry {dn} in the directory, or the account may not see it (asked "
                "{server}).{hint} Check directory.units and directory.required_group.",
                dn=dn,
                server=self.server,
                hint=hint,
            ),
            dn=dn,
            nearest=nearest,
        )

    def check_attributes(self, names: Sequence[str], schema_dn: str) -> None:
        """Check that the schema has all these attributes: a slip would look like an attribute cleared by all.

        :raises UnknownAttribute: naming similar ones.
        """
        wanted = {name.lower(): name for name in (*names, _ALWAYS_IN_SCHEMA)}
        clauses = "".join(f"(lDAPDisplayName={selection.escaped(name)})" for name in wanted.values())
        found = {name.lower() for name in self._schema_names(schema_dn, f"(|{clauses})")}
        if _ALWAYS_IN_SCHEMA.lower() not in found:
            return
        for key, name in wanted.items():
            if key not in found:
                all_names = {known.lower(): known for known in self._schema_names(schema_dn, "")}
                near = [all_names[like] for like in difflib.get_close_matches(key, all_names, n=3)]
                hint = phrase(" Similar ones: {similar}.", similar=", ".join(near)) if near else ""
                raise UnknownAttribute(
                    phrase(
                        "The directory's schema has no attribute '{name}'.{hint} Check directory.attributes.",
                        name=name,
                        hint=hint,
                    ),
                    attribute=name,
                )

    def display_names(self, names: Sequence[str], schema_dn: str) -> dict[str, str]:
        """How the schema writes these attributes, by lower-case name."""
        written: dict[str, str] = {}
        for start in range(0, len(names), _NAMES_PER_SEARCH):
            clauses = "".join(
                f"(lDAPDisplayName={selection.escaped(name)})"
                for name in names[start : start + _NAMES_PER_SEARCH]
            )
            written |= {name.lower(): name for name in self._schema_names(schema_dn, f"(|{clauses})")}
        return written

    def _domains_that_differ(self, dn: str) -> tuple[str, str] | None:
        """The domain that is read and the one that the entry is of; nothing where they are one, or cannot be told."""
        with suppress(DirectoryUnavailable):
            here, there = domain_name(self.domain().base_dn), domain_name(dn)
            return (here, there) if there and there != here else None
        return None

    def _written(self, dn: str) -> str | None:
        try:
            found = list(self.reader.entries(Search(dn, _ANYTHING, ("1.1",), Scope.BASE, 10)))
        except UnknownBaseDn:
            return None
        return found[0].dn if found else None

    def _schema_names(self, schema_dn: str, narrowed: str) -> Iterator[str]:
        search = Search(
            schema_dn, f"(&(objectClass=attributeSchema){narrowed})", ("lDAPDisplayName",), Scope.LEVEL
        )
        for entry in self.reader.entries(search):
            yield first_value(entry, "lDAPDisplayName").decode("utf-8", "replace")


def _parents(dn: str) -> list[str]:
    """The names above this one, nearest first."""
    try:
        parts = [f"{name}={value}" for name, value, _ in parse_dn(dn)]
    except LDAPInvalidDnError as error:
        raise UnknownBaseDn(
            phrase(
                "'{dn}' is not a distinguished name; it looks like OU=Sales,DC=corp,DC=example. Write a "
                "comma inside a name as \\,. Check directory.units and directory.required_group.",
                dn=dn,
            ),
            dn=dn,
        ) from error
    return [",".join(parts[start:]) for start in range(1, len(parts))]


def domain_name(dn: str) -> str:
    """The domain that an entry is of by its distinguished name, in small letters; empty when it names none.

    :raises UnknownBaseDn: it is not a distinguished name.
    """
    _parents(dn)
    return ".".join(value for name, value, _ in parse_dn(dn) if name.lower() == "dc").lower()
