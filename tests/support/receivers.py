"""Receivers of notifications: a real mail server, a web server and a syslog server, each of which can be down or refuse."""

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.ports import free_port

HOST = "127.0.0.1"
USER, PASSWORD = "rollcall", "mail password"


@cache
def certificate() -> tuple[str, str]:
    """A certificate of these servers for their address, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receivers")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def server_tls(folder: Path) -> ssl.SSLContext:
    """With that certificate."""
    file = folder / "receivers.pem"
    file.write_text("".join(certificate()), encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class MailServer:
    """Keeps what it is given, and answers as it is told: ``refusal`` to messages, ``unknown`` to these recipients."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusal = ""
        self.unknown: set[str] = set()
        self.port = free_port()

    async def handle_RCPT(
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """A recipient."""
        if address in self.unknown:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:
        """A message."""
        if self.refusal:
            return self.refusal
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        return "250 Taken"

    @contextmanager
    def up(self, tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[None]:
        """Listen for the block; with ``tls`` by STARTTLS, or from the first byte on."""
        options: dict[str, Any] = {}
        if tls is not None and not at_once:
            options = {
                "tls_context": tls,
                "require_starttls": True,
                "auth_required": True,
                "authenticator": _authenticate,
            }
        controller = Controller(
            self,
            hostname=HOST,
            port=self.port,
            ssl_context=tls if at_once else None,
            ready_timeout=60,
            **options,
        )
        controller.start()
        try:
            yield
        finally:
            controller.stop()


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    is_right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asks may break off."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class WebServer:
    """Keeps the requests it gets, and answers with ``status``; listens only while ``up``."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 202
        self.port = free_port()
        # Called when a message has arrived and nobody has been told that it has.
        self.on_arrival: Callable[[], None] = lambda: None

    def url(self, path: str) -> str:
        """An address of this server."""
        return f"http://{HOST}:{self.port}{path}"

    @contextmanager
    def up(self) -> Iterator[None]:
        """Listen for the block."""
        kept = self

        class _Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kept.requests.append((self.path, dict(self.headers), body))
                kept.on_arrival()
                with suppress(OSError):
                    self._answer()

            def _answer(self) -> None:
                self.send_response(kept.status)
                if kept.status in (301, 307):
                    self.send_header("Location", kept.url("/elsewhere"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                """Write nothing."""

        server = _Server((HOST, self.port), _Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _all_of(stream: socket.socket) -> bytes:
    return b"".join(iter(lambda: stream.recv(65536), b""))


@contextmanager
def syslog_server(received: list[bytes], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A syslog server by TCP or TLS that keeps what each connection has sent; its port."""

    def _serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                link, _ = listener.accept()
                with link, suppress(OSError):
                    stream = link if tls is None else tls.wrap_socket(link, server_side=True)
                    received.append(_all_of(stream))
                    stream.close()

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)
