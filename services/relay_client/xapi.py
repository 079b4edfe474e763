"""3CX's Configuration API as typed calls. Translates; decides nothing.

Every read names its fields with ``$select``: a row without it carries passwords and PINs. Only
``Authorization``, ``Accept`` and ``Content-Type`` are sent, because real systems answer a ``Prefer`` header on
an action with an empty 500. Answers are never logged.
"""

import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import httpx

from services.relay_client.errors import Call, bad_credentials, from_exception, from_response
from services.relay_client.odata import any_of, quoted
from services.relay_client.token import Grant, SharedToken, taken_over
from shared.database.engine import Database
from shared.domain.extension import Department, Extension, Membership, Peer
from shared.encryption import Encryption
from shared.errors import CertificateRejected, ExtensionNotFound, IncompleteSnapshot, PhoneSystemUnavailable
from shared.settings.documents import PhoneSystemSettings

# Larger pages are refused by 3CX.
PAGE = 100
# Short enough for any proxy's limit on addresses.
FILTER_BATCH = 20
_USER_FIELDS = "Id,Number,FirstName,LastName,EmailAddress,Mobile,Enabled,PrimaryGroupId"
_USER_QUERY = {"$select": _USER_FIELDS, "$expand": "Groups($expand=Rights)"}
_USER_PEERS = ("Extension", "None")

Json = dict[str, Any]


class Xapi:
    """One phone system. Safe to share between threads; close it, or use it as a context manager."""

    def __init__(
        self,
        settings: PhoneSystemSettings,
        database: Database,
        encryption: Encryption,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.settings = settings
        self._host = settings.base_url.partition("//")[2]
        self._client = httpx.Client(
            base_url=settings.base_url,
            timeout=httpx.Timeout(settings.timeout_seconds, connect=min(10.0, settings.timeout_seconds)),
            verify=_trust(settings),
            limits=httpx.Limits(
                max_connections=settings.concurrency + 4, max_keepalive_connections=settings.concurrency + 4
            ),
            headers={"Accept": "application/json"},
            transport=transport,
        )
        self._token = SharedToken(
            database, encryption, f"{settings.base_url} {settings.client_id}", self._ask_for_token
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

    def version(self) -> str:
        """The phone system's version; the cheapest call that proves address, credentials and rights."""
        return str(self._send("GET", "/Defs", "testing the connection", params={"$select": "Id"}).headers.get(
            "X-3CX-Version", ""
        ))  # fmt: skip

    def system_status(self) -> tuple[int, int | None]:
        """Extensions in use and the licence's limit (``None``: unlimited)."""
        status = self._read(
            "/SystemStatus", "reading the licence", {"$select": "UserExtensions,MaxUserExtensions"}
        )
        return int(status.get("UserExtensions") or 0), int(status.get("MaxUserExtensions") or 0) or None

    def extensions(self) -> list[Extension]:
        """All extensions, proven complete: the count before and after agrees with what was read.

        :raises IncompleteSnapshot: they kept changing while being read.
        """
        for _attempt in range(3):
            expected = self._count_users()
            found = {extension.id: extension for page in self._user_pages(expected) for extension in page}
            if len(found) == expected == self._count_users():
                return list(found.values())
        raise IncompleteSnapshot(
            f"The extensions of {self._host} kept changing while they were read. The next run tries again."
        )

    def departments(self) -> list[Department]:
        """All departments."""
        query = {"$select": "Id,Name,Number,IsDefault"}
        return [
            Department(int(row["Id"]), str(row.get("Name") or ""), str(row.get("Number") or ""), bool(row.get("IsDefault")))
            for row in self._pages("/Groups", "reading departments", query)
        ]  # fmt: skip

    def peers(self) -> list[Peer]:
        """Whatever holds a number and is not a user: queues, ring groups, IVRs, departments, ..."""
        rows = self._pages("/Peers", "reading numbers in use", {"$select": "Id,Number,Name,Type"})
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

    def user(self, number: str, fields: Sequence[str], expand: Sequence[str]) -> Json:
        """Named fields of the extension with this number.

        :raises ExtensionNotFound: there is none.
        """
        query = {"$select": ",".join(fields), "$expand": ",".join(expand)}
        return self._read(f"/Users(Number={quoted(number)})", f"reading extension {number}", query)

    def memberships(self, extension_id: int) -> list[Json]:
        """The department rows of an extension as 3CX gives them, to be changed and written back whole."""
        query = {"$select": "Id", "$expand": "Groups($expand=Rights)"}
        user = self._read(f"/Users({extension_id})", "reading an extension's departments", query)
        rows: list[Json] = user.get("Groups") or []
        return rows

    def create_user(self, body: Json) -> int:
        """Create an extension; its id. Not idempotent: after ``UnknownOutcome`` look it up by number."""
        number = body.get("Number", "")
        response = self._send("POST", "/Users", f"creating extension {number}", body=body)
        return int(response.json()["Id"])

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
        response = self._send("POST", "/Groups", f"creating the department {name}", body={"Name": name})
        return int(response.json()["Id"])

    def _find(self, field: str, literals: list[str]) -> Iterator[Extension]:
        for start in range(0, len(literals), FILTER_BATCH):
            batch = literals[start : start + FILTER_BATCH]
            query = _USER_QUERY | {"$filter": any_of(field, batch), "$top": str(PAGE)}
            for row in self._read("/Users", "reading extensions back", query)["value"]:
                yield _extension(row)

    def _count_users(self) -> int:
        answer = self._read("/Users", "counting extensions", {"$select": "Id", "$top": "1", "$count": "true"})
        return int(answer["@odata.count"])

    def _user_pages(self, expected: int) -> Iterator[list[Extension]]:
        query = _USER_QUERY | {"$orderby": "Id", "$top": str(PAGE)}

        def _page(skip: int) -> list[Extension]:
            answer = self._read("/Users", "reading extensions", query | {"$skip": str(skip)})
            return [_extension(row) for row in answer["value"]]

        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            yield from pool.map(_page, range(0, max(expected, 1), PAGE))

    def _pages(self, path: str, what: str, query: Mapping[str, str]) -> Iterator[Json]:
        skip = 0
        while True:
            page = {"$orderby": "Id", "$top": str(PAGE), "$skip": str(skip)}
            rows: list[Json] = self._read(path, what, {**query, **page})["value"]
            yield from rows
            if len(rows) < PAGE:
                return
            skip += PAGE

    def _read(self, path: str, what: str, query: Mapping[str, str]) -> Json:
        response = self._send("GET", path, what, params=query)
        try:
            answer: Json = response.json()
        except ValueError as error:
            raise PhoneSystemUnavailable(
                f"{self._host} answered something that is not its API while {what}. Is base_url the phone system's?"
            ) from error
        return answer

    def _send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> httpx.Response:
        call = Call(what, self._host, is_write=method != "GET")
        token = self._token.current()
        for is_last in (False, True):
            try:
                response = self._client.request(
                    method,
                    f"/xapi/v1{path}",
                    params=params,
                    json=body,
                    headers={"Authorization": f"Bearer {token}"},
                )
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
        call = Call("asking for an access token", self._host, is_write=False)
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
        if response.status_code in (400, 401):
            raise bad_credentials(self._host)
        if not response.is_success:
            raise from_response(response, call)
        try:
            answer = response.json()
            return Grant(str(answer["access_token"]), float(answer.get("expires_in") or 60))
        except (ValueError, KeyError, TypeError) as error:
            raise PhoneSystemUnavailable(
                f"{self._host} answered something that is not a token. Is base_url the phone system's?"
            ) from error


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


def _trust(settings: PhoneSystemSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if settings.ca_certificate.strip():
            context.load_verify_locations(cadata=settings.ca_certificate)
    except ssl.SSLError as error:
        raise CertificateRejected(
            "The phone system's ca_certificate is not a certificate in PEM form "
            "(it begins with -----BEGIN CERTIFICATE-----)."
        ) from error
    return context
