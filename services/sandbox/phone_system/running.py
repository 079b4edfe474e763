"""A phone system that is being served: by a thread of this process, or by this process until it is told to end."""

import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette

from services.sandbox.phone_system.faults import Faults
from services.sandbox.phone_system.options import PhoneSystemOptions
from services.sandbox.phone_system.server import SandboxServer, create_app
from services.sandbox.phone_system.store import PhoneSystem
from services.sandbox.prompt_server import PromptServer


def _configuration(app: Starlette) -> uvicorn.Config:
    # A connection dropped on purpose is no error of the server.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    :raises OSError: the port is in use or the address not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio turns Nagle's algorithm off; else every answer with a body waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    return bound


def serve(
    options: PhoneSystemOptions, listening: socket.socket, is_ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT, which are an ordinary end: the process exits with 0.

    ``is_ready`` is called when requests will be answered and signals obeyed.

    :raises SystemExit: with code 0, when the signal comes.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn shuts down on both, and then raises the signal again for whoever had it before.
        signal.signal(number, _end)
    server = uvicorn.Server(_configuration(create_app(options)))
    is_ready()
    server.run(sockets=[listening])


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


class RunningPhoneSystem:
    """A phone system served by a thread of this process, for the time of a ``with`` block."""

    def __init__(self, options: PhoneSystemOptions | None = None, port: int = 0) -> None:
        self.options = options or PhoneSystemOptions()
        self._sandbox = SandboxServer(self.options)
        self._socket = listen("127.0.0.1", port)
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = PromptServer(_configuration(create_app(self.options, self._sandbox)))

    @property
    def client_id(self) -> str:
        """What a client signs in with."""
        return self.options.client_id

    @property
    def client_secret(self) -> str:
        """What a client signs in with."""
        return self.options.client_secret

    @property
    def state(self) -> PhoneSystem:
        """The state itself, to look at (or seed) from the same process."""
        return self._sandbox.system

    @property
    def faults(self) -> Faults:
        """The faults, to switch on from the same process (``release`` only over HTTP)."""
        return self._sandbox.faults

    def __enter__(self) -> Self:
        self._server.start([self._socket], "sandbox phone system")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._socket.close()
