"""Bounds of open connections, before anything of a request is known. One that is silent gives way to one that comes.

Nobody is shut out by connections that somebody else keeps open: where too many are, the one that has waited longest without
a request in hand is closed, and only when all are at work the new one.
"""

import asyncio
import resource
import ssl
from collections import OrderedDict
from functools import partial
from typing import Any, Protocol

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.api.web.addresses import is_one_of, subject_of
from services.api.web.tls import TlsLoop

log = structlog.get_logger(__name__)

MOST = 2_000
MOST_OF_AN_ADDRESS = 512
# Until the head of a request is complete.
HEAD_SECONDS = 10.0
HEAD_BYTES = 64 * 1024
# Descriptors for everything else: database, broker, files, standard streams.
_OTHER_DESCRIPTORS = 200
_LOG_EVERY_SECONDS = 60.0


class Connection(Protocol):
    """What is counted."""

    address: str

    def end(self) -> None:
        """Close it at once."""


class Connections:
    """The open connections of a server. Of each address at most ``most_of_an_address``; of ``proxies`` any number."""

    def __init__(
        self, proxies: list[str], most: int = MOST, most_of_an_address: int = MOST_OF_AN_ADDRESS
    ) -> None:
        self._proxies = proxies
        self._most = most
        self._most_of_an_address = most_of_an_address
        # In the order in which they came, or last had a request.
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._of_address: dict[str, OrderedDict[Connection, None]] = {}
        self._open = 0
        self._refused = 0
        self._told_at = float("-inf")

    def enter(self, connection: Connection, now: float) -> bool:
        """Count it; whether it may stay."""
        address = connection.address
        of_address: OrderedDict[Connection, None] = self._of_address.get(address, OrderedDict())
        if not is_one_of(address, self._proxies) and len(of_address) >= self._most_of_an_address:
            oldest = next((other for other in of_address if other in self._waiting), None)
            if not self._close(oldest, address, now):
                return False
        if self._open >= self._most and not self._close(next(iter(self._waiting), None), address, now):
            return False
        self._open += 1
        self._of_address.setdefault(address, OrderedDict())[connection] = None
        self._waiting[connection] = None
        return True

    def note_work(self, connection: Connection) -> None:
        """It has a request in hand."""
        self._waiting.pop(connection, None)

    def note_idle(self, connection: Connection) -> None:
        """It has none, from now on."""
        of_address = self._of_address.get(connection.address)
        if of_address is not None and connection in of_address:
            self._waiting[connection] = None
            of_address.move_to_end(connection)

    def leave(self, connection: Connection) -> None:
        """It is closed; twice is not an error."""
        of_address = self._of_address.get(connection.address)
        if of_address is None or connection not in of_address:
            return
        del of_address[connection]
        if not of_address:
            del self._of_address[connection.address]
        self._waiting.pop(connection, None)
        self._open -= 1

    def _close(self, oldest: Connection | None, address: str, now: float) -> bool:
        self._tell(address, now)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.end()
        return True

    def _tell(self, address: str, now: float) -> None:
        self._refused += 1
        if now - self._told_at < _LOG_EVERY_SECONDS:
            return
        log.warning("too_many_connections", address=address, closed=self._refused, open=self._open)
        self._told_at, self._refused = now, 0


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol within these bounds; a connection whose request does not come in time is closed."""

    def __init__(self, connections: Connections, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.address = ""
        self._bounds = connections
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it."""
        peer = transport.get_extra_info("peername")
        self.address = subject_of(str(peer[0])) if peer else ""
        super().connection_made(transport)
        if self._bounds.enter(self, self.loop.time()):
            self._await_head()
        else:
            self._is_refused = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place free."""
        self._end_timer()
        self._bounds.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        if self._is_refused:
            return
        super().data_received(data)
        if self._is_at_work:
            self._end_timer()
            self._bounds.note_work(self)
        elif self._head_timer is None:
            self._await_head()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._bounds.note_idle(self)
        super().on_response_complete()
        if self._is_at_work:
            self._bounds.note_work(self)

    def end(self) -> None:
        """Close it at once."""
        self.transport.abort()

    @property
    def _is_at_work(self) -> bool:
        # uvicorn's annotation hides that it is None until the head of a request is complete.
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.end)

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def server_config(
    app: Any, proxies: list[str], tls: ssl.SSLContext | None = None, **options: Any
) -> uvicorn.Config:
    """How the API is served: within these bounds, believing these proxies, telling nothing of the server."""
    connections = Connections(proxies, _most_open())
    if tls is not None:
        options |= {"ssl_context_factory": lambda *_: tls, "loop": f"{TlsLoop.__module__}:{TlsLoop.__name__}"}
    return uvicorn.Config(
        app,
        http=partial(BoundedProtocol, connections),  # type: ignore[arg-type]
        ws="none",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        # Our own logging stands; lines about requests would repeat what a proxy writes.
        log_config=None,
        access_log=False,
        **options,
    )


def _most_open() -> int:
    """How many connections fit the descriptors that this process may have, raised as far as the host allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + _OTHER_DESCRIPTORS
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(100, min(MOST, soft - _OTHER_DESCRIPTORS))
