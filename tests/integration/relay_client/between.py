"""Something between the client and the sandbox phone system: it records requests, and may answer otherwise."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from services.sandbox.directory.certificate import ServerCertificate


@dataclass(frozen=True, slots=True)
class Passing:
    """One request on its way."""

    method: str
    path: str
    query: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is given back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Forward = Callable[[], Answer]
Handling = Callable[[Passing, Forward], Answer]


class Between:
    """A running server. ``handling`` decides on each request; it may forward it, or not."""

    def __init__(self, base_url: str, certificate: ServerCertificate | None = None) -> None:
        self.base_url = base_url
        self.certificate = certificate
        self.handling: Handling = lambda _passing, forward: forward()
        self.requests: list[Passing] = []
        self.bodies: list[bytes] = []

    def gets(self, resource: str) -> list[Passing]:
        """The recorded reads whose path begins so, behind the API's own."""
        return [
            passing
            for passing in self.requests
            if passing.method == "GET" and passing.path.startswith(f"/xapi/v1/{resource}")
        ]


@contextmanager
def between(target: str, certificate: ServerCertificate | None = None) -> Iterator[Between]:
    """A server in front of ``target``, over TLS when there is a certificate."""

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            passing = Passing(self.command, parts.path, query, content)
            made.requests.append(passing)

            def _forward() -> Answer:
                kept = {
                    name: self.headers[name]
                    for name in ("Authorization", "Content-Type")
                    if self.headers[name]
                }
                answer = upstream.request(self.command, target + self.path, content=content, headers=kept)
                told = {name: answer.headers[name] for name in ("X-3CX-Version",) if name in answer.headers}
                return Answer(answer.status_code, answer.content, told)

            answer = made.handling(passing, _forward)
            made.bodies.append(answer.body)
            self.send_response_only(answer.status)
            for name, value in ({"Date": self.date_time_string()} | dict(answer.headers)).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    class _Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that breaks off (a refused certificate) is no error here."""

    server = _Server(("127.0.0.1", 0), _Handler)
    if certificate is not None:
        server.socket = certificate.context().wrap_socket(server.socket, server_side=True)
    scheme, host = ("https", "localhost") if certificate else ("http", "127.0.0.1")
    made = Between(f"{scheme}://{host}:{server.server_address[1]}", certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    with httpx.Client(timeout=30, verify=False) as upstream:
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
