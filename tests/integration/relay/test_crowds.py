"""People who never shake hands: they take nothing that the peer needs, and leave a short log."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from rollcall_relay.door import HANDSHAKE_SECONDS, MOST_OF_AN_ADDRESS
from tests.integration.relay.peer import Peer, ServedRelay
from tests.integration.relay.phones import Phones
from tests.support.waiting import wait_until

_CONNECTIONS = 2_000
_ADDRESSES = 20


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _memory_kib(pid: int) -> int:
    """Its own, without the files of programs and libraries, of which a forked process sees more and more."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def _knock(stack: ExitStack, port: int, source: str) -> None:
    """A connection that says nothing; the relay may close it at any time."""
    with suppress(OSError):
        stack.enter_context(socket.create_connection(("127.0.0.1", port), 20, (source, 0)))


@pytest.fixture
def _many_files() -> Iterator[None]:
    """Of this process, which has the other ends open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, _CONNECTIONS + 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_files")
def test_the_peer_is_answered_while_two_thousand_say_nothing(
    phones: Phones, relay: ServedRelay, peer: Peer
) -> None:
    assert peer.request("GET", "/v1/test").status_code == 200
    files, memory = _open_files(relay.process.pid), _memory_kib(relay.process.pid)
    with ExitStack() as silent:
        for number in range(_CONNECTIONS):
            # From the peer's own address too.
            _knock(silent, relay.port, f"127.0.2.{number % _ADDRESSES}" if number % 3 else "127.0.0.1")
        # How soon is measured by `make bench ARGS=crowd`; the peer gives up after a minute.
        assert peer.request("GET", "/v1/test").status_code == 200
        assert _open_files(relay.process.pid) < files + 500
        assert _memory_kib(relay.process.pid) < memory + 60 * 1024
    wait_until("the end of their connections", lambda: _open_files(relay.process.pid) <= files, 30)
    log = (phones.folder / "relay.log").read_text()
    assert "Traceback" not in log
    assert "too many connections" in log
    assert len(log) < 5_000


def test_who_does_not_shake_hands_in_time_is_sent_away(relay: ServedRelay, peer: Peer) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", relay.port), 30) as silent:
        assert silent.recv(1) == b""
    assert HANDSHAKE_SECONDS - 1 < time.monotonic() - began < HANDSHAKE_SECONDS + 10
    assert peer.request("GET", "/v1/test").status_code == 200


def test_an_address_has_no_more_than_its_share(relay: ServedRelay, peer: Peer) -> None:
    with ExitStack() as silent:
        made = [
            silent.enter_context(socket.create_connection(("127.0.0.1", relay.port), 20, ("127.0.3.1", 0)))
            for _ in range(MOST_OF_AN_ADDRESS + 5)
        ]
        # The five that came first have given way to the last five.
        for connection in made[:5]:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        made[-1].settimeout(0.2)
        with suppress(TimeoutError):
            assert made[-1].recv(1) != b"", "the last one is let in"
    assert peer.request("GET", "/v1/test").status_code == 200
