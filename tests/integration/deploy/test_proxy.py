"""proxy/nginx.conf in a running nginx: what reaches the API and Flower, what does not, and when it comes through."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.support.composition import DEPLOY
from tests.support.ports import free_port
from tests.support.tls import self_signed
from tests.support.tools import require
from tests.support.waiting import wait_until

_NAME = "rollcall.example.com"


class _Backend(BaseHTTPRequestHandler):
    """Says what it was asked; the end of a stream only when it is let go."""

    let_go = threading.Event()

    def do_GET(self) -> None:
        """One event, or two."""
        self.send_response(200)
        self.send_header("Strict-Transport-Security", "max-age=1")
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        told = [self.headers.get(name, "") for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Host")]
        self.wfile.write(f"{self.connection.getsockname()[1]} {self.path} {' '.join(told)}\n".encode())
        if self.path.endswith("/events"):
            assert self.let_go.wait(30)
            self.wfile.write(b"end\n")

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


def _backend() -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Proxy:
    """The example with ports of this host and a certificate of the test."""

    def __init__(self, folder: Path) -> None:
        self.nginx = require(["nginx"], "nginx-light")["nginx"]
        self.api, self.flower = _backend(), _backend()
        self.http, self.https = free_port(), free_port()
        certificate, key = self_signed(_NAME, datetime.now(UTC) + timedelta(days=1))
        (folder / "fullchain.pem").write_text(certificate, encoding="ascii")
        (folder / "privkey.pem").write_text(key, encoding="ascii")
        example = (DEPLOY / "proxy/nginx.conf").read_text(encoding="utf-8")
        for written, here in {
            "/etc/ssl/rollcall": str(folder),
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl;\n": "",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ": f"listen 127.0.0.1:{self.https} ",
            "127.0.0.1:8800": f"127.0.0.1:{self.api.server_port}",
            "127.0.0.1:5555": f"127.0.0.1:{self.flower.server_port}",
        }.items():
            assert written in example, written
            example = example.replace(written, here)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        self._configuration = folder / "nginx.conf"
        self._configuration.write_text(
            f"daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\ngzip on;\n{places}{example}}}\n",
            encoding="utf-8",
        )

    def start(self) -> "subprocess.Popen[bytes]":
        """Serve, until it is ended."""
        process = subprocess.Popen([self.nginx, "-c", str(self._configuration)], stderr=subprocess.PIPE)
        wait_until("nginx to answer", lambda: process.poll() is not None or self._answers())
        assert process.poll() is None, process.stderr and process.stderr.read()
        return process

    def client(self) -> httpx.Client:
        """A browser that looks up the name as it should."""
        trusted = ssl.create_default_context(cafile=str(self._configuration.parent / "fullchain.pem"))
        trusted.check_hostname = False
        headers = {"Host": _NAME, "X-Forwarded-For": "198.51.100.7"}
        address = f"https://127.0.0.1:{self.https}"
        return httpx.Client(base_url=address, headers=headers, verify=trusted, trust_env=False, timeout=60)

    def _answers(self) -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{self.http}/", trust_env=False)
        except httpx.TransportError:
            return False
        return True


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Proxy]:
    """In service for the tests of this module."""
    made = _Proxy(tmp_path_factory.mktemp("nginx"))
    process = made.start()
    try:
        yield made
    finally:
        process.terminate()
        process.wait(60)
        if process.stderr:
            process.stderr.close()
        for backend in (made.api, made.flower):
            backend.shutdown()
            backend.server_close()


def test_the_console_and_flower_hear_who_really_asks(proxy: _Proxy) -> None:
    with proxy.client() as client:
        console = client.get("/console/sign-in")
        flower = client.get("/flower/workers")
    assert console.text == f"{proxy.api.server_port} /console/sign-in 127.0.0.1 https {_NAME}\n"
    assert flower.text == f"{proxy.flower.server_port} /flower/workers 127.0.0.1 https {_NAME}\n"
    # One only, the proxy's.
    assert console.headers.get_list("strict-transport-security") == ["max-age=31536000"]


def test_what_is_not_meant_for_browsers_stays_inside(proxy: _Proxy) -> None:
    with proxy.client() as client:
        assert client.get("/metrics").status_code == 404
        assert client.post("/api/v1/sites", content=b"x" * (4 * 1024 * 1024 + 1)).status_code == 413
    plain = httpx.get(f"http://127.0.0.1:{proxy.http}/a?b=1", headers={"Host": _NAME}, trust_env=False)
    assert (plain.status_code, plain.headers["location"]) == (308, f"https://{_NAME}/a?b=1")


def test_progress_comes_through_while_it_is_made(proxy: _Proxy) -> None:
    _Backend.let_go.clear()
    with (
        proxy.client() as client,
        client.stream("GET", "/api/v1/runs/7/events", headers={"Accept-Encoding": "gzip"}) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines).startswith(f"{proxy.api.server_port} /api/v1/runs/7/events ")
        _Backend.let_go.set()
        assert next(lines) == "end"
