"""Ends that take a connection and never say a word."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Silent:
    """A port that hangs; ``at_once`` is how many callers waited at it at the same time, at the most."""

    port: int
    calls: int = 0
    at_once: int = 0
    _waiting: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, connection: socket.socket) -> None:
        """Keep a caller waiting until they give up."""
        with self._lock:
            self.calls += 1
            self._waiting += 1
            self.at_once = max(self.at_once, self._waiting)
        with connection, suppress(OSError):
            while connection.recv(4096):
                pass
        with self._lock:
            self._waiting -= 1


@contextmanager
def silent_port() -> Iterator[Silent]:
    """A port that hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        silent = Silent(server.getsockname()[1])
        ended = threading.Event()

        def _accept() -> None:
            while not ended.is_set():
                try:
                    connection, _peer = server.accept()
                except OSError:
                    return
                threading.Thread(target=silent.serve, args=(connection,), daemon=True).start()

        accepting = threading.Thread(target=_accept, daemon=True)
        accepting.start()
        try:
            yield silent
        finally:
            ended.set()
            # accept() is not woken by close; by a last caller it is.
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", silent.port), timeout=1).close()
            accepting.join(5)
