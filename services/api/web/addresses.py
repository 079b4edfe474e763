"""Addresses of those who ask: which count as one, and which proxies are believed about them. Pure."""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from shared.errors import SettingsInvalid

# The name that uvicorn and other servers know it by.
TRUSTED_PROXIES = "FORWARDED_ALLOW_IPS"


def subject_of(address: str) -> str:
    """What is counted for an address: itself, or its network where one customer of a provider has many addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        # One customer has at least a /64 to choose from.
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


def trusted_proxies(environment: Mapping[str, str]) -> list[str]:
    """The proxies whose word counts about whom they ask for: addresses and networks, nobody by default.

    :raises SettingsInvalid: one of them is neither.
    """
    named = [item.strip() for item in environment.get(TRUSTED_PROXIES, "").split(",") if item.strip()]
    for item in named:
        _network(item)
    return named


def is_one_of(address: str, proxies: list[str]) -> bool:
    """Whether it is the address of a trusted proxy."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        # How an IPv4 proxy looks to a server that listens on IPv6.
        parsed = parsed.ipv4_mapped
    return any(parsed in _network(item) for item in proxies)


def _network(item: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(item, strict=False)
    except ValueError as error:
        raise SettingsInvalid(
            f"{TRUSTED_PROXIES} names '{item[:40]}', which is neither an address nor a network. Name the reverse proxy, "
            "for example 127.0.0.1 or 10.0.0.0/24."
        ) from error
