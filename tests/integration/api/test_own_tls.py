"""TLS of the API's own: the certificate somebody names, or one that Rollcall makes; taken up anew while it serves."""

import os
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from starlette.types import Receive, Scope, Send

from services.api.web.connections import server_config
from services.api.web.tls import (
    MADE_AGAIN_BEFORE,
    VALID_FOR,
    ServerTls,
    TlsFiles,
    fingerprint,
    own_certificate,
    reachable_name,
)
from services.cli.serving import address_of, tls_files
from shared.errors import SettingsInvalid
from shared.process_settings import load
from tests.support.tls import self_signed

NOW = datetime.now(UTC)


async def _app(scope: Scope, _receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


@contextmanager
def _served(tls: ServerTls) -> Iterator[int]:
    """A small app behind this TLS; its port."""
    server = uvicorn.Server(server_config(_app, [], tls.context, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def _asked(port: int, context: ssl.SSLContext | None = None) -> tuple[bytes, bytes]:
    """The certificate that was presented, and the answer."""
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        wrapped.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: wrapped.recv(4096), b""))
        return wrapped.getpeercert(binary_form=True) or b"", answer


def _write(folder: Path, *texts: str) -> TlsFiles:
    files = TlsFiles(folder / "c.pem", folder / "k.pem")
    for file, text in zip((files.certificate, files.key), texts, strict=True):
        file.write_text(text, encoding="ascii")
        moment = file.stat().st_mtime_ns + 1_000_000
        os.utime(file, ns=(moment, moment))
    return files


def test_its_own_certificate_is_good_for_whoever_trusts_its_fingerprint(tmp_path: Path) -> None:
    files = own_certificate(tmp_path / "tls", "0.0.0.0", NOW)
    trusting = ssl.create_default_context(cafile=str(files.certificate))
    with _served(ServerTls(files)) as port:
        # The name is checked as well: 127.0.0.1 is one of those it is good for.
        presented, answer = _asked(port, trusting)
    assert answer.endswith(b"https")
    assert fingerprint(files.certificate).replace(":", "").lower() == (
        x509.load_der_x509_certificate(presented).fingerprint(hashes.SHA256()).hex()
    )


def test_its_own_certificate_is_made_once_and_again_before_it_ends(tmp_path: Path) -> None:
    first = fingerprint(own_certificate(tmp_path / "tls", "127.0.0.1", NOW).certificate)
    files = own_certificate(tmp_path / "tls", "127.0.0.1", NOW)
    assert fingerprint(files.certificate) == first
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    late = NOW + VALID_FOR - MADE_AGAIN_BEFORE
    assert fingerprint(own_certificate(tmp_path / "tls", "127.0.0.1", late).certificate) != first


def test_a_certificate_that_changed_is_taken_up_and_one_that_is_broken_is_not(tmp_path: Path) -> None:
    until = NOW + timedelta(days=9)
    tls = ServerTls(_write(tmp_path, *self_signed("one.example", until)))
    with _served(tls) as port:
        first, _ = _asked(port)
        assert not tls.renew()
        certificate, key = self_signed("two.example", until)
        _write(tmp_path, certificate, self_signed("three.example", until)[1])
        assert not tls.renew()
        assert _asked(port)[0] == first
        _write(tmp_path, certificate, key)
        assert tls.renew()
        second, answer = _asked(port)
    assert answer.endswith(b"https")
    assert x509.load_der_x509_certificate(second).subject.rfc4514_string() == "CN=two.example"


def test_changed_files_are_noticed_while_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.api.web.tls._LOOK_EVERY_SECONDS", 0.01)
    until = NOW + timedelta(days=9)
    looked = threading.Event()
    with ServerTls(_write(tmp_path, *self_signed("one.example", until))) as tls:
        renew = tls.renew

        def _renewed() -> bool:
            is_new = renew()
            if is_new:
                looked.set()
            return is_new

        monkeypatch.setattr(tls, "renew", _renewed)
        _write(tmp_path, *self_signed("two.example", until))
        assert looked.wait(60)


def test_plain_http_and_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    tls = ServerTls(own_certificate(tmp_path, "127.0.0.1", NOW))
    assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_2
    with _served(tls) as port, socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(4096).startswith(b"HTTP")


def test_who_says_nothing_does_not_keep_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.api.web.tls.HANDSHAKE_SECONDS", 0.05)
    with (
        _served(ServerTls(own_certificate(tmp_path, "127.0.0.1", NOW))) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as silent,
    ):
        assert silent.recv(1) == b""


@pytest.mark.parametrize("spoil", ["missing", "other key", "no pem"])
def test_files_that_cannot_be_used_are_named(tmp_path: Path, spoil: str) -> None:
    certificate, key = self_signed("one.example", NOW + timedelta(days=9))
    if spoil == "other key":
        key = self_signed("two.example", NOW + timedelta(days=9))[1]
    files = _write(tmp_path, certificate, "nonsense" if spoil == "no pem" else key)
    if spoil == "missing":
        files.key.unlink()
    with pytest.raises(SettingsInvalid, match="ROLLCALL_TLS_CERTIFICATE") as refused:
        ServerTls(files)
    assert str(files.key) in refused.value.message


@pytest.mark.parametrize(
    ("given", "proxies", "is_alone", "expected"),
    [
        ({}, "", True, None),
        ({"api_host": "localhost"}, "", True, None),
        ({"api_host": "0.0.0.0"}, "", True, "own"),
        ({"api_host": "::"}, "", True, "own"),
        ({"api_host": "0.0.0.0"}, "10.0.0.0/24,127.0.0.1", True, None),
        ({"api_host": "0.0.0.0"}, "127.0.0.1,::1", True, "own"),
        ({"api_host": "0.0.0.0", "tls": "off"}, "", True, None),
        ({"api_host": "0.0.0.0"}, "", False, None),
        ({"tls_certificate": "c.pem", "tls_key": "k.pem"}, "", False, ("c.pem", "k.pem")),
        ({"tls_certificate": "c.pem"}, "10.0.0.1", True, ("c.pem", "c.pem")),
    ],
)
def test_what_reaches_a_network_alone_speaks_tls(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    proxies: str,
    is_alone: bool,
    expected: str | tuple[str, str] | None,
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", proxies)
    settings = load({}, data=tmp_path, **given)
    found = tls_files(settings, is_alone=is_alone)
    if expected == "own":
        assert found == TlsFiles(tmp_path / "tls" / "certificate.pem", tmp_path / "tls" / "key.pem")
        assert address_of(settings, 8800, found) == f"https://{reachable_name(given['api_host'])}:8800"
    else:
        assert found == (TlsFiles(*map(Path, expected)) if expected else None)


def test_a_key_without_its_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="ROLLCALL_TLS_CERTIFICATE"):
        load({"ROLLCALL_TLS_KEY": str(tmp_path / "k.pem")})


def test_the_address_that_is_told_can_be_reached() -> None:
    assert reachable_name("::1") == "[::1]"
    assert reachable_name("192.0.2.7") == "192.0.2.7"
    assert reachable_name("rollcall.corp.example") == "rollcall.corp.example"
    assert reachable_name("0.0.0.0") == reachable_name("::") not in ("", "0.0.0.0", "localhost")
