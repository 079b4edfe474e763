"""Finds the domain controllers of a domain by its name, nearest first, as Windows does (MS-ADTS 6.3.6, SRV records).

Called by ``active_directory``. A controller found so is known by its own name, which its certificate is checked against.
The order is the same each time, so that runs stay with one controller, and come back to it.
"""

import re
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import dns.exception
import dns.nameserver
import dns.resolver
from dns.rdtypes.IN.SRV import SRV

from services.collector.address import Address, host_and_port, parse
from services.collector.reader import Reader, Scope, Search, first_value
from shared.errors import RollcallError
from shared.settings.documents import DirectorySettings, Security

_LDAPS_PORT = 636
_UNANSWERED_SECONDS = 30
_MOST_CONTROLLERS = 20
_PINGED = "(&(NtVer=\\06\\00\\00\\00))"
# NETLOGON_SAM_LOGON_RESPONSE_EX (MS-ADTS 6.3.1.9): operation, flags and a GUID come before the eight names.
_NAMES_AT = 24
_LOGON_EX = (23, 25)
T = TypeVar("T")
_IS_NAME = re.compile(r"(?!\d+(\.\d+)*$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A controller that may be asked. ``hosts`` are its IP addresses where the name servers of the settings gave them.

    ``found_in`` is the domain whose name led to it; empty for one that stands in the settings itself.
    """

    address: Address
    hosts: tuple[str, ...] = ()
    found_in: str = ""


def candidates(settings: DirectorySettings) -> list[Candidate]:
    """The controllers in the order in which they are asked: that of the settings, those of a domain nearest first.

    :raises RollcallError: a server of the settings is no address, or the Global Catalog's.
    """
    listed: dict[str, Candidate] = {}
    for text in settings.servers:
        address = parse(text, settings.security)
        found = _of_domain(settings, address) if _may_be_a_domain(text) else ()
        for item in found or [Candidate(address, _hosts(settings, address.host))]:
            listed.setdefault(str(item.address).lower(), item)
    return list(listed.values())


def learn_site(settings: DirectorySettings, domain: str, reader: Reader) -> None:
    """Ask a controller once in which site of Active Directory we are, so that its controllers come first (MS-ADTS 6.3.3)."""
    if settings.site or _SITES.get(domain, settings.name_servers) is not None:
        return
    site = ""
    with suppress(RollcallError):
        for entry in reader.entries(Search("", _PINGED, ("netlogon",), Scope.BASE, 10)):
            site = site_of(first_value(entry, "netlogon"))
    _SITES.put(site, domain, settings.name_servers)


def site_of(answer: bytes) -> str:
    """The client's site in an answer to a ping: the last of its eight names; empty when it has none or cannot be read."""
    if len(answer) < _NAMES_AT or int.from_bytes(answer[:2], "little") not in _LOGON_EX:
        return ""
    names: list[str] = []
    place = _NAMES_AT
    try:
        while len(names) < 8:
            name, place = _name(answer, place)
            names.append(name)
    except (IndexError, ValueError):
        return ""
    return names[-1]


def expire() -> None:
    """Ask name servers and controllers anew; where nobody answers, what was known goes on."""
    _SITES.expire()
    _CONTROLLERS.expire()


class _Kept(Generic[T]):
    """Answers, each for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._answers: dict[tuple[object, ...], tuple[float, T]] = {}

    def get(self, *key: object) -> T | None:
        """The answer, while it is to be used."""
        until, answer = self._answers.get(key, (0.0, None))
        return answer if until > time.monotonic() else None

    def last(self, *key: object) -> T | None:
        """The newest answer, however old."""
        return self._answers.get(key, (0.0, None))[1]

    def put(self, answer: T, *key: object, seconds: float | None = None) -> T:
        """Keep an answer."""
        self._answers[key] = (time.monotonic() + (seconds or self._seconds), answer)
        return answer

    def expire(self) -> None:
        """Every answer is old by now."""
        self._answers = {key: (0.0, answer) for key, (_, answer) in self._answers.items()}


# Controllers and sites come and go seldom.
_CONTROLLERS: _Kept[tuple[Candidate, ...]] = _Kept(300)
_SITES: _Kept[str] = _Kept(3600)


def _may_be_a_domain(text: str) -> bool:
    """A name without a port; who writes one means a host."""
    return _IS_NAME.fullmatch(text.strip().rstrip(".")) is not None


def _of_domain(settings: DirectorySettings, address: Address) -> Sequence[Candidate]:
    """The controllers of the domain of this name; none when it is the name of a host."""
    domain = address.host.lower().rstrip(".")
    site = settings.site or _SITES.get(domain, settings.name_servers) or ""
    key = (domain, site, settings.security, settings.name_servers)
    kept = _CONTROLLERS.get(*key)
    if kept is not None:
        return kept
    if not settings.name_servers and not _resolves(domain):
        # The name of a domain leads to its controllers; what leads nowhere is told of when it is connected to.
        return ()
    found: dict[str, Candidate] = {}
    try:
        resolver = _resolver(settings)
        places = [f"_ldap._tcp.{site}._sites.dc._msdcs.{domain}"] if site else []
        for name in (*places, f"_ldap._tcp.dc._msdcs.{domain}"):
            for record in _services(resolver, name):
                host = str(record.target).rstrip(".").lower()
                port = _LDAPS_PORT if settings.security is Security.LDAPS else record.port
                at = Candidate(Address(host, port), _hosts(settings, host), domain)
                found.setdefault(host, at)
    except dns.exception.DNSException:
        # Name servers that do not answer are not waited for by every session; what they said last goes on.
        answer = _CONTROLLERS.last(*key) or tuple(found.values())
        return _CONTROLLERS.put(answer, *key, seconds=_UNANSWERED_SECONDS)
    return _CONTROLLERS.put(tuple(found.values())[:_MOST_CONTROLLERS], *key)


def _services(resolver: dns.resolver.Resolver, name: str) -> list[SRV]:
    """Least priority first, then most weight: always in one order, where RFC 2782 would draw lots."""
    try:
        answer = resolver.resolve(name, "SRV", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    records = [record for record in answer if isinstance(record, SRV)]
    return sorted(records, key=lambda one: (one.priority, -one.weight, str(one.target).lower()))


def _hosts(settings: DirectorySettings, host: str) -> tuple[str, ...]:
    """The IP addresses by the name servers of the settings; none when the system's are to be asked."""
    if not settings.name_servers or not _may_be_a_domain(host):
        return ()
    found: list[str] = []
    with suppress(dns.exception.DNSException):
        resolver = _resolver(settings)
        for kind in ("A", "AAAA"):
            with suppress(dns.resolver.NoAnswer):
                found += [record.to_text() for record in resolver.resolve(host, kind, search=False)]
    return tuple(found)


def _resolver(settings: DirectorySettings) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=not settings.name_servers)
    resolver.lifetime = min(settings.connect_timeout_seconds, 5.0)
    if settings.name_servers:
        resolver.nameservers = list(_name_servers(settings.name_servers))
    return resolver


def _name_servers(texts: Iterable[str]) -> Iterable[dns.nameserver.Nameserver]:
    for text in texts:
        found = host_and_port(text, 53)
        if found is not None:
            yield dns.nameserver.Do53Nameserver(found.host, found.port)


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False


def _name(data: bytes, place: int) -> tuple[str, int]:
    """A name with pointers to earlier ones (RFC 1035 section 4.1.4), and where the next one begins."""
    labels: list[str] = []
    after = 0
    for _ in range(128):
        length = data[place]
        if length >= 0xC0:
            after = after or place + 2
            place = int.from_bytes(data[place : place + 2], "big") & 0x3FFF
        elif length == 0:
            return ".".join(labels), after or place + 1
        else:
            label = data[place + 1 : place + 1 + length]
            if len(label) < length:
                raise ValueError("the name is cut off")
            labels.append(label.decode("utf-8", "replace"))
            place += 1 + length
    raise ValueError("the name does not end")
