"""3CX's Configuration API as typed calls. Translates; decides nothing.

Every read names its fields with ``$select``: a row without it carries passwords and PINs.
"""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx

from services.relay_client.xapi import numbers
from services.relay_client.xapi.connection import ANY_TYPE, Connection
from services.relay_client.xapi.errors import REFUSED, Call, unreadable
from services.relay_client.xapi.further import NAMES, further_of
from services.relay_client.xapi.odata import any_of, quoted
from services.relay_client.xapi.pointing import INBOUND_RULE, Kind
from services.relay_client.xapi.template import is_favourites
from shared.database.engine import Database
from shared.domain.extension import Department, Edit, Extension, Membership, Peer
from shared.encryption import Encryption
from shared.errors import ExtensionNotFound, IncompleteSnapshot, PermanentError, RollcallError
from shared.language import declared, phrase
from shared.logging import ids_taken_along
from shared.prerequisites import certificate_end, http_time
from shared.settings.documents import PhoneSystemSettings
from shared.values.text import clean

# Larger pages are refused by 3CX.
PAGE = 100
# Short enough for any proxy's limit on addresses.
FILTER_BATCH = 20
# How often the list of extensions is read before it is said to keep changing.
READINGS = 3
_USER_FIELDS = "Id,Number,FirstName,LastName,EmailAddress,Mobile,Enabled,PrimaryGroupId"
USER_QUERY = {"$select": _USER_FIELDS, "$expand": "Groups($expand=Rights)"}
_PEER_QUERY = {"$select": "Id,Number,Name,Type"}
_AUDIT_LOG = "/ReportAuditLog/Pbx.GetAuditLogData()"
# How an entry of the audit log names an extension.
_LEADING_NUMBER = re.compile(r"\d+\b")
_USER_PEERS = ("Extension", "None")
_RECORDING_FIELDS = (
    "Id,StartTime,EndTime,FromDn,ToDn,FromDisplayName,ToDisplayName,FromCallerNumber,ToCallerNumber,CallType,"
    "RecordingUrl"
)
_NOT_TOLD: tuple[type[Exception], ...] = (*REFUSED, ValueError, KeyError, TypeError)
_BLOCK_BYTES = 1024 * 1024

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """A phone system: its version (empty when it does not say), its clock, and until when its certificate is good."""

    version: str
    clock: datetime | None
    certificate_ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Licence:
    """Extensions in use, and how many the licence allows: ``None`` without a limit, or where 3CX does not say."""

    used: int
    most: int | None
    is_told: bool = True


@dataclass(frozen=True, slots=True)
class Numbering:
    """What a phone system says of numbers: how many digits extensions may have, and digits that it takes for something
    else. Empty where it does not say.
    """

    lengths: tuple[int, ...] = ()
    emergency: tuple[str, ...] = ()
    dial_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MissingSettings:
    """Settings of an extension that a release does not have, and those that were refused when asked for or written."""

    absent: tuple[str, ...]
    refused: tuple[str, ...]


class Xapi:
    """One phone system. Safe to share between threads; close it, or use it as a context manager.

    How calls are repeated, and how long they wait, is that of ``Connection``. ``further`` are the fields of
    ``shared.domain.further`` to read of extensions.
    """

    def __init__(
        self,
        settings: PhoneSystemSettings,
        database: Database,
        encryption: Encryption,
        *,
        patience_seconds: float = 60.0,
        further: Collection[str] = (),
    ) -> None:
        self.settings = settings
        self.further = tuple(field for name, field in NAMES.items() if name in further)
        self._connection = Connection(settings, database, encryption, patience_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def sign_in(self) -> None:
        """Ask for a token now, even if one is known: only that proves the client's id and secret.

        :raises BadCredentials: they are refused.
        """
        self._connection.sign_in()

    def about(self) -> About:
        """What the phone system says of itself; proves that the API is there.

        :raises AddressUnknown: something else than a 3CX V20 answers.
        """
        response = self._connection.definitions()
        stream = response.extensions.get("network_stream")
        tls = stream.get_extra_info("ssl_object") if stream is not None else None
        return About(
            version=str(response.headers.get("X-3CX-Version", "")),
            clock=http_time(response.headers.get("Date")),
            certificate_ends_at=certificate_end(tls.getpeercert()) if tls is not None else None,
        )

    def licence(self) -> Licence:
        """Room for extensions, from the system's status or else from what the default department may have."""
        what, wanted = declared("reading the licence"), ("Id", "UserExtensions", "MaxUserExtensions")
        status = self._connection.read_known("/SystemStatus", what, "SystemStatus", wanted)
        used, most = status.get("UserExtensions"), status.get("MaxUserExtensions")
        used = self._connection.count("/Users", what) if used is None else int(used)
        if most is not None:
            return Licence(used, int(most) or None)
        room = self._room(what)
        return Licence(used, None if room is None else used + room, room is not None)

    def _room(self, what: str) -> int | None:
        """How many more extensions the default department may have; ``None`` where nothing is said."""
        try:
            (default,) = [department for department in self.departments() if department.is_default]
            found = self._connection.read(f"/Groups({default.id})/Pbx.GetRestrictions()", what, {})
            users = found.get("Users") or {}
            return None if users.get("Unlimited") else max(0, int(users["Allowed"]) - int(users["Used"]))
        except _NOT_TOLD:
            return None

    def missing_settings(self, fields: Sequence[str], expand: Sequence[str]) -> MissingSettings:
        """Read all of this of one extension, whichever; what of it this phone system does not have."""
        what = declared("trying to read an extension's settings")
        self._connection.read_known("/Users", what, "User", fields, expand, {"$top": "1"})
        known = self._connection.capabilities()
        missing = known.missing("User", [*fields, *(item.partition("(")[0] for item in expand)])
        refused = [name for name in missing if known.is_refused("User", name)]
        return MissingSettings(tuple(name for name in missing if name not in refused), tuple(refused))

    def roles(self, department_id: int) -> list[str]:
        """The roles that somebody can have in a department."""
        path, what = f"/Groups({department_id})/Rights", declared("reading the roles of a department")
        rows = self._connection.rows(path, what, {"$select": "RoleName", "$top": str(PAGE)})
        return [str(row["RoleName"]) for row in rows if row.get("RoleName")]

    def numbering(self) -> Numbering:
        """What it says of numbers; a part that it does not tell, or not to this client, is empty."""
        what = declared("reading which numbers there may be")
        lengths: tuple[int, ...] = ()
        emergency: tuple[str, ...] = ()
        codes: tuple[str, ...] = ()
        with suppress(*_NOT_TOLD):
            lengths = numbers.lengths(self._connection.read("/Defs/Pbx.GetSystemParameters()", what, {}))
        with suppress(*_NOT_TOLD):
            rules = self._connection.rows(
                "/OutboundRules/Pbx.GetEmergencyOutboundRules()", what, {"$select": "Id,Prefix"}
            )
            emergency = numbers.prefixes(rules)
        with suppress(*_NOT_TOLD):
            codes = numbers.codes(
                self._connection.read("/DialCodeSettings", what, {"$select": ",".join(numbers.DIAL_CODES)})
            )
        return Numbering(lengths, emergency, codes)

    def can_mail(self) -> bool:
        """Whether the phone system has a mail server to send by.

        :raises RollcallError: it does not say.
        """
        what = declared("reading the mail settings")
        found = self._connection.read("/MailSettings", what, {"$select": "MailServerType,MailServer"})
        # With any other type 3CX knows the server.
        return found.get("MailServerType") != "Custom" or bool(found.get("MailServer"))

    def try_numbers(self) -> None:
        """Read one of the numbers in use.

        :raises RollcallError: it cannot be read.
        """
        self._connection.rows("/Peers", declared("reading numbers in use"), _PEER_QUERY | {"$top": "1"})

    def try_recordings(self) -> None:
        """Read one recording.

        :raises InsufficientRights: the API client may not.
        """
        query = {"$select": _RECORDING_FIELDS, "$top": "1"}
        self._connection.rows("/Recordings", declared("reading recordings"), query)

    def extension_pages(self) -> Iterator[list[Extension]]:
        """All extensions, each once, page by page. Only at the end it is known whether nothing is missing.

        :raises IncompleteSnapshot: they changed meanwhile (the count before, after and what was read disagree).
        """
        what = declared("reading extensions")
        expected = self._connection.count("/Users", what)
        seen: set[int] = set()
        for rows in self._pages("/Users", what, USER_QUERY, expected):
            page = {int(row["Id"]): row for row in rows if int(row["Id"]) not in seen}
            seen.update(page)
            yield [_extension(row) for row in page.values()]
        if not len(seen) == expected == self._connection.count("/Users", what):
            raise IncompleteSnapshot(
                phrase(
                    "The extensions of {host} kept changing while they were read. The next run tries again.",
                    host=self._connection.host,
                )
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
        """All departments; the groups of personal favourites are none."""
        query = {"$select": "Id,Name,Number,IsDefault"}
        return [
            Department(int(row["Id"]), clean(str(row.get("Name") or "")), str(row.get("Number") or ""), bool(row.get("IsDefault")))
            for row in self._all("/Groups", declared("reading departments"), query)
            if not is_favourites(str(row.get("Name") or ""))
        ]  # fmt: skip

    def peers(self) -> list[Peer]:
        """Whatever holds a number and is not a user: queues, ring groups, IVRs, departments, ..."""
        # One that is missing costs a refused creation at most: 3CX itself lets no number be given twice.
        return _peers(self._all("/Peers", declared("reading numbers in use"), _PEER_QUERY, is_whole=False))

    def peers_with(self, numbers: Iterable[str]) -> list[Peer]:
        """Of these, what has one of the numbers. All are read where this 3CX does not filter them, as a full run reads them."""
        chosen = set(numbers)
        wanted, found = [quoted(number) for number in sorted(chosen)], list[Peer]()
        try:
            for start in range(0, len(wanted), FILTER_BATCH):
                query = _PEER_QUERY | {
                    "$filter": any_of("Number", wanted[start : start + FILTER_BATCH]),
                    "$top": str(PAGE),
                }
                found += _peers(self._connection.rows("/Peers", declared("reading numbers in use"), query))
        except PermanentError:
            return [peer for peer in self.peers() if peer.number in chosen]
        return found

    def edits(self) -> list[Edit]:
        """Who changed which extension last, of the newest entries of the audit log but for our own; nothing where this 3CX has no
        audit log, does not show it or does not answer: no reading fails for what is only told.
        """
        query = {"$select": "Id,Timestamp,UserName,ObjectName", "$orderby": "Id desc", "$top": str(PAGE)}
        try:
            # Asked once: no reading waits for it either.
            answer = self._connection.send("GET", _AUDIT_LOG, declared("reading the audit log"), params=query)
            rows = [*answer.json()["value"]]
        except (RollcallError, ValueError, KeyError, TypeError):
            return []
        found: dict[str, Edit] = {}
        for row in rows:
            number = _LEADING_NUMBER.match(str(row.get("ObjectName") or ""))
            by, at = clean(str(row.get("UserName") or "")), str(row.get("Timestamp") or "")
            if number and by and at and by != self.settings.client_id:
                found.setdefault(number[0], Edit(number[0], by, at))
        return list(found.values())

    def find_by_numbers(self, numbers: Iterable[str]) -> dict[str, Extension]:
        """The extensions that have these numbers, by number."""
        found = self._find("Number", [quoted(number) for number in sorted(set(numbers))])
        return {extension.number: extension for extension in found}

    def find_by_ids(self, ids: Iterable[int]) -> dict[int, Extension]:
        """The extensions that have these ids, by id. Whichever is not among the rows is asked for by itself: what seems to be
        gone is taken to be deleted.

        :raises PhoneSystemUnavailable: one that is there was left out.
        """
        wanted, what = sorted(set(ids)), declared("reading extensions back")
        found = {extension.id: extension for extension in self._find("Id", [str(item) for item in wanted])}
        for item in wanted:
            # 3CX has no ids below one.
            if item > 0 and item not in found and self._is_there(item, what):
                raise unreadable(Call(what, self._connection.host, is_write=False))
        return found

    def find_by_emails(self, emails: Iterable[str]) -> list[Extension]:
        """The extensions that have these e-mail addresses, in whatever case."""
        folded = sorted({email.lower() for email in emails})
        return list(self._find("tolower(EmailAddress)", [quoted(email) for email in folded]))

    def user(self, number: str, fields: Sequence[str], expand: Sequence[str], what: str) -> Json:
        """Those of the fields that the phone system has, of the extension with this number.

        :raises ExtensionNotFound: there is none.
        """
        path = f"/Users(Number={quoted(number)})"
        return self._connection.read_known(path, what, "User", fields, expand)

    def users(self, numbers: Iterable[str], fields: Sequence[str], expand: Sequence[str]) -> Iterator[Json]:
        """Those of the fields that the phone system has, of the extensions that have these numbers."""
        wanted = [quoted(number) for number in sorted(set(numbers))]
        for start in range(0, len(wanted), FILTER_BATCH):
            narrowed = {"$filter": any_of("Number", wanted[start : start + FILTER_BATCH]), "$top": str(PAGE)}
            yield from self._connection.known_rows(
                "/Users", declared("reading extensions to compare"), "User", fields, expand, narrowed
            )

    def placement(self, extension_id: int) -> Json:
        """The departments (``Groups``) of an extension as 3CX gives them, and its primary one (``PrimaryGroupId``)."""
        query = {"$select": "Id,PrimaryGroupId", "$expand": "Groups($expand=Rights)"}
        return self._connection.read(
            f"/Users({extension_id})", declared("reading an extension's departments"), query
        )

    def memberships(self, extension_id: int) -> list[Json]:
        """The department rows of an extension, to be changed and written back whole."""
        rows: list[Json] = self.placement(extension_id).get("Groups") or []
        return rows

    def pointers(self, kind: Kind) -> Iterator[Json]:
        """Everything of a kind that can name extensions, with what names them."""
        what = phrase("reading every {label}", label=kind.label)
        expected = self._connection.count(kind.path, what)

        def _read(place: Mapping[str, str]) -> list[Json]:
            return self._connection.known_rows(
                kind.path, what, kind.entity, kind.selected, kind.expanded, place
            )

        seen: set[int] = set()
        page: list[Json] = []
        for page in self._pages_of(_read, expected):
            seen.update(row["Id"] for row in page)
            yield from page
        self._check_whole(len(seen), expected, page, what)

    def pointer(self, kind: Kind, item: int) -> Json:
        """One of them."""
        path, what = f"{kind.path}({item})", phrase("reading {label} {item}", label=kind.label, item=item)
        return self._connection.read_known(path, what, kind.entity, kind.selected, kind.expanded)

    def update_pointer(self, kind: Kind, item: int, body: Json, what: str) -> None:
        """Write some of its fields; lists replace what is there."""
        self._connection.write_known(f"{kind.path}({item})", what, kind.entity, body)

    def direct_numbers(self) -> dict[str, list[str]]:
        """By extension, the numbers from outside that lead to it (of inbound rules)."""
        query = {"$select": f"Id,Data,{','.join(INBOUND_RULE.fields_of())}"}
        found: dict[str, list[str]] = {}
        for row in self._all(INBOUND_RULE.path, declared("reading direct numbers"), query):
            for number in {
                str((row.get(field) or {}).get("Number") or "") for field in INBOUND_RULE.fields_of()
            }:
                found.setdefault(number, []).append(str(row.get("Data") or ""))
        return found

    def reprovision(self, mac: str, number: str) -> None:
        """Tell a phone to fetch its settings; nothing else changes, so telling it twice does no harm."""
        what = phrase(
            "telling the phone {mac} of extension {number} to fetch its settings", mac=mac, number=number
        )
        self._connection.send("POST", "/Users/Pbx.ReprovisionPhone", what, body={"mac": mac})

    def takes_departments(self) -> bool | None:
        """Whether this phone system takes departments with a creation; ``None`` when that has not been seen yet."""
        return self._connection.capabilities().takes_departments

    def learn_departments(self, *, are_taken: bool) -> None:
        """Remember whether it does."""
        self._connection.learn(takes_departments=are_taken)

    def create_user(self, body: Json) -> int:
        """Create an extension; its id. Not idempotent: after ``UnknownOutcome`` look it up by number."""
        return self._connection.create(
            "/Users", phrase("creating extension {body}", body=body.get("Number", "")), body
        )

    def update_user(self, extension_id: int, body: Json, what: str) -> None:
        """Write those of the fields that the phone system has; collections replace what is there."""
        self._connection.write_known(f"/Users({extension_id})", what, "User", body)

    def send_welcome(self, extension_id: int, number: str) -> None:
        """Let 3CX mail its welcome message to the extension's e-mail address. Not idempotent: each call mails."""
        what = phrase("sending the welcome message of extension {number}", number=number)
        self._connection.send("POST", f"/Users({extension_id})/Pbx.SendWelcomeEmail", what)

    def delete_user(self, extension_id: int, number: str) -> None:
        """Delete an extension; being gone already is success."""
        try:
            self._connection.send(
                "DELETE", f"/Users({extension_id})", phrase("deleting extension {number}", number=number)
            )
        except ExtensionNotFound:
            return

    def department(self, department_id: int, fields: Sequence[str]) -> Json:
        """Those of the fields that the phone system has, of a department."""
        path, what = f"/Groups({department_id})", declared("reading the department that new ones are like")
        return self._connection.read_known(path, what, "Group", ("Id", *fields))

    def create_department(self, name: str, settings: Json) -> int:
        """Create a department; its id."""
        return self._connection.create(
            "/Groups", phrase("creating the department {name}", name=name), {"Name": name} | settings
        )

    def update_department(self, department_id: int, body: Json, what: str) -> None:
        """Write these fields of a department."""
        self._connection.write_known(f"/Groups({department_id})", what, "Group", body)

    def recordings(self, number: str) -> list[Json]:
        """Every recording that the extension took part in: id, times, parties, path. Needs the role System Owner."""
        literal = quoted(number)
        query = {
            "$select": _RECORDING_FIELDS,
            "$filter": f"FromDn eq {literal} or ToDn eq {literal}",
        }
        return list(
            self._all(
                "/Recordings", phrase("listing the recordings of extension {number}", number=number), query
            )
        )

    @contextmanager
    def recording(self, recording_id: int) -> Iterator[Iterator[bytes]]:
        """The audio of a recording, block by block.

        :raises CommandRejected: 3CX has no file of it (warning FILE_NOT_FOUND).
        """
        what = phrase("downloading recording {recording_id}", recording_id=recording_id)
        path = f"/Recordings/Pbx.DownloadRecording(recId={recording_id})"
        response = self._connection.send("GET", path, what, accept=ANY_TYPE, is_streamed=True)
        try:
            yield response.iter_bytes(_BLOCK_BYTES)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._connection.broken(error, "GET", what) from error
        finally:
            response.close()

    def _find(self, field: str, literals: list[str]) -> Iterator[Extension]:
        for start in range(0, len(literals), FILTER_BATCH):
            batch = literals[start : start + FILTER_BATCH]
            query = USER_QUERY | {"$filter": any_of(field, batch), "$top": str(PAGE)}
            rows = self._rows("/Users", declared("reading extensions back"), query)
            if len(rows) >= PAGE:
                raise IncompleteSnapshot(
                    phrase(
                        "{host} has so many extensions with the same {field} that not all of them could be read.",
                        host=self._connection.host,
                        field=field,
                    )
                )
            yield from map(_extension, rows)

    def _is_there(self, extension_id: int, what: str) -> bool:
        try:
            self._connection.read(f"/Users({extension_id})", what, {"$select": "Id"})
        except ExtensionNotFound:
            return False
        return True

    def _rows(self, path: str, what: str, query: Mapping[str, str]) -> list[Json]:
        """The rows of one page; of extensions with the further fields that this phone system has."""
        if path != "/Users" or not self.further:
            return self._connection.rows(path, what, query)
        more = {name: value for name, value in query.items() if name not in USER_QUERY}
        fields = (*_USER_FIELDS.split(","), *self.further)
        return self._connection.known_rows(path, what, "User", fields, (USER_QUERY["$expand"],), more)

    def _all(
        self, path: str, what: str, query: Mapping[str, str], *, is_whole: bool = True
    ) -> Iterator[Json]:
        """Every row once, in the order of ids.

        :raises IncompleteSnapshot: there were fewer than the phone system has, and all are needed (``is_whole``).
        """
        seen: set[int] = set()
        rows: list[Json] = []
        expected = self._connection.count(path, what, query.get("$filter", ""))
        for rows in self._pages(path, what, query, expected):
            for row in rows:
                if row["Id"] not in seen:
                    seen.add(row["Id"])
                    yield row
        if is_whole:
            self._check_whole(len(seen), expected, rows, what)

    def _check_whole(self, seen: int, expected: int, last: list[Json], what: str) -> None:
        # Behind a page that is full there may be another one: the last of all is none.
        if seen < expected or len(last) == PAGE:
            raise IncompleteSnapshot(
                phrase(
                    "{host} returned fewer rows than it has while {what}. The next run tries again.",
                    host=self._connection.host,
                    what=what,
                )
            )

    def _pages(self, path: str, what: str, query: Mapping[str, str], expected: int) -> Iterator[list[Json]]:
        """The pages of so many rows in order."""
        return self._pages_of(lambda place: self._rows(path, what, {**query, **place}), expected)

    def _pages_of(
        self, read: Callable[[Mapping[str, str]], list[Json]], expected: int
    ) -> Iterator[list[Json]]:
        """The pages of so many rows in order, some of them read ahead; real systems give no link to the next."""

        def _page(skip: int) -> list[Json]:
            return read({"$orderby": "Id", "$top": str(PAGE), "$skip": str(skip)})

        ahead: deque[Future[list[Json]]] = deque()
        with ThreadPoolExecutor(self.settings.concurrency, "page", ids_taken_along()) as pool:
            try:
                # And the page behind the last one: a count that is too low must be seen, whatever it is.
                for skip in range(0, expected + 1, PAGE):
                    ahead.append(pool.submit(_page, skip))
                    # Twice as many as are read at once: a slow page must not leave the others idle.
                    if len(ahead) > 2 * self.settings.concurrency:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for page in ahead:
                    page.cancel()


def _peers(rows: Iterable[Json]) -> list[Peer]:
    return [
        Peer(str(row["Number"]), str(row.get("Type")), clean(str(row.get("Name") or "")))
        for row in rows
        if row.get("Number") and row.get("Type") not in _USER_PEERS
    ]


def _extension(row: Json) -> Extension:
    return Extension(
        id=int(row["Id"]),
        number=str(row.get("Number") or ""),
        first_name=clean(str(row.get("FirstName") or "")),
        last_name=clean(str(row.get("LastName") or "")),
        email=str(row.get("EmailAddress") or ""),
        mobile=str(row.get("Mobile") or ""),
        further=further_of(row),
        enabled=bool(row.get("Enabled")),
        memberships=tuple(
            Membership(
                int(group["GroupId"]),
                clean(str(group.get("Name") or "")),
                str((group.get("Rights") or {}).get("RoleName") or ""),
            )
            for group in row.get("Groups") or []
            if not is_favourites(str(group.get("Name") or ""))
        ),
        primary_department_id=row.get("PrimaryGroupId"),
    )
