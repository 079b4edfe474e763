"""A domain controller that answers exactly what a test tells it to, and remembers every question it was asked.

For answers no real server can be made to give. It speaks LDAP without TLS and signs everybody in.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from services.sandbox.directory import paging
from services.sandbox.directory.entry import encode_attribute, raw_values
from services.sandbox.directory.messages import (
    BIND,
    SEARCH_DONE,
    BindRequest,
    Message,
    SearchRequest,
    read,
    write_entry,
    write_result,
)
from services.sandbox.directory.results import SUCCESS, Result
from shared import ber
from shared.settings.documents import DirectorySettings

Values = Mapping[str, str | bytes | list[str]]
Answer = Callable[[Message, SearchRequest], bytes]
_BIND_ANSWER = 0x61


class HangUp(Exception):
    """Raised by an answer: send these bytes and close the connection."""

    def __init__(self, data: bytes) -> None:
        super().__init__("hang up")
        self.data = data


class ScriptedController:
    """``answer`` gives the bytes for a search; it is called in the order of the searches."""

    def __init__(self, answer: Answer) -> None:
        self.searches: list[tuple[Message, SearchRequest]] = []
        self.binds: list[BindRequest] = []
        self.bind_result = SUCCESS
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """Take connections, one after the other."""
        self._thread.start()

    def stop(self) -> None:
        """Take none any more."""
        # Closing alone would leave accept waiting.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                with link, link.makefile("rb") as stream, suppress(OSError, ValueError):
                    try:
                        while data := _message(stream):
                            link.sendall(self._reply(read(data)))
                    except HangUp as last:
                        link.sendall(last.data)

    def _reply(self, message: Message) -> bytes:
        match message.request:
            case BindRequest() as bind:
                self.binds.append(bind)
                return write_result(message.id, _BIND_ANSWER, self.bind_result)
            case SearchRequest() as search:
                self.searches.append((message, search))
                return self._answer(message, search)
        raise ValueError(f"a request of kind {message.tag:#x}, {BIND:#x} or a search expected")


@contextmanager
def scripted(answer: Answer) -> Iterator[ScriptedController]:
    """A controller that is running."""
    controller = ScriptedController(answer)
    controller.start()
    try:
        yield controller
    finally:
        controller.stop()


def plain_settings(*controllers: ScriptedController, **changes: object) -> DirectorySettings:
    """Settings that reach the controllers."""
    values: dict[str, object] = {
        "servers": [controller.address for controller in controllers],
        "security": "plain",
        "allow_plain": True,
        "user": "rollcall@corp.example",
        "password": "secret",
        "connect_timeout_seconds": 2,
        "receive_timeout_seconds": 1,
    }
    return DirectorySettings.model_validate(values | changes)


def entry(message: Message, dn: str, attributes: Values) -> bytes:
    """One entry of an answer."""
    parts = [encode_attribute(name, raw_values(values)) for name, values in attributes.items()]
    return write_entry(message.id, ber.octets(dn), parts)


def done(message: Message, cookie: bytes | None = b"", result: Result = SUCCESS) -> bytes:
    """The end of an answer; ``None`` leaves the control of the pages out."""
    controls = b"" if cookie is None else paging.write(cookie)
    return write_result(message.id, SEARCH_DONE, result, controls=controls)


def cookie_of(message: Message) -> bytes:
    """The cookie that the question came with."""
    (control,) = [item for item in message.controls if item.oid == paging.PAGED_RESULTS]
    return paging.read(control).cookie


def page_sizes(searches: Sequence[tuple[Message, SearchRequest]]) -> list[int | None]:
    """The page size that each question asked for, ``None`` where it asked for no pages."""
    sizes: list[int | None] = []
    for message, _ in searches:
        asked = [paging.read(item) for item in message.controls if item.oid == paging.PAGED_RESULTS]
        sizes.append(asked[0].size if asked else None)
    return sizes


def _message(stream: BinaryIO) -> bytes:
    data = b""
    while (measured := ber.measure(data)) is None:
        more = stream.read(1)
        if not more:
            return b""
        data += more
    return data + stream.read(measured[1])
