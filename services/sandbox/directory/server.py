"""Carries LDAP messages between sockets and sessions, and breaks connections where a fault says so."""

import asyncio
import ssl

from services.sandbox.directory import results
from services.sandbox.directory.directory import Directory
from services.sandbox.directory.faults import Break, Faults
from services.sandbox.directory.messages import write_notice
from services.sandbox.directory.session import Answer, Session, Then
from shared import ber

# The AD policy MaxReceiveBuffer: a longer request ends the connection.
MAX_MESSAGE = 10_485_760
_ENTRIES_PER_WRITE = 100


class Server:
    """The TCP side of the directory; lives in one event loop."""

    def __init__(
        self,
        directory: Directory,
        host_name: str,
        faults: Faults,
        context: ssl.SSLContext,
        *,
        allow_plain: bool,
    ) -> None:
        self._directory = directory
        self._host_name = host_name
        self._faults = faults
        self._context = context
        self._allow_plain = allow_plain
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, *, tls: bool) -> int:
        """Listen, with TLS from the first byte if asked for; the port that was taken."""
        context = self._context if tls else None

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(reader, writer, is_secure=tls)

        self._server = await asyncio.start_server(accept, host, port, ssl=context)
        taken: int = self._server.sockets[0].getsockname()[1]
        return taken

    async def stop(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_secure: bool
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        session = Session(
            self._directory, self._host_name, self._faults, is_secure=is_secure, allow_plain=self._allow_plain
        )
        try:
            while await self._exchange(reader, writer, session):
                pass
        except (asyncio.IncompleteReadError, OSError, ssl.SSLError):
            pass  # The client went away, which is its right.
        except asyncio.CancelledError:
            pass  # The server stops; the streams module would log a cancellation as an error.
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session
    ) -> bool:
        """One request and its answer; whether the conversation goes on."""
        try:
            data = await _read_message(reader)
        except ber.BerError as exc:
            writer.write(write_notice(results.protocol_error(str(exc))))
            await _close(writer)
            return False
        answer = session.answer(data)
        if not await self._send(writer, answer) or answer.then is Then.CLOSE:
            await _close(writer)
            return False
        if answer.then is Then.START_TLS:
            await writer.start_tls(self._context)
            session.is_secure = True
        return True

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> bool:
        """Send an answer as far as the faults let it; whether the connection lives on."""
        wanted = len(answer.entries)
        # Only searches count: with an allowance of 0 a client can still connect and bind.
        allowed, broken = self._faults.allowance(wanted) if answer.is_search else (wanted, None)
        for start in range(0, allowed, _ENTRIES_PER_WRITE):
            writer.write(b"".join(answer.entries[start : min(start + _ENTRIES_PER_WRITE, allowed)]))
            await writer.drain()
        if broken is Break.FREEZE:
            await asyncio.Event().wait()
        if broken is None:
            writer.write(b"".join(answer.rest))
            await writer.drain()
        return broken is None


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    """The bytes of one LDAPMessage; ``BerError`` when what comes is none."""
    start = await reader.readexactly(2)
    if start[0] != ber.SEQUENCE:
        raise ber.BerError("no LDAP message begins like this")
    while (measured := ber.measure(start)) is None:
        start += await reader.readexactly(1)
    if measured[1] > MAX_MESSAGE:
        raise ber.BerError("a message longer than the server takes")
    return start + await reader.readexactly(measured[1])


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()
