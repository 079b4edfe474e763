"""A relay that is being served, and a sync side for it, written from ``docs/relay.md`` alone."""

import base64
import hashlib
import json
import os
import secrets
import signal
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollcall_relay import faults
from tests.integration.relay.phones import Phones
from tests.support import forked
from tests.support.forked import Process
from tests.support.waiting import wait_until


class ServedRelay:
    """The relay as a process of its own."""

    def __init__(self, process: Process, lines: dict[str, str]) -> None:
        self.process = process
        self.public_key = lines["Public key"]
        self.code = lines.get("Pairing code", "")
        self.port = int(lines["Listening"].rpartition(" ")[2])

    def kill(self) -> None:
        """End it without warning."""
        self.process.kill()
        self.process.wait()


@contextmanager
def served(phones: Phones, *, port: int = 0, fault: str = "") -> Iterator[ServedRelay]:
    """A relay for the host, on a free port of this machine or a given one; ``fault`` ends it somewhere."""
    phones.set(host="127.0.0.1", port=port)
    file = phones.folder / "relay.toml"
    file.write_text(
        "".join(f"{key} = {json.dumps(value)}\n" for key, value in asdict(phones.settings).items())
    )
    log, output = phones.folder / "relay.log", phones.folder / f"relay-{secrets.token_hex(4)}.out"
    process = forked.start(
        ["--settings", str(file), "serve"], os.environ | {faults.VARIABLE: fault}, output, errors=log,
        program=forked.RELAY,
    )  # fmt: skip

    def _said() -> dict[str, str]:
        lines = output.read_text(encoding="utf-8").splitlines(keepends=True)
        return dict(line.strip().split(": ", 1) for line in lines if line.endswith("\n"))

    try:
        wait_until("it listens", lambda: "Listening" in _said() or process.poll() is not None)
        assert "Listening" in _said(), log.read_text(encoding="utf-8")
        yield ServedRelay(process, _said())
    finally:
        # It may have been frozen at its fault point.
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(30)


class Peer:
    """A sync side with a key of its own. Pins the relay's public key before it sends anything."""

    def __init__(self, port: int, public_key: str) -> None:
        self.key = Ed25519PrivateKey.generate()
        self._public_key = public_key
        self._url = f"https://127.0.0.1:{port}"
        self.client = httpx.Client(verify=_pinned(port, public_key), timeout=60, trust_env=False)

    def pair(self, code: str) -> httpx.Response:
        """Make this side the relay's peer."""
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        body = {"code": code, "public_key": base64.b64encode(raw).decode(), "name": "tests"}
        return self.client.post(self._url + "/v1/pair", content=json.dumps(body).encode())

    def request(self, method: str, target: str, document: Any = None) -> httpx.Response:
        """Send a signed request."""
        body = b"" if document is None else json.dumps(document).encode()
        return self.send(method, target, self.signed(method, target, body), body)

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        """Send a request with these headers, whatever they say."""
        return self.client.request(method, self._url + target, headers=headers, content=body)

    def signed(
        self, method: str, target: str, body: bytes, at: int | None = None, nonce: str | None = None
    ) -> dict[str, str]:
        """The headers of a signed request."""
        time_text, nonce = str(int(time.time()) if at is None else at), nonce or secrets.token_urlsafe(16)
        parts = ["rollcall-relay-1", self._public_key, method, target, time_text, nonce,
                 hashlib.sha256(body).hexdigest()]  # fmt: skip
        signature = base64.b64encode(self.key.sign("\n".join(parts).encode())).decode()
        return {"Rollcall-Time": time_text, "Rollcall-Nonce": nonce, "Rollcall-Signature": signature}

    def operate(self, operation: str, /, **request: Any) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        response = self.request("PUT", f"/v1/operations/{operation}", request)
        while response.status_code == 202:
            response = self.request("GET", f"/v1/operations/{operation}?wait=20")
        answer: dict[str, Any] = response.json()
        return answer

    def close(self) -> None:
        """Close the connection."""
        self.client.close()


@contextmanager
def paired(relay: ServedRelay) -> Iterator[Peer]:
    """The peer of a relay that had none."""
    peer = Peer(relay.port, relay.public_key)
    try:
        assert peer.pair(relay.code).json() == {"paired": True}
        yield peer
    finally:
        peer.close()


def _pinned(port: int, public_key: str) -> ssl.SSLContext:
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    der = x509.load_pem_x509_certificate(pem.encode()).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    if base64.b64encode(der).decode() != public_key:
        raise ssl.SSLCertVerificationError("the relay has another key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # What newer Pythons ask for by default.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=pem)
    return context


def open_files(pid: int) -> int:
    """How many files and connections a process holds."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
