"""Asks the relay on the phone system's host (docs/relay.md, protocol 1). Translates; decides nothing.

The relay is known by its public key alone: the certificate is fetched first, its key compared, and only then is
anything sent, over a connection that trusts this one certificate. Every request is signed with our own key.
An operation keeps its id however often it is asked for, so a lost answer is asked for again and nothing is done twice.
"""

import base64
import hashlib
import json
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import (
    AddressUnknown,
    RelayFailed,
    RelayKeyMismatch,
    RelayRefused,
    RelayUnavailable,
    SettingsInvalid,
    TransientError,
)
from shared.language import declared, phrase
from shared.settings.documents import RelaySettings
from shared.tls import OLDEST_TLS

Json = dict[str, Any]

PROTOCOL = 1
_SCHEME = "rollcall-relay-1"
# The relay keeps a question open so long before it says that the operation goes on.
_WAIT_SECONDS = 5
_UNDER_WAY = ("queued", "running")
# Pauses before a request without an answer is sent again, with the same operation id.
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
# The relay refuses from 60 s on; both sides tell their time in whole seconds, and an answer takes its time.
_SKEW_SECONDS = 57


class HandedOn(TransientError):
    """This worker ends while the relay is at work; the next one asks for the same operation."""

    code = "handed_on"


class Relay:
    """One relay. Safe to share between threads. Nothing is sent before the first question."""

    def __init__(self, settings: RelaySettings) -> None:
        if not settings.is_configured:
            raise SettingsInvalid(
                declared("No relay is configured. Set its host and public key in the relay settings.")
            )
        self._settings = settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.address = f"{host}:{settings.port}"

    def pair(self, code: str) -> None:
        """Make our key the one that the relay obeys.

        :raises RelayRefused: the code is wrong, used or older than an hour.
        :raises RelayUnavailable: no answer; whether the code was used is not known.
        """
        raw = self._key().public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )  # fmt: skip
        document = {"code": code.strip(), "public_key": base64.b64encode(raw).decode(), "name": "rollcall"}
        response = self._send("POST", "/v1/pair", json.dumps(document).encode(), {})
        if response.status_code != 200:
            raise RelayRefused(
                phrase(
                    "The relay {address} rejects the pairing code. Run `rollcall-relay pair` on the phone "
                    "system's host and use the new code within one hour. Each code works once.",
                    address=self.address,
                ),
                server=self.address,
            )

    def test(self) -> Json:
        """What the relay says of its host. Changes nothing.

        :raises RelayRefused: we are not its peer.
        """
        if not self._settings.signing_key.get_secret_value():
            # Before pairing, too, an administrator wants to know whether address and key are right.
            self._pinned()
        return self._answer(self._signed("GET", "/v1/test"))

    def operate(
        self, operation: str, request: Json, patience_seconds: float, is_wanted: Callable[[], bool]
    ) -> Json:
        """The answer to an operation that has ended: state ``done`` or ``failed`` (nothing was changed).

        :raises HandedOn: ``is_wanted`` says that nobody here waits any longer.
        :raises RelayUnavailable: it has not ended within ``patience_seconds``, or the relay went away. It goes on
            there; asking again with the same id gives its answer.
        :raises RelayFailed: the relay cannot accept it.
        """
        until = time.monotonic() + patience_seconds
        body = json.dumps(request).encode()
        path = f"/v1/operations/{operation}"
        pauses = iter(_PAUSES)
        answer: Json = {}
        while True:
            if not is_wanted():
                raise HandedOn(
                    phrase(
                        "The relay {address} will be asked again about operation {operation}.",
                        address=self.address,
                        operation=operation,
                    )
                )
            try:
                is_asked = answer.get("state") in _UNDER_WAY
                answer = self._answer(
                    self._signed("GET", f"{path}?wait={_WAIT_SECONDS}")
                    if is_asked
                    else self._signed("PUT", path, body)
                )
            except RelayUnavailable:
                answer, pause = {}, next(pauses, None)
                if pause is None or time.monotonic() + pause > until:
                    raise
                time.sleep(pause)
                continue
            state = answer.get("state")
            if state in ("done", "failed"):
                return answer
            if time.monotonic() > until:
                raise RelayUnavailable(
                    phrase(
                        "The relay {address} is still processing operation {operation} ({state}). The result is "
                        "fetched later.",
                        address=self.address,
                        operation=operation,
                        state=state,
                    ),
                    server=self.address,
                )
            if state == "interrupted":
                pause = next(pauses, None)
                if pause is None:
                    raise RelayUnavailable(
                        phrase(
                            "The relay {address} could not finish operation {operation}: {answer} Nothing is lost. It "
                            "continues at the next attempt.",
                            address=self.address,
                            operation=operation,
                            answer=answer.get("message", ""),
                        ),
                        server=self.address,
                    )
                time.sleep(pause)

    def _signed(self, method: str, target: str, body: bytes = b"") -> httpx.Response:
        when, nonce = str(int(time.time())), secrets.token_urlsafe(18)
        digest = hashlib.sha256(body).hexdigest()
        text = "\n".join([_SCHEME, self._settings.public_key, method, target, when, nonce, digest])
        signature = base64.b64encode(self._key().sign(text.encode())).decode()
        headers = {"Rollcall-Time": when, "Rollcall-Nonce": nonce, "Rollcall-Signature": signature}
        response = self._send(method, target, body, headers)
        if response.status_code == 401:
            raise self._refused(response)
        return response

    def _send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        # The relay ends each connection with its answer, so there is none to keep.
        timeout = httpx.Timeout(self._settings.timeout_seconds + _WAIT_SECONDS, connect=self._connect_seconds)
        try:
            with httpx.Client(verify=self._pinned(), timeout=timeout, trust_env=False) as client:
                return client.request(
                    method, f"https://{self.address}{target}", content=body, headers=headers
                )
        except httpx.HTTPError as error:
            raise self._unavailable(str(error) or type(error).__name__) from error

    def _answer(self, response: httpx.Response) -> Json:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._unavailable(declared("it returned something that is not an answer of a relay"))
        if response.is_success:
            return answer
        reason = str(answer.get("message") or answer.get("code") or response.status_code)
        if response.status_code >= 500:
            raise self._unavailable(reason)
        raise RelayFailed(
            phrase("The relay {address} does not accept it: {reason}", address=self.address, reason=reason),
            relay_code=answer.get("code"),
        )

    def _key(self) -> Ed25519PrivateKey:
        text = self._settings.signing_key.get_secret_value()
        if not text:
            raise RelayRefused(
                phrase(
                    "Rollcall is not paired with the relay {address} yet. Run `rollcall-relay pair` on the phone "
                    "system's host and enter the code in the relay settings or with `rollcall relay pair`.",
                    address=self.address,
                ),
                server=self.address,
            )
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))

    @property
    def _connect_seconds(self) -> float:
        return min(10.0, self._settings.timeout_seconds)

    def _pinned(self) -> ssl.SSLContext:
        """Trusts the certificate with the known public key, and nothing else in the world."""
        certificate = self._certificate()
        key = x509.load_der_x509_certificate(certificate).public_key()
        found = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )  # fmt: skip
        if base64.b64encode(found) != self._settings.public_key.encode():
            raise RelayKeyMismatch(
                phrase(
                    "The service at {address} has a different key than the relay settings, so nothing was sent. "
                    "If the relay was reinstalled, copy the public key it prints at start. Otherwise another "
                    "system is intercepting the connection.",
                    address=self.address,
                ),
                server=self.address,
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = OLDEST_TLS
        context.check_hostname = False
        context.load_verify_locations(cadata=certificate)
        return context

    def _certificate(self) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        place = (self._settings.host, self._settings.port)
        try:
            with (
                socket.create_connection(place, self._connect_seconds) as raw,
                context.wrap_socket(raw, server_hostname=self._settings.host) as tls,
            ):
                return tls.getpeercert(binary_form=True) or b""
        except (socket.gaierror, UnicodeError) as error:
            # The second is what Python says of a name that cannot be one.
            raise AddressUnknown(
                phrase(
                    "The relay's host '{host}' cannot be resolved. Check relay.host and the DNS of this host.",
                    host=self._settings.host,
                ),
                server=self.address,
            ) from error
        except ssl.SSLError as error:
            raise self._unavailable(
                phrase("it does not support TLS ({reason})", reason=error.reason)
            ) from error
        except OSError as error:
            raise self._unavailable(error.strerror or str(error)) from error

    def _unavailable(self, what: str) -> RelayUnavailable:
        return RelayUnavailable(
            phrase(
                "The relay {address} does not answer: {what}. Check that rollcall-relay runs on the phone "
                "system's host and that port {port} is open to this host.",
                address=self.address,
                what=what,
                port=self._settings.port,
            ),
            server=self.address,
        )

    def _refused(self, response: httpx.Response) -> RelayRefused:
        skew = _clock_difference(response)
        if abs(skew) > _SKEW_SECONDS:
            reason = phrase(
                "its clock is {skew:.0f} s {direction}. Synchronise both clocks (NTP)",
                skew=abs(skew),
                direction=declared("ahead") if skew > 0 else declared("behind"),
            )
        else:
            reason = declared(
                "it is not paired with this Rollcall. Run `rollcall-relay pair` on its host and pair again"
            )
        return RelayRefused(
            phrase("The relay {address} refuses: {reason}.", address=self.address, reason=reason),
            server=self.address,
        )


def _clock_difference(response: httpx.Response) -> float:
    """Seconds by which the relay's clock is ahead of ours; 0 when it does not say."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return 0.0
