"""Entries of the audit to a syslog server (RFC 5424): by UDP (RFC 5426), TCP (RFC 6587, octets counted) or TLS (RFC 5425)."""

import json
import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.notifier.channels.failures import RAISED, TIMEOUT_SECONDS, from_exception, trusting
from shared.settings.sections.notifications import NotificationsSettings, SyslogProtocol

# Facility "log audit" (13), severities "notice" (5).
_PRIORITY = 13 * 8 + 5
# The number that documentation uses (RFC 5612): Rollcall has none of its own.
_ID = "audit@32473"
_ESCAPED = re.compile(r'(["\\\]])')
_NOT_A_NAME = re.compile(r"[^!-~]")
# Longer datagrams are cut by many receivers (RFC 5424, 6.1).
_MOST_OCTETS = 2048
_GOODBYE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the audit."""

    id: int
    site_id: str
    occurred_at: datetime
    actor: str
    action: str
    details: Mapping[str, Any]
    hash: str


def line_of(entry: Entry) -> bytes:
    """The entry as a message of syslog, all in one line."""
    data = {
        "id": entry.id, "site": entry.site_id, "actor": entry.actor, "action": entry.action, "hash": entry.hash,
    }  # fmt: skip
    elements = " ".join(f'{name}="{_escaped(value)}"' for name, value in data.items())
    moment = entry.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    host = _NOT_A_NAME.sub("-", socket.gethostname())[:255] or "-"
    action = _NOT_A_NAME.sub("-", entry.action)[:32] or "-"
    # JSON without characters of other scripts has no end of a line in it either.
    text = json.dumps(entry.details, sort_keys=True)
    return f"<{_PRIORITY}>1 {moment} {host} rollcall - {action} [{_ID} {elements}] {text}".encode()


def _escaped(value: object) -> str:
    return _ESCAPED.sub(r"\\\1", "".join(" " if ord(char) < 32 else char for char in str(value)))


def send(settings: NotificationsSettings, entries: Iterable[Entry]) -> str:
    """Send the entries in order; the server's name.

    :raises RollcallError: some of them may not have arrived: all are to be sent again.
    """
    host = settings.syslog_host
    try:
        if settings.syslog_protocol is SyslogProtocol.UDP:
            _send_datagrams(settings, entries)
        else:
            _send_stream(settings, entries)
    except RAISED as error:
        raise from_exception(error, host) from error
    return host


def _send_datagrams(settings: NotificationsSettings, entries: Iterable[Entry]) -> None:
    family, kind, protocol, _, place = socket.getaddrinfo(
        settings.syslog_host, settings.syslog_port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as link:
        for entry in entries:
            link.sendto(line_of(entry)[:_MOST_OCTETS], place)


def _send_stream(settings: NotificationsSettings, entries: Iterable[Entry]) -> None:
    where = (settings.syslog_host, settings.syslog_port)
    plain = socket.create_connection(where, TIMEOUT_SECONDS)
    with closing(plain):
        link = plain
        if settings.syslog_protocol is SyslogProtocol.TLS:
            link = trusting(settings.ca_certificate).wrap_socket(plain, server_hostname=settings.syslog_host)
        with closing(link):
            for entry in entries:
                line = line_of(entry)
                link.sendall(b"%d %s" % (len(line), line))
            _say_goodbye(link)


def _say_goodbye(link: socket.socket) -> None:
    """Wait for the other end to take everything: a connection that is reset now has lost something."""
    link.settimeout(_GOODBYE_SECONDS)
    with suppress(TimeoutError):
        link.shutdown(socket.SHUT_WR)
        link.recv(1)
