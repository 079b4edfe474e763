"""What a server says of itself (rootDSE), and whether people may be read there at all. Called by ``active_directory``.

Only a domain controller's own port is read: the Global Catalog shows part of the attributes, AD LDS and other LDAP
servers have no accounts of a domain.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.collector.reader import RawEntry, Reader, Scope, Search, first_value
from shared.errors import DirectoryUnavailable, GlobalCatalogPort, NotActiveDirectory, RollcallError
from shared.language import declared, phrase

_ANYTHING = "(objectClass=*)"
_OF_ITSELF = (
    "defaultNamingContext", "schemaNamingContext", "dnsHostName", "currentTime", "dsServiceName",
    "highestCommittedUSN", "supportedCapabilities", "rootDomainNamingContext",
)  # fmt: skip
# MS-ADTS 3.1.1.3.4.3; AD LDS has capabilities too, but not the first.
_ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
_LIGHTWEIGHT = "1.2.840.113556.1.4.1851"
_READ_ONLY = "1.2.840.113556.1.4.1920"


@dataclass(frozen=True, slots=True)
class Domain:
    """What the controller says of itself (rootDSE, MS-ADTS 3.1.1.3.2); clock and ``usn`` when it shows them.

    ``service`` is the name of its NTDS Settings entry, ``usn`` the number of the last change on it.
    """

    base_dn: str
    schema_dn: str
    controller: str
    clock: datetime | None
    service: str = ""
    usn: int | None = None
    is_read_only: bool = False
    # The root of its forest: an entry that moves to another domain of it keeps its objectGUID.
    forest_dn: str = ""


def domain_of(reader: Reader, server: str) -> Domain:
    """The names of the controller and its domain.

    :raises NotActiveDirectory: it is another LDAP server.
    :raises DirectoryUnavailable: it does not say which domain it serves.
    """
    for entry in reader.entries(Search("", _ANYTHING, _OF_ITSELF, Scope.BASE, 10)):
        able = {_text(value) for value in entry.attributes.get("supportedcapabilities", ())}
        domain = _domain(entry, able)
        is_named = bool(domain.base_dn and domain.schema_dn)
        if _ACTIVE_DIRECTORY not in able and (able or not is_named):
            kind = "AD LDS" if _LIGHTWEIGHT in able else declared("an LDAP server of another kind")
            raise NotActiveDirectory(
                phrase(
                    "{server} is not a domain controller of Active Directory, but {kind}, which does not hold "
                    "the accounts of a domain. Enter a domain controller in directory.servers.",
                    server=server,
                    kind=kind,
                ),
                server=server,
            )
        if is_named:
            return domain
    raise DirectoryUnavailable(
        phrase("Domain controller {server} does not say which domain it serves.", server=server),
        server=server,
    )


def check_own_port(reader: Reader, server: str) -> None:
    """Refuse the Global Catalog at whatever port it was forwarded to.

    Only there may a search begin above all domains (MS-ADTS 3.1.1.3.1.3.1); a controller's own port has no such entry.

    :raises GlobalCatalogPort: numbers would look cleared there.
    """
    try:
        found = any(
            entry.dn
            for entry in reader.entries(Search("", "(objectClass=domainDNS)", ("1.1",), page_size=10))
        )
    except RollcallError:
        # No such entry; a connection that broke is said by the next search.
        return
    if found:
        raise GlobalCatalogPort(
            phrase(
                (
                    "{server} answers as the Global Catalog, which holds only some of the attributes: numbers "
                    "would seem to be missing. Enter the controller's own port in directory.servers (636 for "
                    "LDAPS, 389 for StartTLS)."
                ),
                server=server,
            ),
            server=server,
        )


def _domain(entry: RawEntry, able: set[str]) -> Domain:
    return Domain(
        _text(first_value(entry, "defaultNamingContext")),
        _text(first_value(entry, "schemaNamingContext")),
        _text(first_value(entry, "dnsHostName")),
        _moment(first_value(entry, "currentTime")),
        _text(first_value(entry, "dsServiceName")),
        _number(first_value(entry, "highestCommittedUSN")),
        _READ_ONLY in able,
        _text(first_value(entry, "rootDomainNamingContext")),
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _number(value: bytes) -> int | None:
    return int(value) if value.isdigit() else None


def _moment(value: bytes) -> datetime | None:
    """GeneralizedTime as controllers write it, 20261128091500.0Z (MS-ADTS 3.1.1.3.2.5)."""
    try:
        return datetime.strptime(value[:14].decode("ascii"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
