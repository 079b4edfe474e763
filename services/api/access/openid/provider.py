"""Speaks HTTP with the identity provider: what it says of itself, its keys, and tokens for codes. Decides nothing.

The only module of the API that calls out (docs/decisions/0012-one-way-out-of-the-api.md).
"""

import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc.jwk import Key

from services.api.access.openid.tokens import usable_keys
from shared.settings.documents import SingleSignOnSettings
from shared.tls import kept_for_a_while
from shared.values.hosts import is_loopback

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_MOST_BYTES = 1024 * 1024
_KEPT_SECONDS = 600
# Whoever sends tokens with unknown keys does not make us ask all the time.
_KEYS_AGAIN_SECONDS = 30


class ProviderAway(Exception):
    """It does not answer, or not as a provider does; ``why`` is for the log."""


class ProviderRefused(Exception):
    """It refused the code or the refresh token; ``code`` is its error code (RFC 6749, section 5.2)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class _Known:
    """What was learnt of a provider, and when (monotonic)."""

    metadata: Mapping[str, Any]
    at: float
    keys: list[Key]
    keys_at: float


_known: dict[tuple[str, str], _Known] = {}
_learning = threading.Lock()


class Provider:
    """The provider of the settings."""

    def __init__(self, settings: SingleSignOnSettings) -> None:
        self._settings = settings

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What it says of itself (OpenID Connect Discovery 1.0, section 4).

        :raises ProviderAway: it does not say.
        """
        return self._learnt().metadata

    def keys(self, *, again: bool = False) -> list[Key]:
        """The keys it signs with; ``again`` when one was unknown.

        :raises ProviderAway: it does not say.
        """
        known = self._learnt()
        if again and time.monotonic() - known.keys_at > _KEYS_AGAIN_SECONDS:
            known.keys = usable_keys(self._get(self._endpoint(known.metadata, "jwks_uri")))
            known.keys_at = time.monotonic()
        return known.keys

    def address_to_sign_in(self, values: Mapping[str, str]) -> str:
        """Where the browser is sent to sign in.

        :raises ProviderAway: it does not say.
        """
        return _with(self._endpoint(self.metadata, "authorization_endpoint"), values)

    def address_to_sign_out(self, values: Mapping[str, str]) -> str | None:
        """Where the browser is sent to sign out there too, ``None`` when it has no such place.

        :raises ProviderAway: it does not say.
        """
        if "end_session_endpoint" not in self.metadata:
            return None
        return _with(self._endpoint(self.metadata, "end_session_endpoint"), values)

    def tokens(self, values: Mapping[str, str]) -> Mapping[str, Any]:
        """The tokens for a code or a refresh token.

        :raises ProviderRefused: it does not give any for it.
        :raises ProviderAway: it does not answer.
        """
        metadata, secret = self.metadata, self._settings.client_secret.get_secret_value()
        form = {**values, "client_id": self._settings.client_id}
        auth: tuple[str, str] | None = None
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret and "client_secret_post" in methods:
            form["client_secret"] = secret
        elif secret:
            # Both are encoded as a form's values are (RFC 6749, section 2.3.1).
            auth = (_form_encoded(self._settings.client_id), _form_encoded(secret))
        answer = self._ask("POST", self._endpoint(metadata, "token_endpoint"), data=form, auth=auth)
        if not isinstance(answer.get("access_token"), str):
            raise ProviderAway("it sent no access token")
        return answer

    def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """What it says of the person beside the ID token; empty when it has no such place.

        :raises ProviderAway: it does not say.
        """
        if "userinfo_endpoint" not in self.metadata:
            return {}
        headers = {"Authorization": f"Bearer {access_token}"}
        return self._get(self._endpoint(self.metadata, "userinfo_endpoint"), headers=headers)

    def _learnt(self) -> _Known:
        key = (self._settings.issuer, self._settings.ca_certificate)
        with _learning:
            known = _known.get(key)
            if known is not None and time.monotonic() - known.at < _KEPT_SECONDS:
                return known
        metadata = self._get(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata.get("issuer") != self._settings.issuer:
            raise ProviderAway("it calls itself by another name than the issuer of the settings")
        keys = usable_keys(self._get(self._endpoint(metadata, "jwks_uri")))
        known = _Known(metadata, time.monotonic(), keys, time.monotonic())
        with _learning:
            _known.clear()
            _known[key] = known
        return known

    def _endpoint(self, metadata: Mapping[str, Any], name: str) -> str:
        address = metadata.get(name)
        parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        if not isinstance(address, str) or not parts.hostname or not is_safe:
            raise ProviderAway(f"it names no usable {name}")
        return address

    def _get(self, address: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return self._ask("GET", address, headers=headers)

    def _ask(self, method: str, address: str, **more: Any) -> Mapping[str, Any]:
        try:
            with (
                httpx.Client(timeout=_TIMEOUT, verify=_trusting(self._settings.ca_certificate)) as client,
                client.stream(method, address, **more) as response,
            ):
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise ProviderAway("it sent too much")
                return _understood(response, body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ProviderAway(f"{type(error).__name__} at {urlsplit(address).hostname}") from error


def clear_cache() -> None:
    """Learn of every provider anew."""
    with _learning:
        _known.clear()


def _understood(response: httpx.Response, body: bytes) -> Mapping[str, Any]:
    try:
        answer = httpx.Response(200, content=body).json()
    except ValueError as error:
        raise ProviderAway(f"it sent no JSON (status {response.status_code})") from error
    if not isinstance(answer, dict):
        raise ProviderAway("it sent something else than an object")
    if response.status_code in (400, 401, 403) and isinstance(answer.get("error"), str):
        raise ProviderRefused(answer["error"][:60])
    if not response.is_success:
        raise ProviderAway(f"it answered with status {response.status_code}")
    return answer


def _with(address: str, values: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(values)}"


def _form_encoded(text: str) -> str:
    return urlencode({"": text})[1:]


@kept_for_a_while
def _trusting(ca_certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_certificate.strip():
        context.load_verify_locations(cadata=ca_certificate)
    return context
