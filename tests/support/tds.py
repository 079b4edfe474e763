"""Speaks TDS 7.4 as SQL Server does, as far as a driver must hear it to work: sign-in, answers from a script, faults.

It keeps no tables. What a statement is answered with is told by the first pattern that is found in it; a statement that
nobody has told of succeeds with nothing. Layouts: Microsoft, [MS-TDS].
"""

import re
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PRELOGIN, _LOGIN, _BATCH, _CALL, _TRANSACTION, _ANSWER = 0x12, 0x10, 0x01, 0x03, 0x0E, 0x04
_BEGIN, _COMMIT, _ROLLBACK = 5, 7, 8
_EXECUTE_SQL, _PREPARE, _EXECUTE, _PREPARE_AND_EXECUTE = 10, 11, 12, 13
_NO_ENCRYPTION = 2
_LATIN = b"\x09\x04\xd0\x00\x34"
_COMMITS = "COMMIT"
_ROLLS_BACK = "ROLLBACK"
Value = int | str | None


@dataclass(frozen=True)
class Rows:
    """A result of these rows; of one row without columns, a result without rows."""

    rows: Sequence[Sequence[Value]] = ()


@dataclass(frozen=True)
class Refused:
    """An error of the server, by its number. ``ends_transaction``: nothing is open after it."""

    number: int
    message: str
    severity: int = 16
    ends_transaction: bool = False


@dataclass(frozen=True)
class Cut:
    """The connection ends: in good order or with a reset, before anything is answered or in the middle of a result."""

    resets: bool = False
    in_mid_result: bool = False


Answer = Rows | Refused | Cut
# What SQLAlchemy asks of a new connection.
_FIRST: tuple[tuple[str, Answer], ...] = (
    ("ProductVersion", Rows([["16.0.4105.2"]])),
    ("test max support", Rows([["test max support"]])),
    ("fn_listextendedproperty", Rows([[1]])),
    ("schema_name", Rows([["dbo"]])),
    ("system_views", Rows([["dm_exec_sessions"]])),
    ("transaction_isolation_level", Rows([["READ COMMITTED"]])),
    ("(?i)trancount", Rows([[1]])),
    (r"^\s*SELECT 1\s*$", Rows([[1]])),
    (r"^\s*SELECT ", Rows([[]])),
)


@dataclass
class TdsServer:
    """A server on a free port. ``script`` may be changed at any time; ``asked`` is what was asked, in order."""

    port: int
    script: list[tuple[str, Answer]] = field(default_factory=list)
    login: Refused | None = None
    asked: list[str] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)

    def cut_all(self, *, resets: bool = False) -> None:
        """End every connection that is open."""
        for connection in self.connections:
            _cut(connection, resets=resets)
        self.connections.clear()


@contextmanager
def tds_server() -> Iterator[TdsServer]:
    """A server for the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = TdsServer(listening.getsockname()[1])
        threading.Thread(target=_listen, args=(listening, server), daemon=True).start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            server.cut_all()


def _listen(listening: socket.socket, server: TdsServer) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            server.connections.append(connection)
            threading.Thread(target=_serve, args=(connection, server), daemon=True).start()


def _serve(connection: socket.socket, server: TdsServer) -> None:
    with suppress(OSError, EOFError), connection:
        session = _Session(connection, server)
        while session.answer_next():
            pass


class _Session:
    def __init__(self, connection: socket.socket, server: TdsServer) -> None:
        self._connection = connection
        self._server = server
        self._is_open = False
        self._prepared: dict[int, str] = {}

    def answer_next(self) -> bool:
        kind, message = self._receive()
        match kind:
            case 0x12:
                self._send(_prelogin())
            case 0x10:
                return self._sign_in()
            case 0x01:
                return self._answer(_behind_headers(message).decode("utf-16-le"))
            case 0x03:
                return self._call(_behind_headers(message))
            case 0x0E:
                return self._move(_behind_headers(message))
            case _:
                self._send(_done(0x20))
        return True

    def _sign_in(self) -> bool:
        if self._server.login is not None:
            self._send(_error(self._server.login) + _done(0x02))
            return False
        self._send(
            _changed(1, _short("rollcall"), _short("master"))
            + _acknowledged()
            + _changed(4, _short("4096"), _short("4096"))
            + _done()
        )
        return True

    def _move(self, request: bytes) -> bool:
        what = struct.unpack_from("<H", request)[0]
        if what == _BEGIN:
            self._is_open = True
            self._send(_changed(8, b"\x08" + b"\1" * 8, b"\0") + _done())
            return True
        return self._answer(_COMMITS if what == _COMMIT else _ROLLS_BACK)

    def _call(self, request: bytes) -> bool:
        length = struct.unpack_from("<H", request)[0]
        if length != 0xFFFF:
            self._send(_end_of_call())
            return True
        procedure = struct.unpack_from("<H", request, 2)[0]
        texts, number = _parameters(request[6:])
        if procedure == _EXECUTE_SQL:
            return self._answer(texts[0], in_call=True)
        if procedure in (_PREPARE, _PREPARE_AND_EXECUTE):
            handle = len(self._prepared) + 1
            self._prepared[handle] = texts[1] if len(texts) > 1 else texts[0]
            if procedure == _PREPARE:
                self._send(_end_of_call(handle))
                return True
            return self._answer(self._prepared[handle], in_call=True, handle=handle)
        if procedure == _EXECUTE:
            return self._answer(self._prepared.get(number, ""), in_call=True)
        self._send(_end_of_call())
        return True

    def _answer(self, statement: str, *, in_call: bool = False, handle: int | None = None) -> bool:
        self._server.asked.append(statement)
        ends = (
            _COMMITS
            if re.search(r"\bCOMMIT\b", statement)
            else _ROLLS_BACK
            if re.search(r"\bROLLBACK\b", statement)
            else ""
        )
        answer = next(
            (told for pattern, told in (*self._server.script, *_FIRST) if re.search(pattern, statement)),
            Rows(),
        )
        if isinstance(answer, Cut):
            if answer.in_mid_result:
                self._send(_columns([1, "half of"]) + _row([1, "half of"])[:-4], is_last=False)
            _cut(self._connection, resets=answer.resets)
            return False
        if isinstance(answer, Refused):
            self._is_open = self._is_open and not answer.ends_transaction
            self._send(_error(answer) + (_end_of_call(handle, 0x02) if in_call else _done(0x02)))
            return True
        changed = b""
        if ends and self._is_open:
            self._is_open = False
            changed = _changed(9 if ends == _COMMITS else 10, b"\0", b"\x08" + b"\1" * 8)
        self._send(changed + _result(answer, in_call=in_call) + (_end_of_call(handle) if in_call else b""))
        return True

    def _receive(self) -> tuple[int, bytes]:
        message = b""
        while True:
            head = self._exactly(8)
            kind, status, length = struct.unpack(">BBH", head[:4])
            message += self._exactly(length - 8)
            if status & 1:
                return kind, message

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = self._connection.recv(length - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _send(self, tokens: bytes, *, is_last: bool = True) -> None:
        # As large as the packet that was agreed on.
        for start in range(0, max(1, len(tokens)), 4088):
            piece = tokens[start : start + 4088]
            ends = is_last and start + 4088 >= len(tokens)
            self._connection.sendall(struct.pack(">BBHHBB", _ANSWER, ends, len(piece) + 8, 0, 1, 0) + piece)


def _cut(connection: socket.socket, *, resets: bool) -> None:
    with suppress(OSError):
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        else:
            connection.shutdown(socket.SHUT_RDWR)


def _behind_headers(message: bytes) -> bytes:
    return message[struct.unpack_from("<I", message)[0] :]


def _parameters(data: bytes) -> tuple[list[str], int]:
    """The texts among a call's parameters up to the first of another type, and the first number."""
    texts: list[str] = []
    number, at = 0, 0
    while at < len(data) and len(texts) < 2:
        at += 1 + 2 * data[at] + 1
        kind = data[at]
        if kind == 0x26:
            length = data[at + 2]
            if length == 4 and not number:
                number = struct.unpack_from("<i", data, at + 3)[0]
            at += 3 + length
        elif kind == 0xE7:
            largest = struct.unpack_from("<H", data, at + 1)[0]
            at += 8
            if largest == 0xFFFF:
                at += 8
                value = b""
                while (piece := struct.unpack_from("<I", data, at)[0]) != 0:
                    value += data[at + 4 : at + 4 + piece]
                    at += 4 + piece
                at += 4
            else:
                length = struct.unpack_from("<H", data, at)[0]
                at += 2
                value = b"" if length == 0xFFFF else data[at : at + length]
                at += len(value)
            texts.append(value.decode("utf-16-le"))
        elif kind == 0x63:
            at += 10
            length = struct.unpack_from("<i", data, at)[0]
            at += 4
            texts.append(data[at : at + max(length, 0)].decode("utf-16-le"))
            at += max(length, 0)
        else:
            break
    return texts, number


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")


def _prelogin() -> bytes:
    options = [(0, b"\x10\x00\x10\x09\0\0"), (1, bytes([_NO_ENCRYPTION])), (2, b"\0"), (3, b""), (4, b"\0")]
    at, head, data = 5 * len(options) + 1, b"", b""
    for name, value in options:
        head += struct.pack(">BHH", name, at + len(data), len(value))
        data += value
    return head + b"\xff" + data


def _acknowledged() -> bytes:
    body = b"\1\x74\0\0\x04" + _short("Microsoft SQL Server") + b"\x10\x00\x10\x09"
    return b"\xad" + struct.pack("<H", len(body)) + body


def _changed(what: int, new: bytes, old: bytes) -> bytes:
    body = bytes([what]) + new + old
    return b"\xe3" + struct.pack("<H", len(body)) + body


def _error(refused: Refused) -> bytes:
    text = refused.message.encode("utf-16-le")
    body = struct.pack("<iBBH", refused.number, 1, refused.severity, len(refused.message)) + text
    body += _short("server") + _short("") + struct.pack("<i", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body


def _done(status: int = 0, rows: int = 0, token: int = 0xFD, command: int = 0xC1) -> bytes:
    return struct.pack("<BHHQ", token, status, command, rows)


def _end_of_call(handle: int | None = None, status: int = 0) -> bytes:
    given = b""
    if handle is not None:
        given = (
            b"\xac\0\0"
            + _short("")
            + b"\1"
            + struct.pack("<IH", 0, 0)
            + b"\x26\x04\x04"
            + struct.pack("<i", handle)
        )
    return b"\x79" + struct.pack("<i", 0) + given + _done(status, token=0xFE)


def _result(answer: Rows, *, in_call: bool) -> bytes:
    token = 0xFF if in_call else 0xFD
    more = 0x01 if in_call else 0
    if not answer.rows:
        # As of an UPDATE of one row.
        return _done(more | 0x10, 1, token, 0xC5)
    if not answer.rows[0]:
        return _columns([None]) + _done(more | 0x10, 0, token)
    rows = b"".join(_row(row) for row in answer.rows)
    return _columns(answer.rows[0]) + rows + _done(more | 0x10, len(answer.rows), token)


def _columns(first: Sequence[Value]) -> bytes:
    """Whole numbers and texts, as the first row has them."""
    head = struct.pack("<IH", 0, 0x0809)
    described = b""
    for at, value in enumerate(first):
        kind = b"\x26\x04" if isinstance(value, int) else b"\xe7" + struct.pack("<H", 8000) + _LATIN
        described += head + kind + _short(f"c{at}")
    return b"\x81" + struct.pack("<H", len(first)) + described


def _row(values: Sequence[Value]) -> bytes:
    cells = b""
    for value in values:
        if isinstance(value, int):
            cells += b"\x04" + struct.pack("<i", value)
        elif value is None:
            cells += b"\xff\xff"
        else:
            text = value.encode("utf-16-le")
            cells += struct.pack("<H", len(text)) + text
    return b"\xd1" + cells
