"""A directory that is being served: starts the server in a thread of its own and says how to reach it."""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from services.sandbox.directory.certificate import make_certificate
from services.sandbox.directory.directory import Directory
from services.sandbox.directory.faults import Faults
from services.sandbox.directory.server import Server

T = TypeVar("T")


class RunningDirectory:
    """Serves a directory on ``host`` while the ``with`` block lasts, or between :meth:`start` and :meth:`stop`.

    With ``tls`` the server speaks LDAPS; without, it speaks LDAP with StartTLS, and refuses binds on a plain
    connection unless ``allow_plain`` is set (as domain controllers that enforce signing do). Two servers may
    serve one directory, each with its own host name and faults.
    """

    def __init__(
        self,
        directory: Directory,
        port: int = 0,
        *,
        tls: bool = True,
        allow_plain: bool = False,
        host: str = "127.0.0.1",
        host_name: str = "dc",
    ) -> None:
        self.directory = directory
        self.faults = Faults()
        self.port = port
        self.tls_name = f"{host_name}.{directory.domain}"
        self._host = host
        self._tls = tls
        self._certificate = make_certificate(self.tls_name, tuple({"127.0.0.1", host} - {"0.0.0.0"}))  # noqa: S104
        self.ca_certificate = self._certificate.ca
        context = self._certificate.context()
        self._server = Server(directory, self.tls_name, self.faults, context, allow_plain=allow_plain)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._kept: socket.socket | None = None

    @property
    def url(self) -> str:
        """Where to connect: by address, so that no name needs to resolve."""
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        return f"{'ldaps' if self._tls else 'ldap'}://{host}:{self.port}"

    @property
    def base_dn(self) -> str:
        """The name of the domain's root."""
        return self.directory.base_dn

    @property
    def user(self) -> str:
        """The account to read with."""
        return self.directory.user

    @property
    def password(self) -> str:
        """Its password, new for each directory."""
        return self.directory.password

    @property
    def units(self) -> list[str]:
        """The organizational units that hold people."""
        return self.directory.units

    def start(self) -> None:
        """Serve; after a stop on the same port as before."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox-directory", daemon=True)
        self._thread.start()
        kept, self._kept = self._kept, None
        try:
            self.port = self._run(self._server.start(self._host, self.port, tls=self._tls))
        except OSError:
            self._end_loop()
            raise
        finally:
            if kept is not None:
                kept.close()

    def stop(self) -> None:
        """End all connections and refuse new ones; a second stop does nothing."""
        if self._loop is not None:
            self._run(self._server.stop())
            self._end_loop()
            self._keep_port()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _keep_port(self) -> None:
        """Let nobody else be given the port until the next start: bound, without listening."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        kept = socket.socket(family)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            kept.bind((self._host, self.port))
        self._kept = kept

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def _end_loop(self) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None
