"""A proxy of connections that can fail: between Rollcall and its database, its broker, a directory or a phone system."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

_CHUNK = 65_536
_TICK_SECONDS = 0.02


class Fault(StrEnum):
    """How a wire fails. The first four are over with the connections they have cut."""

    RESET = "reset"
    """Every connection is reset now."""
    BEFORE = "before"
    """The next request is not passed on; its connection is reset."""
    AFTER = "after"
    """The next request is passed on; the connection is reset in place of the answer."""
    TORN = "torn"
    """Half of the next answer is passed on, then the connection is reset."""
    SLOW = "slow"
    """Everything takes a fifth of a second, until it is mended."""
    SILENT = "silent"
    """Half open: connections stay and new ones are taken, nothing is passed on until it is mended."""


class Wire:
    """One port of the loopback address that leads to another."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._fault: Fault | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    def fail(self, fault: Fault) -> None:
        """Fail like this; takes the place of what was."""
        self._fault = None if fault is Fault.RESET else fault
        if fault is Fault.RESET:
            self._loop.call_soon_threadsafe(self._reset_all)

    def mend(self) -> None:
        """Pass everything on again; what was silent is reset, as its peers have given it up."""
        if self._fault is Fault.SILENT:
            self._loop.call_soon_threadsafe(self._reset_all)
        self._fault = None

    @property
    def has_struck(self) -> bool:
        """Whether a fault that is over with one connection is over."""
        return self._fault is None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        ends = (writer, back)
        self._open.update(ends)
        try:
            await asyncio.gather(self._pass(reader, back, ends, asks=True), self._pass(there, writer, ends))
        except OSError:
            for end in ends:
                _reset(end)
        finally:
            self._open.difference_update(ends)
            for end in ends:
                end.close()

    async def _pass(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        *,
        asks: bool = False,
    ) -> None:
        """Pass on what one side sends, until it ends or the fault of the moment strikes."""
        cut_answer = False
        while data := await source.read(_CHUNK):
            while self._fault is Fault.SILENT:
                await asyncio.sleep(_TICK_SECONDS)
            if self._fault is Fault.SLOW:
                await asyncio.sleep(0.2)
            if self._fault is Fault.BEFORE and asks:
                self._fault = None
                raise ConnectionResetError
            if self._fault is Fault.AFTER and asks:
                self._fault, self._doomed = None, ends
            elif self._doomed == ends and not asks:
                cut_answer = True
            if self._fault is Fault.TORN and not asks:
                self._fault, cut_answer = None, True
                target.write(data[: len(data) // 2])
                await target.drain()
            if cut_answer:
                raise ConnectionResetError
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            with suppress(OSError):
                target.write_eof()

    def _reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    _loop: asyncio.AbstractEventLoop
    _doomed: tuple[asyncio.StreamWriter, asyncio.StreamWriter] | None = None

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def wire_to(host: str, port: int) -> Iterator[Wire]:
    """A wire that is served by a thread of its own, while the block lasts."""
    wire = Wire(host, port)
    wire._loop = asyncio.new_event_loop()
    thread = threading.Thread(target=wire._loop.run_forever, name="wire", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(wire._listen(), wire._loop).result(30)
    try:
        yield wire
    finally:
        asyncio.run_coroutine_threadsafe(_close(wire, server), wire._loop).result(30)
        wire._loop.call_soon_threadsafe(wire._loop.stop)
        thread.join()
        wire._loop.close()


async def _close(wire: Wire, server: asyncio.Server) -> None:
    server.close()
    wire._fault = None
    wire._reset_all()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def wait_for_strike(wire: Wire, seconds: float) -> bool:
    """Give traffic the time to meet the fault; whether it has."""
    deadline = time.monotonic() + seconds
    while not wire.has_struck and time.monotonic() < deadline:
        time.sleep(_TICK_SECONDS)
    return wire.has_struck
