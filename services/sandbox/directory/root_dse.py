"""The rootDSE: what a domain controller tells about itself to anyone who asks (MS-ADTS 3.1.1.3.2)."""

import uuid
from datetime import UTC, datetime

from services.sandbox.directory import dirsync, matching, messages, names, paging
from services.sandbox.directory.directory import Directory
from services.sandbox.directory.entry import Attribute, Entry, Values, generalized_time, raw_values

SHOW_DELETED = "1.2.840.113556.1.4.417"
DOMAIN_SCOPE = "1.2.840.113556.1.4.1339"
_CONTROLS = (paging.PAGED_RESULTS, SHOW_DELETED, DOMAIN_SCOPE, dirsync.OID)

# Active Directory, its LDAP integration and "behaves like 2003 and later" (MS-ADTS 3.1.1.3.4.3).
_CAPABILITIES = ("1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1791", "1.2.840.113556.1.4.1670")


def controls(directory: Directory) -> tuple[str, ...]:
    """Those that the controller knows."""
    return tuple(oid for oid in _CONTROLS if oid != dirsync.OID or directory.has_dirsync)


def service_name(directory: Directory, host_name: str) -> str:
    """The name of the entry that stands for this controller as a source of changes."""
    host = host_name.partition(".")[0].upper()
    return (
        f"CN=NTDS Settings,CN={host},CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,"
        f"{directory.base_dn}"
    )


def service(directory: Directory, host_name: str) -> Entry:
    """That entry, whose invocationId tells whose update sequence numbers are meant."""
    dn = service_name(directory, host_name)
    guid = uuid.uuid5(uuid.NAMESPACE_X500, dn)
    own: dict[str, Values] = {
        "objectClass": ("top", "applicationSettings", "nTDSDSA"),
        "cn": "NTDS Settings",
        "distinguishedName": dn,
        "objectGUID": guid.bytes_le,
        "invocationId": directory.invocation_id.bytes_le,
    }
    return Entry(
        dn, guid, {name.lower(): Attribute(name, raw_values(values)) for name, values in own.items()}
    )


def attributes(directory: Directory, host_name: str) -> dict[str, Values]:
    """The attributes of this moment."""
    base_dn = directory.base_dn
    configuration = f"CN=Configuration,{base_dn}"
    service = service_name(directory, host_name)
    return {
        "currentTime": generalized_time(datetime.now(UTC)),
        "defaultNamingContext": base_dn,
        "rootDomainNamingContext": base_dn,
        "configurationNamingContext": configuration,
        "schemaNamingContext": directory.schema.dn,
        "namingContexts": (base_dn, configuration, directory.schema.dn),
        "dnsHostName": host_name,
        "serverName": names.parent(service),
        "dsServiceName": service,
        "ldapServiceName": f"{directory.domain}:{host_name.partition('.')[0]}$@{directory.domain.upper()}",
        "highestCommittedUSN": directory.highest_usn,
        "supportedLDAPVersion": ("3",),
        "supportedControl": controls(directory),
        "supportedExtension": (messages.START_TLS,),
        "supportedCapabilities": _CAPABILITIES,
        "supportedMatchingRules": matching.RULES,
        "isSynchronized": "TRUE",
        "isGlobalCatalogReady": "TRUE",
        "domainFunctionality": 7,
        "forestFunctionality": 7,
        "domainControllerFunctionality": 7,
    }
