"""A session with a domain: the first controller that answers, signed in. Base of ``active_directory``.

The next controller is tried only when one is not available (or cannot prove who it is). Credentials that one refuses are
not shown to the next, which would lock the account.
"""

import ssl
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import ldap3

from services.collector import connection
from services.collector.address import several_hosts
from services.collector.connection import Timeouts
from services.collector.discovery import Candidate, candidates, learn_site
from services.collector.reader import Reader
from services.collector.root_dse import Domain, check_own_port, domain_of
from shared.errors import (
    AddressUnknown,
    CertificateRejected,
    DirectoryUnavailable,
    RollcallError,
    SettingsInvalid,
    TransientError,
)
from shared.language import declared, phrase
from shared.prerequisites import certificate_end
from shared.settings.documents import DirectorySettings

_NEXT_CONTROLLER = (DirectoryUnavailable, AddressUnknown, CertificateRejected)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A controller that could not be used, and why."""

    server: str
    error: RollcallError


class DirectorySession(AbstractContextManager["DirectorySession"]):
    """One signed-in session, to be used as a context. ``passed_over`` are the controllers tried before.

    It begins with those of the addresses ``preferred``, in the order of the settings; ``start`` goes so many further,
    so that a second attempt need not meet the same one again. Where a name leads to several controllers, as a domain's
    does, the one at ``hosts`` is tried first.
    """

    def __init__(
        self,
        settings: DirectorySettings,
        start: int = 0,
        preferred: Collection[str] = (),
        hosts: Collection[str] = (),
    ) -> None:
        self.settings = settings
        self.server = ""
        self.passed_over: list[PassedOver] = []
        self._start = start
        self._preferred = preferred
        self._hosts = hosts
        self._is_own_port = False
        self._connection: ldap3.Connection | None = None
        self._reader: Reader | None = None

    def __enter__(self) -> Self:
        """Connect and sign in.

        :raises RollcallError: no controller could be used; credentials were refused; settings are missing.
        """
        if not self.settings.servers:
            raise SettingsInvalid(
                declared("No domain controller is configured. Enter one in the Active Directory settings.")
            )
        listed = candidates(self.settings)
        # Stable: the others keep their order.
        listed.sort(key=lambda item: str(item.address) not in self._preferred)
        first = self._start % len(listed)
        for item in listed[first:] + listed[:first]:
            try:
                self._open(item)
            except _NEXT_CONTROLLER as error:
                self.passed_over.append(PassedOver(str(item.address), error))
            else:
                return self
        raise _all_failed(self.passed_over)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._reader is not None:
            self._reader.close()
        if self._connection is not None:
            connection.close(self._connection)

    @property
    def reader(self) -> Reader:
        """The searches of the session."""
        if self._reader is None:
            raise RuntimeError("the session is not open")
        return self._reader

    @property
    def host(self) -> str:
        """The IP address of the controller; empty when the connection does not say."""
        if self._connection is None or self._connection.socket is None:
            return ""
        with suppress(OSError):
            return str(self._connection.socket.getpeername()[0])
        return ""

    @property
    def certificate_ends_at(self) -> datetime | None:
        """Until when the controller's certificate is good; ``None`` without encryption."""
        tls = self._connection.socket if self._connection is not None else None
        return certificate_end(tls.getpeercert()) if isinstance(tls, ssl.SSLSocket) else None

    def domain(self) -> Domain:
        """The names of the controller and its domain.

        :raises NotActiveDirectory: it is another LDAP server.
        :raises GlobalCatalogPort: it is the Global Catalog.
        """
        domain = domain_of(self.reader, self.server)
        if not self._is_own_port:
            check_own_port(self.reader, self.server)
            self._is_own_port = True
        return domain

    def _open(self, found: Candidate) -> None:
        address = found.address
        timeouts = Timeouts(self.settings.connect_timeout_seconds, self.settings.receive_timeout_seconds)
        named = sorted(found.hosts, key=lambda host: host not in self._hosts)
        *others, last = named or several_hosts(address, self._hosts) or [""]
        for host in others:
            with suppress(*_NEXT_CONTROLLER):
                self._connection = connection.open_connection(self.settings, address, timeouts, host)
                break
        else:
            self._connection = connection.open_connection(self.settings, address, timeouts, last)
        self.server = str(address)
        self._reader = Reader(self._connection, self.server, self.settings.user, timeouts.receive * 2)
        if found.found_in:
            learn_site(self.settings, found.found_in, self._reader)


def _all_failed(passed_over: Sequence[PassedOver]) -> RollcallError:
    """One controller's error, with what the others said; one that may pass by itself decides what to do next."""
    errors = [item.error for item in passed_over]
    first = next((error for error in errors if isinstance(error, TransientError)), errors[0])
    if len(errors) > 1:
        others = " ".join(error.message for error in errors if error is not first)
        first.message = phrase(
            "{message} Nor could another controller be used: {others}", message=first.message, others=others
        )
        first.args = (first.message,)
    return first
