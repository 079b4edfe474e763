"""What the name of a host says: whether it can be one, and where it is."""

import re
from ipaddress import ip_address

_LONGEST = 253
# Active Directory has underscores in names; letters of other scripts become "xn--" labels.
_LABEL = re.compile(r"[^\W_]([\w-]*\w)?|_[\w-]*\w")
_LONGEST_LABEL = 63
_WITH_PORT = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)


def is_host(text: str) -> bool:
    """Whether it can be the name or address of a host (RFC 1123, section 2.1; RFC 5890): no label is empty or longer than
    63 characters. Whoever resolves another text gets ``UnicodeError`` from Python instead of an answer.
    """
    plain = _bare(text).partition("%")[0]
    try:
        ip_address(plain)
    except ValueError:
        name = text.removesuffix(".")
        return 0 < len(name) <= _LONGEST and all(map(_is_label, name.split(".")))
    return True


def is_address_with_port(text: str) -> bool:
    """Whether it is an IP address, with or without a port: ``192.0.2.53``, ``192.0.2.53:5353``, ``[2001:db8::53]:53``."""
    found = _WITH_PORT.fullmatch(text.strip())
    try:
        ip_address(text.strip() if found is None else found["six"] or found["four"])
    except ValueError:
        return False
    return found is None or 0 < int(found["port"] or 53) < 65536


def _bare(host: str) -> str:
    """Without the brackets of an IPv6 address in a URL, which come in pairs."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") and ":" in host else host


def _is_label(text: str) -> bool:
    if not _LABEL.fullmatch(text):
        return False
    try:
        return len(text.encode("idna")) <= _LONGEST_LABEL
    except UnicodeError:
        return False


def is_loopback(host: str) -> bool:
    """Whether the name or address can only be this computer (RFC 6761, section 6.3; RFC 1122, section 3.2.1.3).

    An address counts when it is written in full; a name such as ``127.evil.example`` is any name.
    """
    if host.lower().removesuffix(".") == "localhost":
        return True
    try:
        return ip_address(_bare(host)).is_loopback
    except ValueError:
        return False
