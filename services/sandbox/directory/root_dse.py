"""The rootDSE: what a domain controller tells about itself to anyone who asks (MS-ADTS 3.1.1.3.2)."""

from datetime import UTC, datetime

from services.sandbox.directory import matching, messages, paging
from services.sandbox.directory.directory import Directory
from services.sandbox.directory.entry import Values, generalized_time

SHOW_DELETED = "1.2.840.113556.1.4.417"
DOMAIN_SCOPE = "1.2.840.113556.1.4.1339"
CONTROLS = (paging.PAGED_RESULTS, SHOW_DELETED, DOMAIN_SCOPE)

# Active Directory, its LDAP integration and "behaves like 2003 and later" (MS-ADTS 3.1.1.3.4.3).
_CAPABILITIES = ("1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1791", "1.2.840.113556.1.4.1670")


def attributes(directory: Directory, host_name: str) -> dict[str, Values]:
    """The attributes of this moment."""
    base_dn = directory.base_dn
    configuration = f"CN=Configuration,{base_dn}"
    server = f"CN={host_name.partition('.')[0].upper()},CN=Servers,CN=Default-First-Site-Name,CN=Sites,{configuration}"
    return {
        "currentTime": generalized_time(datetime.now(UTC)),
        "defaultNamingContext": base_dn,
        "rootDomainNamingContext": base_dn,
        "configurationNamingContext": configuration,
        "schemaNamingContext": directory.schema.dn,
        "namingContexts": (base_dn, configuration, directory.schema.dn),
        "dnsHostName": host_name,
        "serverName": server,
        "dsServiceName": f"CN=NTDS Settings,{server}",
        "ldapServiceName": f"{directory.domain}:{host_name.partition('.')[0]}$@{directory.domain.upper()}",
        "highestCommittedUSN": directory.highest_usn,
        "supportedLDAPVersion": ("3",),
        "supportedControl": CONTROLS,
        "supportedExtension": (messages.START_TLS,),
        "supportedCapabilities": _CAPABILITIES,
        "supportedMatchingRules": matching.RULES,
        "isSynchronized": "TRUE",
        "isGlobalCatalogReady": "TRUE",
        "domainFunctionality": 7,
        "forestFunctionality": 7,
        "domainControllerFunctionality": 7,
    }
