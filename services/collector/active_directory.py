"""A session with a domain: the first controller that answers, and the questions Rollcall asks it.

Called by ``snapshot``, ``absent``, ``people`` and ``questions``. The next controller is tried only when one is not available (or
cannot prove who it is). Credentials that one refuses are not shown to the next, which would lock the account.
"""

import difflib
import ssl
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import ldap3
from ldap3.core.exceptions import (
    LDAPAttributeOrValueExistsResult,
    LDAPInsufficientAccessRightsResult,
    LDAPInvalidDnError,
    LDAPReferralResult,
)
from ldap3.utils.dn import parse_dn

from services.collector import connection, selection
from services.collector.address import several_hosts
from services.collector.connection import Timeouts
from services.collector.discovery import Candidate, candidates, learn_site
from services.collector.errors import translated
from services.collector.reader import RawEntry, Reader, Scope, Search, first_value
from services.collector.root_dse import Domain, check_own_port, domain_of
from shared.errors import (
    AddressUnknown,
    AttributeOccupied,
    CertificateRejected,
    DirectoryUnavailable,
    InsufficientRights,
    RollcallError,
    SettingsInvalid,
    TransientError,
    UnknownAttribute,
    UnknownBaseDn,
)
from shared.prerequisites import certificate_end
from shared.settings.documents import DirectorySettings

_GUIDS_PER_SEARCH = 50
_NEXT_CONTROLLER = (DirectoryUnavailable, AddressUnknown, CertificateRejected)
_ANYTHING = "(objectClass=*)"
# Every schema has it: when even this is not found, the account may not read the schema.
_ALWAYS_IN_SCHEMA = "objectGUID"
_DELETED_MARK = b"\\0ADEL:"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A controller that could not be used, and why."""

    server: str
    error: RollcallError


class ActiveDirectory(AbstractContextManager["ActiveDirectory"]):
    """One signed-in session, to be used as a context. ``passed_over`` are the controllers tried before.

    It begins with those of the addresses ``preferred``, in the order of the settings; ``start`` goes so many further,
    so that a second attempt need not meet the same one again. Where a name leads to several controllers, as a domain's
    does, the one at ``hosts`` is tried first.
    """

    def __init__(
        self,
        settings: DirectorySettings,
        start: int = 0,
        preferred: Collection[str] = (),
        hosts: Collection[str] = (),
    ) -> None:
        self.settings = settings
        self.server = ""
        self.passed_over: list[PassedOver] = []
        self._start = start
        self._preferred = preferred
        self._hosts = hosts
        self._is_own_port = False
        self._connection: ldap3.Connection | None = None
        self._reader: Reader | None = None

    def __enter__(self) -> Self:
        """Connect and sign in.

        :raises RollcallError: no controller could be used; credentials were refused; settings are missing.
        """
        if not self.settings.servers:
            raise SettingsInvalid(
                "No domain controller is configured. Enter one in the Active Directory settings."
            )
        listed = candidates(self.settings)
        # Stable: the others keep their order.
        listed.sort(key=lambda item: str(item.address) not in self._preferred)
        first = self._start % len(listed)
        for item in listed[first:] + listed[:first]:
            try:
                self._open(item)
            except _NEXT_CONTROLLER as error:
                self.passed_over.append(PassedOver(str(item.address), error))
            else:
                return self
        raise _all_failed(self.passed_over)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._reader is not None:
            self._reader.close()
        if self._connection is not None:
            connection.close(self._connection)

    @property
    def reader(self) -> Reader:
        """The searches of the session."""
        if self._reader is None:
            raise RuntimeError("the session is not open")
        return self._reader

    @property
    def host(self) -> str:
        """The IP address of the controller; empty when the connection does not say."""
        if self._connection is None or self._connection.socket is None:
            return ""
        with suppress(OSError):
            return str(self._connection.socket.getpeername()[0])
        return ""

    @property
    def certificate_ends_at(self) -> datetime | None:
        """Until when the controller's certificate is good; ``None`` without encryption."""
        tls = self._connection.socket if self._connection is not None else None
        return certificate_end(tls.getpeercert()) if isinstance(tls, ssl.SSLSocket) else None

    def domain(self) -> Domain:
        """The names of the controller and its domain.

        :raises NotActiveDirectory: it is another LDAP server.
        :raises GlobalCatalogPort: it is the Global Catalog.
        """
        domain = domain_of(self.reader, self.server)
        if not self._is_own_port:
            check_own_port(self.reader, self.server)
            self._is_own_port = True
        return domain

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
                f"{dn} is in the domain {there}, but {self.server} is a controller of {here}. Add the domain {there} in "
                "Settings > Directory, or correct the name.",
                dn=dn,
                domain=there,
            )
        nearest = next((parent for parent in _parents(dn) if self._written(parent) is not None), None)
        hint = f" The nearest entry that exists is {nearest}." if nearest else ""
        raise UnknownBaseDn(
            f"There is no entry {dn} in the directory, or the account may not see it (asked "
            f"{self.server}).{hint} "
            "Check directory.units and directory.required_group.",
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
                hint = f" Similar ones: {', '.join(near)}." if near else ""
                raise UnknownAttribute(
                    f"The directory's schema has no attribute '{name}'.{hint} Check directory.attributes.",
                    attribute=name,
                )

    def display_names(self, names: Sequence[str], schema_dn: str) -> dict[str, str]:
        """How the schema writes these attributes, by lower-case name."""
        written: dict[str, str] = {}
        for start in range(0, len(names), _GUIDS_PER_SEARCH):
            clauses = "".join(
                f"(lDAPDisplayName={selection.escaped(name)})"
                for name in names[start : start + _GUIDS_PER_SEARCH]
            )
            written |= {name.lower(): name for name in self._schema_names(schema_dn, f"(|{clauses})")}
        return written

    def people_filter(self) -> str:
        """The filter of the settings; a required group is looked up with the groups nested in it.

        :raises UnknownBaseDn: there is no such group.
        """
        group = self.settings.required_group.strip()
        if not group:
            return selection.people(self.settings.filter)
        self.check_exists(group)
        attributes = ("objectSid",)
        own = list(self.reader.entries(Search(group, _ANYTHING, attributes, Scope.BASE, 10)))
        root = self.domain().base_dn
        nested = list(self.reader.entries(Search(root, selection.nested_groups(group), attributes)))
        identifiers = [selection.relative_id(first_value(entry, "objectSid")) for entry in own + nested]
        membership = selection.members(
            group,
            [entry.dn for entry in nested],
            [identifier for identifier in identifiers if identifier is not None],
        )
        return selection.people(self.settings.filter, membership)

    def people_pages(
        self, unit: str, people_filter: str, attributes: tuple[str, ...]
    ) -> Iterator[list[RawEntry]]:
        """Everyone in the unit and below it, page by page; the end of the iterator proves that it was all."""
        return self.reader.pages(
            Search(unit, people_filter, attributes, Scope.SUBTREE, self.settings.page_size)
        )

    def count(self, unit: str, people_filter: str) -> int:
        """How many people are in the unit and below it."""
        search = Search(unit, people_filter, ("1.1",), Scope.SUBTREE, self.settings.page_size)
        return sum(len(page) for page in self.reader.pages(search))

    def find(self, guids: Sequence[str], root: str) -> Iterator[dict[str, str]]:
        """Which of these objectGUIDs exist, with their distinguished names; one dictionary per search."""
        for start in range(0, len(guids), _GUIDS_PER_SEARCH):
            batch = guids[start : start + _GUIDS_PER_SEARCH]
            found: dict[str, str] = {}
            for entry in self.reader.entries(
                Search(root, selection.any_guid(batch), ("objectGUID", "isDeleted"))
            ):
                guid = first_value(entry, "objectGUID")
                deleted = (
                    first_value(entry, "isDeleted") == b"TRUE" or _DELETED_MARK in entry.distinguished_name
                )
                if len(guid) == 16 and not deleted:
                    found[str(UUID(bytes_le=guid))] = entry.dn
            yield found

    def selected(self, guids: Sequence[str], units: Sequence[str]) -> set[str]:
        """Which of these objectGUIDs are in one of the units and pass filter and required group at this moment."""
        found: set[str] = set()
        for _, entry in self.selected_entries(guids, units, ("objectGUID",)):
            guid = first_value(entry, "objectGUID")
            if len(guid) == 16:
                found.add(str(UUID(bytes_le=guid)))
        return found

    def selected_entries(
        self, guids: Sequence[str], units: Sequence[str], attributes: tuple[str, ...]
    ) -> Iterator[tuple[str, RawEntry]]:
        """As ``selected``, with the unit and these attributes; somebody in two of the units comes twice."""
        batches = (
            guids[start : start + _GUIDS_PER_SEARCH] for start in range(0, len(guids), _GUIDS_PER_SEARCH)
        )
        yield from self._narrowed(map(selection.any_guid, batches), units, attributes)

    def holders(
        self,
        numbers: Sequence[str],
        among: Sequence[str] | None,
        units: Sequence[str],
        attributes: tuple[str, ...],
    ) -> Iterator[tuple[str, RawEntry]]:
        """With the unit, everybody in the units who might have one of these numbers, and others besides.

        ``among`` are the attributes of which one holds a number's digits; without them nobody can be left out.
        """
        if among is None:
            yield from self._narrowed([""], units, attributes)
        elif among:
            batches = (
                numbers[start : start + _GUIDS_PER_SEARCH]
                for start in range(0, len(numbers), _GUIDS_PER_SEARCH)
            )
            clauses = (selection.any_number(among, batch) for batch in batches)
            yield from self._narrowed(clauses, units, attributes)

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
                    f"{attribute} was changed by somebody else at the same time.", server=self.server
                ) from error
            except (LDAPInsufficientAccessRightsResult, LDAPReferralResult) as error:
                raise InsufficientRights(
                    f"Domain controller {self.server}: {self.settings.user} may not write {attribute}. "
                    "Grant it write access "
                    "to only this attribute of people in the OU (docs/numbers.md), or turn writing off.",
                    server=self.server,
                ) from error

    def _narrowed(
        self, clauses: Iterable[str], units: Sequence[str], attributes: tuple[str, ...]
    ) -> Iterator[tuple[str, RawEntry]]:
        people_filter = self.people_filter()
        for clause in clauses:
            for unit in units:
                for entry in self.reader.entries(Search(unit, f"(&{people_filter}{clause})", attributes)):
                    yield unit, entry

    def _open(self, found: Candidate) -> None:
        address = found.address
        timeouts = Timeouts(self.settings.connect_timeout_seconds, self.settings.receive_timeout_seconds)
        *others, last = found.hosts or several_hosts(address, self._hosts) or [""]
        for host in others:
            with suppress(*_NEXT_CONTROLLER):
                self._connection = connection.open_connection(self.settings, address, timeouts, host)
                break
        else:
            self._connection = connection.open_connection(self.settings, address, timeouts, last)
        self.server = str(address)
        self._reader = Reader(self._connection, self.server, self.settings.user, timeouts.receive * 2)
        if found.found_in:
            learn_site(self.settings, found.found_in, self._reader)

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


def _by_guid(guid: str) -> str:
    """The name of an entry by its objectGUID (MS-ADTS 3.1.1.3.1.2.4)."""
    return f"<GUID={UUID(guid).bytes_le.hex()}>"


def _parents(dn: str) -> list[str]:
    """The names above this one, nearest first."""
    try:
        parts = [f"{name}={value}" for name, value, _ in parse_dn(dn)]
    except LDAPInvalidDnError as error:
        raise UnknownBaseDn(
            f"'{dn}' is not a distinguished name; it looks like OU=Sales,DC=corp,DC=example. Write a comma "
            "inside "
            "a name as \\,. Check directory.units and directory.required_group.",
            dn=dn,
        ) from error
    return [",".join(parts[start:]) for start in range(1, len(parts))]


def domain_name(dn: str) -> str:
    """The domain that an entry is of by its distinguished name, in small letters; empty when it names none.

    :raises UnknownBaseDn: it is not a distinguished name.
    """
    _parents(dn)
    return ".".join(value for name, value, _ in parse_dn(dn) if name.lower() == "dc").lower()


def _all_failed(passed_over: Sequence[PassedOver]) -> RollcallError:
    """One controller's error, with what the others said; one that may pass by itself decides what to do next."""
    errors = [item.error for item in passed_over]
    first = next((error for error in errors if isinstance(error, TransientError)), errors[0])
    if len(errors) > 1:
        others = " ".join(error.message for error in errors if error is not first)
        first.message = f"{first.message} Nor could another controller be used: {others}"
        first.args = (first.message,)
    return first
