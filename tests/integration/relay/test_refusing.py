"""Whoever is not the peer is refused without a reason, nothing changes, and the relay stays up."""

import base64
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from rollcall_relay.__main__ import main
from rollcall_relay.serving import CONNECTION_SECONDS, HEADER_SECONDS
from tests.integration.relay.peer import Peer, ServedRelay, open_files, served
from tests.integration.relay.phones import ARCHIVE, LEAVER, Phones
from tests.support.waiting import wait_until

_TARGET = "/v1/operations/archive-0001"
_BODY = json.dumps({"kind": "archive", "number": LEAVER, "to": ARCHIVE}).encode()
Headers = dict[str, str]


def _is_refused(response: httpx.Response) -> bool:
    """The one answer there is."""
    return (response.status_code, response.content) == (401, b'{"code":"refused"}')


def _without(name: str) -> Callable[[Peer], Headers]:
    def headers(peer: Peer) -> Headers:
        return {key: value for key, value in peer.signed("PUT", _TARGET, _BODY).items() if key != name}

    return headers


def _with(**changes: str) -> Callable[[Peer], Headers]:
    def headers(peer: Peer) -> Headers:
        return peer.signed("PUT", _TARGET, _BODY) | {
            f"Rollcall-{key}": value for key, value in changes.items()
        }

    return headers


_FORGERIES: dict[str, Callable[[Peer], Headers]] = {
    "unsigned": lambda peer: {},
    "without a signature": _without("Rollcall-Signature"),
    "without a time": _without("Rollcall-Time"),
    "without a nonce": _without("Rollcall-Nonce"),
    "another body": lambda peer: peer.signed("PUT", _TARGET, _BODY.replace(b"104", b"105")),
    "another method": lambda peer: peer.signed("GET", _TARGET, _BODY),
    "another target": lambda peer: peer.signed("PUT", "/v1/operations/archive-0002", _BODY),
    "expired": lambda peer: peer.signed("PUT", _TARGET, _BODY, at=int(time.time()) - 120),
    "from the future": lambda peer: peer.signed("PUT", _TARGET, _BODY, at=int(time.time()) + 120),
    "its time altered": lambda peer: (
        peer.signed("PUT", _TARGET, _BODY) | {"Rollcall-Time": str(int(time.time()) + 30)}
    ),
    "its nonce altered": _with(Nonce=secrets.token_urlsafe(16)),
    "a short nonce": lambda peer: peer.signed("PUT", _TARGET, _BODY, nonce="short"),
    "not a time": _with(Time="soon"),
    "a huge time": _with(Time="9" * 300),
    "not Base64": _with(Signature="%%%"),
    "an empty signature": _with(Signature=""),
    "zeros": _with(Signature=base64.b64encode(bytes(64)).decode()),
}


def test_every_forgery_is_refused_alike_and_changes_nothing(phones: Phones, peer: Peer) -> None:
    before = phones.account()
    answers = {
        name: _is_refused(peer.send("PUT", _TARGET, forge(peer), _BODY)) for name, forge in _FORGERIES.items()
    }
    assert all(answers.values()), answers
    assert peer.request("GET", _TARGET).status_code == 404
    assert phones.account() == before


def test_another_key_is_refused(relay: ServedRelay, peer: Peer) -> None:
    stranger = Peer(relay.port, relay.public_key)
    assert _is_refused(stranger.request("GET", "/v1/test"))
    stranger.close()
    assert peer.request("GET", "/v1/test").status_code == 200


def test_a_replayed_request_is_refused_even_after_a_restart(phones: Phones) -> None:
    with served(phones) as relay:
        peer = Peer(relay.port, relay.public_key)
        peer.pair(relay.code)
        headers = peer.signed("GET", "/v1/backups", b"")
        assert peer.send("GET", "/v1/backups", headers, b"").status_code == 200
        assert _is_refused(peer.send("GET", "/v1/backups", headers, b""))
        peer.close()
        key = peer.key
        relay.kill()
    with served(phones) as relay:
        again = Peer(relay.port, relay.public_key)
        again.key = key
        assert _is_refused(again.send("GET", "/v1/backups", headers, b""))
        assert again.request("GET", "/v1/backups").status_code == 200
        again.close()


def test_a_signature_for_another_relay_is_refused(peer: Peer) -> None:
    peer._public_key = "another relay's key"
    assert _is_refused(peer.request("GET", "/v1/test"))


def test_a_relay_with_another_key_is_not_spoken_to(relay: ServedRelay) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Peer(relay.port, "MFkw")


def test_before_pairing_everything_is_refused(phones: Phones, relay: ServedRelay) -> None:
    peer = Peer(relay.port, relay.public_key)
    assert _is_refused(peer.request("GET", "/v1/test"))
    for code in ("", "AAAA-AAAA-AAAA-AAAA", "é", "\ud800"):
        assert _is_refused(peer.pair(code))
    assert _is_refused(peer.client.post(f"https://127.0.0.1:{relay.port}/v1/pair", content=b"[" * 60_000))
    assert _is_refused(peer.client.post(f"https://127.0.0.1:{relay.port}/v1/pair", json={"code": relay.code}))
    assert peer.pair(relay.code).status_code == 200
    peer.close()


def test_a_code_is_good_once_and_a_new_one_replaces_the_peer(
    phones: Phones, relay: ServedRelay, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    second = Peer(relay.port, relay.public_key)
    assert _is_refused(second.pair(relay.code))
    assert main(["--settings", str(phones.folder / "relay.toml"), "pair"]) == 0
    shown = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["Public key"] == relay.public_key
    assert peer.request("GET", "/v1/test").status_code == 200, "until the new code is used"
    # As a person may type it.
    assert second.pair(shown["Pairing code"].lower().replace("-", " ")).status_code == 200
    assert second.request("GET", "/v1/test").status_code == 200
    assert _is_refused(peer.request("GET", "/v1/test"))
    second.close()


@pytest.mark.parametrize(
    "target", ["/", "/v1/pair/", "/v1/../v1/test", "//v1/test", "/docs", "/%00", "/v1/test?x=%ff"]
)
def test_no_address_tells_a_stranger_anything(relay: ServedRelay, target: str) -> None:
    stranger = Peer(relay.port, relay.public_key)
    assert _is_refused(stranger.send("GET", target, {}, b""))
    stranger.close()


def test_a_body_that_is_too_large_is_refused(phones: Phones, peer: Peer, relay: ServedRelay) -> None:
    large = b" " * (64 * 1024) + _BODY
    # Whoever is still sending must see the answer, each time.
    for _ in range(50):
        assert _is_refused(peer.send("PUT", _TARGET, peer.signed("PUT", _TARGET, large), large))

    def chunks() -> "list[bytes]":
        return [large[start : start + 10_000] for start in range(0, len(large), 10_000)]

    # Without a length the relay has to count.
    response = peer.client.put(
        f"https://127.0.0.1:{relay.port}{_TARGET}",
        headers=peer.signed("PUT", _TARGET, large),
        content=iter(chunks()),
    )
    assert _is_refused(response)
    assert peer.request("GET", "/v1/test").status_code == 200


def test_silent_and_slow_clients_are_cut_off_and_others_served_meanwhile(
    relay: ServedRelay, peer: Peer
) -> None:
    assert peer.request("GET", "/v1/test").status_code == 200
    files = open_files(relay.process.pid)
    head = f"PUT {_TARGET} HTTP/1.1\r\nHost: relay\r\n"
    signed = "".join(f"{name}: {value}\r\n" for name, value in peer.signed("PUT", _TARGET, _BODY).items())
    beginnings = [
        b"",
        b"PUT",
        head.encode(),
        (head + signed + f"Content-Length: {len(_BODY)}\r\n\r\n{{").encode(),
    ]
    waits: list[float] = []
    all_began = threading.Barrier(len(beginnings) * 8 + 1)
    threads = [
        threading.Thread(target=_dawdle, args=(relay.port, text, all_began, waits)) for text in beginnings * 8
    ]
    for thread in threads:
        thread.start()
    all_began.wait(30)
    assert peer.request("GET", "/v1/test").status_code == 200
    for thread in threads:
        thread.join()
    assert len(waits) == len(threads)
    assert max(waits) < HEADER_SECONDS + 15 < CONNECTION_SECONDS
    wait_until("the end of their connections", lambda: open_files(relay.process.pid) <= files)
    assert peer.request("GET", "/v1/test").status_code == 200


def test_garbage_does_not_bring_it_down(relay: ServedRelay, peer: Peer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for garbage in (
        b"\x00" * 5000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"A" * 100_000,
        b"GET / HTTP/1.1\r\nX: " + b"b" * 70_000,
    ):
        with socket.create_connection(("127.0.0.1", relay.port), 30) as plain:
            plain.sendall(garbage[:1000])
        # It may hang up before all of it is sent.
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", relay.port), 30) as plain,
            context.wrap_socket(plain) as connection,
        ):
            connection.sendall(garbage)
    assert peer.request("GET", "/v1/test").status_code == 200


def _dawdle(port: int, beginning: bytes, all_began: threading.Barrier, waits: list[float]) -> None:
    """Begin a request, never end it, and note how long the relay put up with it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 60) as plain,
        context.wrap_socket(plain) as connection,
    ):
        began = time.monotonic()
        if beginning:
            connection.sendall(beginning)
        all_began.wait(30)
        try:
            while connection.recv(4096):
                pass
        except OSError:
            pass
        waits.append(time.monotonic() - began)
