"""Who may stand at the door: bounds of connections before TLS, and a handshake that must come in time.

Nobody is shut out by connections that others keep open: where too many are, the one that has waited longest without a
request in hand is closed, and the new one is let in.
"""

import asyncio
import logging
import resource
import ssl
from asyncio.sslproto import SSLProtocol
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

MOST = 400
MOST_OF_AN_ADDRESS = 64
HANDSHAKE_SECONDS = 5.0
# Taken from the kernel in one go, before any of them can be closed.
BACKLOG = 256
# Of the journals, the database, audio files and the standard streams.
_OTHER_DESCRIPTORS = 256
_HELD_BYTES = 64 * 1024
_LOG = logging.getLogger("rollcall.relay")


class Visitor(Protocol):
    """A connection as the door sees it."""

    address: str

    def end(self) -> None:
        """Close it at once."""


class Door:
    """Counts the connections that are open."""

    def __init__(self, most: int = MOST, most_of_an_address: int = MOST_OF_AN_ADDRESS) -> None:
        self._most = most
        self._most_of_an_address = most_of_an_address
        # Those without a request in hand, the longest waiting first.
        self._waiting: OrderedDict[Visitor, None] = OrderedDict()
        self._of_address: dict[str, OrderedDict[Visitor, None]] = {}
        self._open = 0

    def enter(self, visitor: Visitor) -> bool:
        """Count it; whether it may stay."""
        same: OrderedDict[Visitor, None] = self._of_address.get(visitor.address, OrderedDict())
        if len(same) >= self._most_of_an_address and not self._close(
            next((other for other in same if other in self._waiting), None), visitor.address
        ):
            return False
        if self._open >= self._most and not self._close(next(iter(self._waiting), None), visitor.address):
            return False
        self._open += 1
        self._of_address.setdefault(visitor.address, OrderedDict())[visitor] = None
        self._waiting[visitor] = None
        return True

    def note_work(self, visitor: Visitor) -> None:
        """The head of its request is complete."""
        self._waiting.pop(visitor, None)

    def leave(self, visitor: Visitor) -> None:
        """It is closed; twice is not an error."""
        same = self._of_address.get(visitor.address)
        if same is None or visitor not in same:
            return
        del same[visitor]
        if not same:
            del self._of_address[visitor.address]
        self._waiting.pop(visitor, None)
        self._open -= 1

    def _close(self, oldest: Visitor | None, address: str) -> bool:
        _LOG.warning("too many connections, the last from %s", address)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.end()
        return True


class Doorstep(asyncio.Protocol):
    """One connection from its first moment: counted, then asked for its handshake, then handed to ``make_inside``."""

    def __init__(
        self, door: Door, context: ssl.SSLContext, make_inside: Callable[["Doorstep"], asyncio.Protocol]
    ) -> None:
        self.address = ""
        self._door = door
        self._context = context
        self._make_inside = make_inside
        self._transport: asyncio.Transport | None = None
        self._shaking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let it in or close it."""
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0])[:64] if peer else ""
        self._transport = transport
        if not self._door.enter(self):
            transport.abort()
            return
        # Nothing is read before TLS reads it.
        transport.pause_reading()
        self._shaking = asyncio.get_running_loop().create_task(self._shake_hands(transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone before its handshake began."""
        self._door.leave(self)

    def note_work(self) -> None:
        """A request is in hand."""
        self._door.note_work(self)

    def leave(self) -> None:
        """The connection inside is closed."""
        self._door.leave(self)

    def end(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        held = _Held()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport, held, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (OSError, EOFError):
            # No TLS, not in time, or gone: everybody on the network may do that, and it says nothing.
            self.end()
            self._door.leave(self)
            return
        except BaseException:
            self.end()
            self._door.leave(self)
            raise
        if secured is None or held.is_lost:
            self._door.leave(self)
            return
        inside = self._make_inside(self)
        secured.set_protocol(inside)
        inside.connection_made(secured)
        if held.received:
            inside.data_received(bytes(held.received))


class _Held(asyncio.Protocol):
    """Keeps what comes right behind the handshake."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        """At most what a request's head and the first of its body have."""
        self.received += data[: _HELD_BYTES - len(self.received)]

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self.is_lost = True


def allow_many() -> None:
    """As many descriptors as the door lets in, where the host allows it, and little memory for each connection."""
    # asyncio keeps a buffer of 256 KiB for each connection from its first moment; a record of TLS has 16 KiB.
    SSLProtocol.max_size = 32 * 1024
    wanted = MOST + BACKLOG + _OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
