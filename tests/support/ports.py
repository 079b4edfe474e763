"""Ports for servers that are started, stopped and started again on the same one."""

import secrets
import socket
from contextlib import suppress

# Below those that outgoing connections are given by themselves (Linux: net.ipv4.ip_local_port_range).
_PORTS = range(21_000, 32_000)


def free_port() -> int:
    """A port of the loopback address that nobody listens on, and that no connection of others takes meanwhile."""
    while True:
        port = secrets.choice(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
