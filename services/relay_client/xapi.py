"""3CX's Configuration API as typed calls. Translates; decides nothing.

Every read names its fields with ``$select``: a row without it carries passwords and PINs. Only
``Authorization``, ``Accept`` and ``Content-Type`` are sent, because real systems answer a ``Prefer`` header on
an action with an empty 500. Answers are never logged.
"""

import ssl
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx

from services.relay_client.errors import (
    Call,
    ReadInterrupted,
    from_exception,
    from_response,
    from_token_response,
    not_a_phone_system,
    unreadable,
)
from services.relay_client.odata import any_of, quoted
from services.relay_client.token import Grant, SharedToken, taken_over
from shared.database.engine import Database
from shared.domain.extension import Department, Extension, Membership, Peer
from shared.encryption import Encryption
from shared.errors import CertificateRejected, ExtensionNotFound, IncompleteSnapshot, PhoneSystemBusy
from shared.logging import ids_taken_along
from shared.prerequisites import certificate_end, http_time
from shared.settings.documents import PhoneSystemSettings
from shared.tls import kept_for_a_while

# Larger pages are refused by 3CX.
PAGE = 100
# Short enough for any proxy's limit on addresses.
FILTER_BATCH = 20
# How often the list of extensions is read before it is said to keep changing.
READINGS = 3
# Pauses before a read that broke off is tried once more.
_PAUSES = (0.2, 1.0)
_USER_FIELDS = "Id,Number,FirstName,LastName,EmailAddress,Mobile,Enabled,PrimaryGroupId"
_USER_QUERY = {"$select": _USER_FIELDS, "$expand": "Groups($expand=Rights)"}
_USER_PEERS = ("Extension", "None")
_RECORDING_FIELDS = (
    "Id,StartTime,EndTime,FromDn,ToDn,FromDisplayName,ToDisplayName,FromCallerNumber,ToCallerNumber,CallType,"
    "RecordingUrl"
)
_ANY_TYPE = {"Accept": "*/*"}
_BLOCK_BYTES = 1024 * 1024

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """A phone system: its version (empty when it does not say), its clock, and until when its certificate is good."""

    version: str
    clock: datetime | None
    certificate_ends_at: datetime | None


class Xapi:
    """One phone system. Safe to share between threads; close it, or use it as a context manager.

    Reads that break off are tried again, and those that 3CX has no time for wait as it asks, ``patience_seconds``
    in all; a write is sent once, because only the caller can find out whether it took effect.
    """

    def __init__(
        self,
        settings: PhoneSystemSettings,
        database: Database,
        encryption: Encryption,
        *,
        patience_seconds: float = 60.0,
    ) -> None:
        self.settings = settings
        self._patience_seconds = patience_seconds
        self._host = settings.base_url.partition("//")[2]
        self._client = httpx.Client(
            base_url=settings.base_url,
            timeout=httpx.Timeout(settings.timeout_seconds, connect=min(10.0, settings.timeout_seconds)),
            verify=_trusting(settings.ca_certificate),
            limits=httpx.Limits(
                max_connections=settings.concurrency + 4, max_keepalive_connections=settings.concurrency + 4
            ),
            headers={"Accept": "application/json"},
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def sign_in(self) -> None:
        """Ask for a token now, even if one is known: only that proves the client's id and secret.

        :raises BadCredentials: they are refused.
        """
        self._token.renew()

    def about(self) -> About:
        """What the phone system says of itself; proves that the API is there.

        :raises AddressUnknown: something else than a 3CX V20 answers.
        """
        try:
            response = self._get("/Defs", "testing the connection", {"$select": "Id"})
        except ExtensionNotFound as error:
            raise not_a_phone_system(self._host) from error
        stream = response.extensions.get("network_stream")
        tls = stream.get_extra_info("ssl_object") if stream is not None else None
        return About(
            version=str(response.headers.get("X-3CX-Version", "")),
            clock=http_time(response.headers.get("Date")),
            certificate_ends_at=certificate_end(tls.getpeercert()) if tls is not None else None,
        )

    def system_status(self) -> tuple[int, int | None]:
        """Extensions in use and the licence's limit (``None``: unlimited)."""
        status = self._read(
            "/SystemStatus", "reading the licence", {"$select": "UserExtensions,MaxUserExtensions"}
        )
        return int(status.get("UserExtensions") or 0), int(status.get("MaxUserExtensions") or 0) or None

    def extension_pages(self) -> Iterator[list[Extension]]:
        """All extensions, each once, page by page. Only at the end it is known whether nothing is missing.

        :raises IncompleteSnapshot: they changed meanwhile (the count before, after and what was read disagree).
        """
        what = "reading extensions"
        expected = self._count("/Users", what)
        seen: set[int] = set()
        for rows in self._pages("/Users", what, _USER_QUERY, expected):
            page = {int(row["Id"]): row for row in rows if int(row["Id"]) not in seen}
            seen.update(page)
            yield [_extension(row) for row in page.values()]
        if not len(seen) == expected == self._count("/Users", what):
            raise IncompleteSnapshot(
                f"The extensions of {self._host} kept changing while they were read. The next run tries again."
            )

    def extensions(self) -> list[Extension]:
        """All extensions, proven complete.

        :raises IncompleteSnapshot: they kept changing while being read.
        """
        for _reading in range(READINGS - 1):
            try:
                return [extension for page in self.extension_pages() for extension in page]
            except IncompleteSnapshot:
                continue
        return [extension for page in self.extension_pages() for extension in page]

    def departments(self) -> list[Department]:
        """All departments."""
        query = {"$select": "Id,Name,Number,IsDefault"}
        return [
            Department(int(row["Id"]), str(row.get("Name") or ""), str(row.get("Number") or ""), bool(row.get("IsDefault")))
            for row in self._all("/Groups", "reading departments", query)
        ]  # fmt: skip

    def peers(self) -> list[Peer]:
        """Whatever holds a number and is not a user: queues, ring groups, IVRs, departments, ..."""
        rows = self._all("/Peers", "reading numbers in use", {"$select": "Id,Number,Name,Type"})
        return [
            Peer(str(row["Number"]), str(row.get("Type")), str(row.get("Name") or ""))
            for row in rows
            if row.get("Number") and row.get("Type") not in _USER_PEERS
        ]

    def find_by_numbers(self, numbers: Iterable[str]) -> dict[str, Extension]:
        """The extensions that have these numbers, by number."""
        found = self._find("Number", [quoted(number) for number in sorted(set(numbers))])
        return {extension.number: extension for extension in found}

    def find_by_ids(self, ids: Iterable[int]) -> dict[int, Extension]:
        """The extensions that have these ids, by id."""
        return {
            extension.id: extension
            for extension in self._find("Id", [str(item) for item in sorted(set(ids))])
        }

    def user(self, number: str, fields: Sequence[str], expand: Sequence[str], what: str) -> Json:
        """Named fields of the extension with this number.

        :raises ExtensionNotFound: there is none.
        """
        query = {"$select": ",".join(fields), "$expand": ",".join(expand)}
        return self._read(f"/Users(Number={quoted(number)})", what, query)

    def memberships(self, extension_id: int) -> list[Json]:
        """The department rows of an extension as 3CX gives them, to be changed and written back whole."""
        query = {"$select": "Id", "$expand": "Groups($expand=Rights)"}
        user = self._read(f"/Users({extension_id})", "reading an extension's departments", query)
        rows: list[Json] = user.get("Groups") or []
        return rows

    def create_user(self, body: Json) -> int:
        """Create an extension; its id. Not idempotent: after ``UnknownOutcome`` look it up by number."""
        return self._create("/Users", body, f"creating extension {body.get('Number', '')}")

    def update_user(self, extension_id: int, body: Json, what: str) -> None:
        """Write these fields; collections replace what is there."""
        self._send("PATCH", f"/Users({extension_id})", what, body=body)

    def delete_user(self, extension_id: int, number: str) -> None:
        """Delete an extension; being gone already is success."""
        try:
            self._send("DELETE", f"/Users({extension_id})", f"deleting extension {number}")
        except ExtensionNotFound:
            return

    def create_department(self, name: str) -> int:
        """Create a department; its id."""
        return self._create("/Groups", {"Name": name}, f"creating the department {name}")

    def recordings(self, number: str) -> list[Json]:
        """Every recording that the extension took part in: id, times, parties, path. Needs the role System Owner."""
        literal = quoted(number)
        query = {"$select": _RECORDING_FIELDS, "$filter": f"FromDn eq {literal} or ToDn eq {literal}"}
        return list(self._all("/Recordings", f"listing the recordings of extension {number}", query))

    @contextmanager
    def recording(self, recording_id: int) -> Iterator[Iterator[bytes]]:
        """The audio of a recording, block by block.

        :raises CommandRejected: 3CX has no file of it (warning FILE_NOT_FOUND).
        """
        what = f"downloading recording {recording_id}"
        path = f"/Recordings/Pbx.DownloadRecording(recId={recording_id})"
        response = self._send("GET", path, what, is_streamed=True)
        try:
            yield response.iter_bytes(_BLOCK_BYTES)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise from_exception(error, self._call("GET", what)) from error
        finally:
            response.close()

    def _create(self, path: str, body: Json, what: str) -> int:
        created = self._send("POST", path, what, body=body)
        try:
            return int(created.json()["Id"])
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable(self._call("POST", what)) from error

    def _find(self, field: str, literals: list[str]) -> Iterator[Extension]:
        for start in range(0, len(literals), FILTER_BATCH):
            batch = literals[start : start + FILTER_BATCH]
            query = _USER_QUERY | {"$filter": any_of(field, batch), "$top": str(PAGE)}
            for row in self._rows("/Users", "reading extensions back", query):
                yield _extension(row)

    def _count(self, path: str, what: str, narrowed: str = "") -> int:
        query = {"$select": "Id", "$top": "1", "$count": "true"}
        answer = self._read(path, what, query | ({"$filter": narrowed} if narrowed else {}))
        try:
            return int(answer["@odata.count"])
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable(self._call("GET", what)) from error

    def _all(self, path: str, what: str, query: Mapping[str, str]) -> Iterator[Json]:
        """Every row once, in the order of ids."""
        seen: set[int] = set()
        for rows in self._pages(path, what, query, self._count(path, what, query.get("$filter", ""))):
            for row in rows:
                if row["Id"] not in seen:
                    seen.add(row["Id"])
                    yield row

    def _pages(self, path: str, what: str, query: Mapping[str, str], expected: int) -> Iterator[list[Json]]:
        """The pages of so many rows in order, some of them read ahead; real systems give no link to the next."""

        def _page(skip: int) -> list[Json]:
            place = {"$orderby": "Id", "$top": str(PAGE), "$skip": str(skip)}
            return self._rows(path, what, {**query, **place})

        ahead: deque[Future[list[Json]]] = deque()
        with ThreadPoolExecutor(self.settings.concurrency, "page", ids_taken_along()) as pool:
            try:
                for skip in range(0, expected, PAGE):
                    ahead.append(pool.submit(_page, skip))
                    if len(ahead) > self.settings.concurrency:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for page in ahead:
                    page.cancel()

    def _rows(self, path: str, what: str, query: Mapping[str, str]) -> list[Json]:
        rows = self._read(path, what, query).get("value")
        if not isinstance(rows, list):
            raise unreadable(self._call("GET", what))
        return rows

    def _read(self, path: str, what: str, query: Mapping[str, str]) -> Json:
        try:
            answer = self._get(path, what, query).json()
        except ValueError as error:
            raise unreadable(self._call("GET", what)) from error
        if not isinstance(answer, dict):
            raise unreadable(self._call("GET", what))
        return answer

    def _get(self, path: str, what: str, query: Mapping[str, str]) -> httpx.Response:
        deadline = time.monotonic() + self._patience_seconds
        pauses = iter(_PAUSES)
        while True:
            try:
                return self._send("GET", path, what, params=query)
            except ReadInterrupted:
                pause = next(pauses, None)
                if pause is None:
                    raise
            except PhoneSystemBusy as busy:
                pause = busy.retry_after
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)

    def _call(self, method: str, what: str) -> Call:
        return Call(what, self._host, is_write=method != "GET")

    def _send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        is_streamed: bool = False,
    ) -> httpx.Response:
        call = self._call(method, what)
        token = self._token.current()
        for is_last in (False, True):
            try:
                request = self._client.build_request(
                    method,
                    f"/xapi/v1{path}",
                    params=params,
                    json=body,
                    headers={"Authorization": f"Bearer {token}"} | (_ANY_TYPE if is_streamed else {}),
                )
                response = self._client.send(request, stream=is_streamed)
                if not response.is_success:
                    response.read()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise from_exception(error, call) from error
            if response.status_code != 401:
                break
            # A 401 is given before anything is done, so sending again is safe.
            if is_last:
                raise taken_over()
            token = self._token.replace(token)
        if response.is_success:
            return response
        raise from_response(response, call)

    def _ask_for_token(self) -> Grant:
        call = self._call("GET", "asking for an access token")
        try:
            response = self._client.post(
                "/connect/token",
                data={
                    "client_id": self.settings.client_id,
                    "client_secret": self.settings.client_secret.get_secret_value(),
                    "grant_type": "client_credentials",
                },
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise from_exception(error, call) from error
        if not response.is_success:
            raise from_token_response(response, call)
        try:
            answer = response.json()
            return Grant(str(answer["access_token"]), float(answer.get("expires_in") or 60))
        except (ValueError, KeyError, TypeError) as error:
            raise not_a_phone_system(self._host) from error


def _extension(row: Json) -> Extension:
    return Extension(
        id=int(row["Id"]),
        number=str(row.get("Number") or ""),
        first_name=str(row.get("FirstName") or ""),
        last_name=str(row.get("LastName") or ""),
        email=str(row.get("EmailAddress") or ""),
        mobile=str(row.get("Mobile") or ""),
        enabled=bool(row.get("Enabled")),
        memberships=tuple(
            Membership(
                int(group["GroupId"]),
                str(group.get("Name") or ""),
                str((group.get("Rights") or {}).get("RoleName") or ""),
            )
            for group in row.get("Groups") or []
        ),
        primary_department_id=row.get("PrimaryGroupId"),
    )


@kept_for_a_while
def _trusting(ca_certificate: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if ca_certificate.strip():
            context.load_verify_locations(cadata=ca_certificate)
    except ssl.SSLError as error:
        raise CertificateRejected(
            "The phone system's ca_certificate is not a certificate in PEM form "
            "(it begins with -----BEGIN CERTIFICATE-----)."
        ) from error
    return context
