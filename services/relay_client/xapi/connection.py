"""The way to one phone system: the token, reads that are tried again, writes that are sent once, and what it can.

Only ``Authorization``, ``Accept`` and ``Content-Type`` are sent, because real systems answer a ``Prefer`` header on an
action with an empty 500. Answers are never logged.
"""

import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from services.relay_client.xapi.capabilities import NEEDED, Capabilities, described
from services.relay_client.xapi.errors import (
    REFUSED,
    Call,
    ReadInterrupted,
    from_exception,
    from_response,
    from_token_response,
    no_secret,
    not_a_phone_system,
    unreadable,
)
from services.relay_client.xapi.token import Grant, SharedToken, taken_over
from shared.certificates import presented_by, verification_failure
from shared.database.engine import Database
from shared.encryption import Encryption
from shared.errors import (
    BadCredentials,
    CertificateRejected,
    CommandRejected,
    ExtensionNotFound,
    PhoneSystemBusy,
    PhoneSystemUnavailable,
)
from shared.language import declared
from shared.settings.documents import PhoneSystemSettings
from shared.tls import kept_for_a_while

# Pauses before a read that broke off is tried once more.
_PAUSES = (0.2, 1.0)
_SHOWN_SECONDS = 10.0
ANY_TYPE = "*/*"
_JSON, _XML = "application/json", "application/xml"

Json = dict[str, Any]

_NOT_DESCRIBED: tuple[type[Exception], ...] = (*REFUSED, PhoneSystemUnavailable, ValueError)
# What was learnt of a phone system (its address) at a version. Kept by the process: to learn it again costs one read,
# and after an upgrade it is another version.
_LEARNT: dict[tuple[str, str], Capabilities] = {}


class Connection:
    """One phone system. Safe to share between threads.

    Reads that break off are tried again, and those that 3CX has no time for wait as it asks, ``patience_seconds``
    in all; a write is sent once, because only the caller can find out whether it took effect.
    """

    def __init__(
        self,
        settings: PhoneSystemSettings,
        database: Database,
        encryption: Encryption,
        patience_seconds: float,
    ) -> None:
        self.host = settings.base_url.partition("//")[2]
        self._settings = settings
        self._patience_seconds = patience_seconds
        self._version: str | None = None
        self._learning = threading.Lock()
        self._client = httpx.Client(
            base_url=settings.base_url,
            timeout=httpx.Timeout(settings.timeout_seconds, connect=min(10.0, settings.timeout_seconds)),
            verify=_trusting(settings.ca_certificate),
            limits=httpx.Limits(
                max_connections=settings.concurrency + 4, max_keepalive_connections=settings.concurrency + 4
            ),
            headers={"Accept": _JSON},
        )
        # The secret belongs to the name, or a test of a wrong one would be answered with the token of the right one.
        # Only a hash of the name is kept; 3CX makes the secret itself, too long to be guessed from it.
        secret = settings.client_secret.get_secret_value()
        self._token = SharedToken(
            database,
            encryption,
            f"{settings.base_url} {settings.client_id} {secret}",
            self._ask_for_token,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def sign_in(self) -> None:
        """Ask for a token now, even if one is known: only that proves the client's id and secret.

        :raises BadCredentials: they are refused.
        """
        self._token.renew()

    def definitions(self) -> httpx.Response:
        """The smallest answer of the API, whose headers tell the version.

        :raises AddressUnknown: something else than a 3CX V20 answers.
        """
        try:
            response = self.get("/Defs", "testing the connection", {"$select": "Id"})
        except ExtensionNotFound as error:
            raise not_a_phone_system(self.host) from error
        self._version = self._version or ""
        return response

    def capabilities(self) -> Capabilities:
        """Which properties this phone system has at its present version."""
        with self._learning:
            if self._version is None:
                self.definitions()
            key = self._key()
            if key not in _LEARNT:
                _LEARNT[key] = Capabilities(self._described())
            return _LEARNT[key]

    def read_known(
        self,
        path: str,
        what: str,
        entity: str,
        fields: Sequence[str],
        expand: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
    ) -> Json:
        """Read those of the fields that this phone system has; one that it refuses is learnt and left out."""
        asked = [*fields, *(item.partition("(")[0] for item in expand)]
        while True:
            known = self._known_of(entity, asked)
            try:
                return self.read(path, what, known.query(entity, fields, expand) | dict(more or {}))
            except CommandRejected as refused:
                if not self._learn(known, entity, asked, refused):
                    raise

    def write_known(self, path: str, what: str, entity: str, body: Json) -> None:
        """Write those of the fields that this phone system has; one that it refuses is learnt and left out.

        A refused write changed nothing, so sending the rest is safe.
        """
        while True:
            known = self._known_of(entity, body)
            possible = known.body(entity, body)
            try:
                if possible:
                    self.send("PATCH", path, what, body=possible)
                return
            except CommandRejected as refused:
                if not self._learn(known, entity, possible, refused):
                    raise

    def _known_of(self, entity: str, names: Iterable[str]) -> Capabilities:
        """What is known, without asking the phone system where it makes no difference."""
        return Capabilities() if Capabilities.are_needed(entity, names) else self.capabilities()

    def _learn(
        self, known: Capabilities, entity: str, asked: Collection[str], refused: CommandRejected
    ) -> bool:
        """Note what was refused; whether trying again without it makes sense."""
        name = str(refused.details.get("unknown_property") or "")
        if name not in asked or not known.can_lack(entity, name):
            return False
        with self._learning:
            key = self._key()
            _LEARNT[key] = _LEARNT.get(key, known).without(entity, name)
        return True

    def learn(self, *, takes_departments: bool) -> None:
        """Remember what a creation showed."""
        known = self.capabilities()
        with self._learning:
            key = self._key()
            _LEARNT[key] = replace(_LEARNT.get(key, known), takes_departments=takes_departments)

    def _key(self) -> tuple[str, str]:
        return self._settings.base_url, self._version or ""

    def _described(self) -> dict[str, frozenset[str]]:
        try:
            what = declared("reading the API description")
            found = described(self.get("/$metadata", what, {}, accept=_XML).content)
            return {entity: found[entity] for entity in NEEDED if entity in found}
        except _NOT_DESCRIBED:
            # Then what it refuses tells.
            return {}

    def read(self, path: str, what: str, query: Mapping[str, str]) -> Json:
        """The object that is answered."""
        try:
            answer = self.get(path, what, query).json()
        except ValueError as error:
            raise unreadable(self._call("GET", what)) from error
        if not isinstance(answer, dict):
            raise unreadable(self._call("GET", what))
        return answer

    def rows(self, path: str, what: str, query: Mapping[str, str]) -> list[Json]:
        """The rows of a collection that are answered."""
        return self._listed(self.read(path, what, query), what)

    def known_rows(
        self,
        path: str,
        what: str,
        entity: str,
        fields: Sequence[str],
        expand: Sequence[str],
        more: Mapping[str, str],
    ) -> list[Json]:
        """The same with those of the fields that this phone system has."""
        return self._listed(self.read_known(path, what, entity, fields, expand, more), what)

    def _listed(self, answer: Json, what: str) -> list[Json]:
        rows = answer.get("value")
        if not isinstance(rows, list):
            raise unreadable(self._call("GET", what))
        return rows

    def count(self, path: str, what: str, narrowed: str = "") -> int:
        """How many rows a collection has, or those that a filter is true for."""
        query = {"$select": "Id", "$top": "1", "$count": "true"}
        answer = self.read(path, what, query | ({"$filter": narrowed} if narrowed else {}))
        try:
            return int(answer["@odata.count"])
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable(self._call("GET", what)) from error

    def create(self, path: str, what: str, body: Json) -> int:
        """Create something; its id."""
        created = self.send("POST", path, what, body=body)
        try:
            return int(created.json()["Id"])
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable(self._call("POST", what)) from error

    def get(self, path: str, what: str, query: Mapping[str, str], accept: str = _JSON) -> httpx.Response:
        """A read, tried again when it breaks off or must wait."""
        deadline = time.monotonic() + self._patience_seconds
        pauses = iter(_PAUSES)
        while True:
            try:
                return self.send("GET", path, what, params=query, accept=accept)
            except ReadInterrupted:
                pause = next(pauses, None)
                if pause is None:
                    raise
            except PhoneSystemBusy as busy:
                pause = busy.retry_after
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)

    def send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        accept: str = _JSON,
        is_streamed: bool = False,
    ) -> httpx.Response:
        """One request, sent once; again only with a new token.

        :raises RollcallError: it was not answered with success.
        """
        call = self._call(method, what)
        token = self._token.current()
        for is_last in (False, True):
            try:
                request = self._client.build_request(
                    method,
                    f"/xapi/v1{path}",
                    params=params,
                    json=body,
                    headers={"Authorization": f"Bearer {token}", "Accept": accept},
                )
                response = self._client.send(request, stream=is_streamed)
                if not response.is_success:
                    response.read()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self.broken(error, method, what) from error
            if response.status_code != 401:
                break
            # A 401 is given before anything is done, so sending again is safe.
            if is_last:
                raise taken_over()
            token = self._token.replace(token)
        self._version = response.headers.get("X-3CX-Version") or self._version
        if response.is_success and call.is_write and _is_page(response):
            # A proxy's, with 200: the write never came to the phone system, or its answer did not come back.
            raise unreadable(call)
        if response.is_success:
            return response
        raise from_response(response, call)

    def broken(self, error: Exception, method: str, what: str) -> Exception:
        """Our error for a connection that failed."""
        return from_exception(error, self._call(method, what))

    def _call(self, method: str, what: str) -> Call:
        return Call(what, self.host, is_write=method != "GET")

    def _presented(self) -> str:
        """The chain that the phone system shows, unchecked: only to be talked about."""
        address = self._client.base_url
        try:
            with socket.create_connection(
                (address.host, address.port or 443), timeout=_SHOWN_SECONDS
            ) as link:
                return presented_by(link, address.host)
        except (OSError, ValueError):
            return ""

    def _ask_for_token(self) -> Grant:
        call = self._call("GET", declared("asking for an access token"))
        try:
            response = self._client.post(
                "/connect/token",
                data={
                    "client_id": self._settings.client_id,
                    "client_secret": self._settings.client_secret.get_secret_value(),
                    "grant_type": "client_credentials",
                },
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failed = from_exception(error, call)
            if isinstance(failed, CertificateRejected):
                failed.details |= {"presented": self._presented(), "verify_code": verification_failure(error)}
            raise failed from error
        if not response.is_success:
            refused = from_token_response(response, call)
            if isinstance(refused, BadCredentials) and not self._settings.client_secret.get_secret_value():
                raise no_secret(self.host)
            raise refused
        try:
            answer = response.json()
            return Grant(str(answer["access_token"]), float(answer.get("expires_in") or 60))
        except (ValueError, KeyError, TypeError) as error:
            raise not_a_phone_system(self.host) from error


def _is_page(response: httpx.Response) -> bool:
    kind: str = response.headers.get("Content-Type", "")
    return kind.startswith("text/html")


@kept_for_a_while
def _trusting(ca_certificate: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if ca_certificate.strip():
            context.load_verify_locations(cadata=ca_certificate)
        # An issuing authority, or this one certificate, may be trusted without what stands above it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    except ssl.SSLError as error:
        raise CertificateRejected(
            declared(
                "The phone system's ca_certificate is not a certificate in PEM format (it begins with "
                "-----BEGIN CERTIFICATE-----)."
            )
        ) from error
    return context
