"""Where a domain controller listens: ``host``, ``host:port``, ``[IPv6]`` or ``[IPv6]:port``."""

import re
import socket
from collections.abc import Collection
from dataclasses import dataclass

from shared.errors import AddressUnknown, DirectoryUnavailable, GlobalCatalogPort
from shared.language import phrase
from shared.settings.documents import Security
from shared.settings.sections.directory import global_catalog

_PORTS = {Security.LDAPS: 636, Security.STARTTLS: 389, Security.PLAIN: 389}
_FORM = re.compile(
    r"(?:ldaps?://)?(?:\[(?P<six>[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?)\]|(?P<host>[^\s:/\[\]]+))"
    r"(?::(?P<port>[0-9]{1,5}))?/?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Address:
    """One domain controller's address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str, security: Security) -> Address:
    """The address in a setting, with the usual port when none is given.

    :raises AddressUnknown: it is not an address.
    :raises GlobalCatalogPort: numbers would look cleared there.
    """
    refused = global_catalog(text)
    if refused:
        raise GlobalCatalogPort(f"{refused[0].upper()}{refused[1:]}.", server=text)
    found = host_and_port(text, _PORTS[security])
    if found is None:
        raise AddressUnknown(
            phrase(
                "'{server}' in directory.servers is not an address; it looks like dc1.corp.example or "
                "dc1.corp.example:636.",
                server=text,
            ),
            server=text,
        )
    return found


def host_and_port(text: str, usual: int) -> Address | None:
    """The address in a text, with the usual port when none is given; ``None`` when it is none."""
    match = _FORM.fullmatch(text.strip())
    port = int(match["port"] or usual) if match else 0
    return Address(match["six"] or match["host"], port) if match and 0 < port < 65536 else None


def several_hosts(address: Address, first: Collection[str]) -> list[str]:
    """The IP addresses of a name that leads to several, as a domain's does; those named ``first`` at the beginning."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        # Said when it is connected to.
        return []
    hosts = list(dict.fromkeys(str(item[4][0]) for item in found))
    return sorted(hosts, key=lambda host: host not in first) if len(hosts) > 1 else []


def check_resolves(address: Address) -> None:
    """Check that the name has an address.

    :raises AddressUnknown: the name does not exist.
    :raises DirectoryUnavailable: nobody can tell at present.
    """
    try:
        socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise DirectoryUnavailable(
                phrase(
                    "Domain controller {address}: the name servers do not answer ({reason}). Check the DNS "
                    "settings of Rollcall's host.",
                    address=address,
                    reason=error.strerror,
                ),
                server=str(address),
            ) from error
        raise AddressUnknown(
            phrase(
                "Domain controller {address}: the name does not resolve ({reason}). Check "
                "directory.servers and the DNS settings of Rollcall's host.",
                address=address,
                reason=error.strerror,
            ),
            server=str(address),
        ) from error
    except UnicodeError as error:
        raise AddressUnknown(
            phrase("'{host}' cannot be a host name.", host=address.host), server=str(address)
        ) from error
