"""What the name of a host says about where it is."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether the name or address can only be this computer (RFC 6761, section 6.3; RFC 1122, section 3.2.1.3).

    An address counts when it is written in full; a name such as ``127.evil.example`` is any name.
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
