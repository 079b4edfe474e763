"""How soon the relay answers its peer while 2,000 connections that never say a word are made to it, the peer's own address among
them. The relay keeps 64 of an address and 400 in all before TLS, and closes the one that waited longest.
"""

import resource
import socket
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from bench.report import Figure
from tests.integration.relay.cluster import running_cluster
from tests.integration.relay.peer import paired, served
from tests.integration.relay.phones import make_phones

CONNECTIONS = 2_000
GOAL_SECONDS = 2.0
_ADDRESSES = 20
_TIMES = 20


def measure() -> list[Figure]:
    """The slowest of twenty signed requests, each with a handshake of its own."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    waits = []
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-bench-"))
        relay = stack.enter_context(served(make_phones(Path(folder), cluster.cleared_database())))
        peer = stack.enter_context(paired(relay))
        for number in range(CONNECTIONS):
            source = f"127.0.2.{number % _ADDRESSES}" if number % 3 else "127.0.0.1"
            with suppress(OSError):
                stack.enter_context(socket.create_connection(("127.0.0.1", relay.port), 20, (source, 0)))
        for _ in range(_TIMES):
            peer.client.close()
            peer.client = type(peer)(relay.port, relay.public_key).client
            began = time.perf_counter()
            answer = peer.request("GET", "/v1/test")
            waits.append(time.perf_counter() - began)
            if answer.status_code != 200:
                raise RuntimeError(f"the relay answered {answer.status_code}")
    said = f"{CONNECTIONS} connections from {_ADDRESSES + 1} addresses; best {min(waits) * 1000:.0f} ms"
    return [Figure("the relay's answer beside 2,000 who say nothing", max(waits), GOAL_SECONDS, 1.0, said)]
