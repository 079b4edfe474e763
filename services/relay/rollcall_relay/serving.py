"""Serves the application over TLS until told to stop, with limits that a slow or silent client cannot stretch."""

import asyncio
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rollcall_relay.app import make_app
from rollcall_relay.door import BACKLOG, Door, Doorstep, allow_many
from rollcall_relay.errors import RelayError
from rollcall_relay.keys import own_key
from rollcall_relay.operations import Operations
from rollcall_relay.pairing import Pairing
from rollcall_relay.settings import Settings
from rollcall_relay.signing import Signatures
from rollcall_relay.worker import Worker

HEADER_SECONDS = 10.0
CONNECTION_SECONDS = 90.0
_HEADER_BYTES = 16 * 1024


class LimitedProtocol(H11Protocol):
    """Ends a connection that sends no complete request in time, and any that lasts too long."""

    def __init__(self, step: Doorstep, **named: Any) -> None:
        super().__init__(**named)
        self._step = step
        self._timers: tuple[asyncio.TimerHandle, ...] = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clocks."""
        super().connection_made(transport)
        self._timers = (
            self.loop.call_later(HEADER_SECONDS, self._end_unasked),
            self.loop.call_later(CONNECTION_SECONDS, transport.abort),
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        for timer in self._timers:
            timer.cancel()
        self._step.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        super().data_received(data)
        if self._has_request:
            self._step.note_work()

    @property
    def _has_request(self) -> bool:
        # The cycle is made when the head of a request is complete; uvicorn's annotation hides that it is None until then.
        return getattr(self, "cycle", None) is not None

    def _end_unasked(self) -> None:
        if not self._has_request:
            self.transport.abort()


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Prints the public key, the address, and while unpaired a pairing code.

    :raises RelayError: where it cannot begin.
    """
    allow_many()
    folder = Path(settings.state_folder)
    key, pairing = own_key(folder), Pairing(folder)
    with Operations(settings) as operations:
        listening = _listen(settings)
        worker = Worker(operations)
        worker.start()
        signatures = Signatures(folder, key.public_key)
        app = make_app(settings, operations, worker, pairing, signatures)
        sys.stdout.write(f"Public key: {key.public_key}\n")
        if pairing.peer() is None:
            sys.stdout.write(f"Pairing code: {pairing.new_code()}\n")
        sys.stdout.write(f"Listening: {settings.host} port {listening.getsockname()[1]}\n")
        sys.stdout.flush()
        try:
            uvicorn.Server(_config(app, key.file)).run(sockets=[listening])
        finally:
            signatures.close()


def _config(app: object, key_file: Path) -> uvicorn.Config:
    door, context = Door(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Whatever the host's OpenSSL would allow.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(key_file)

    def _doorstep(**named: Any) -> Doorstep:
        return Doorstep(door, context, lambda step: LimitedProtocol(step, **named))

    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=_doorstep,  # type: ignore[arg-type]
        ws="none", lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=_HEADER_BYTES, timeout_graceful_shutdown=5,
    )  # fmt: skip


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise RelayError(
            "cannot_listen",
            f"{settings.host} port {settings.port} cannot be listened on ({reason}). Choose another host or port in the "
            "relay's settings file.",
        ) from error
    return listening
