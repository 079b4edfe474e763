"""What one controller is asked, again and again on one connection. Called by ``watch``; decides nothing.

Each time its newest update sequence number first: while that stands still nothing has changed. Then DirSync, or where
that is refused, whatever has a higher ``uSNChanged``. Deleted entries are shown to those accounts only that may read the
container of deleted objects; for others people are looked for by objectGUID, some at a time.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from services.collector import selection
from services.collector.active_directory import ActiveDirectory
from services.collector.controller import reading_of
from services.collector.people import mapping_of
from services.collector.reader import RawEntry, Scope, Search, first_value
from services.collector.watching.dirsync import DirSync
from services.collector.watching.noticing import Seen, Watched
from shared.domain.reading import Reading
from shared.domain.watching import WatchMethod
from shared.errors import DirectoryUnavailable, RollcallError, UnknownBaseDn
from shared.language import phrase
from shared.settings.documents import DirectorySettings

_ANYTHING = "(objectClass=*)"
# The container of deleted objects (MS-ADTS 6.1.1.4.2), found and read only with this control (3.1.1.3.4.1.14).
_SHOW_DELETED = b"1.2.840.113556.1.4.417"
_ALWAYS = ("objectClass", "name", "parentGUID", "isDeleted", "whenCreated")
_NAMED_IN_FILTER = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9-]*)\s*(?::[^=()]*)?[~<>]?=")
_MEMBER_OF = "memberof"
_GUIDS_AT_ONCE = 50
# Answers that say "not now" rather than "not so": busy, unavailable (RFC 4511 section 4.1.9).
_NOT_NOW = (51, 52)
_MARK = "\\0ADEL:"


class Controller:
    """A signed-in session with the controller that a directory is watched on."""

    def __init__(self, directory: ActiveDirectory, settings: DirectorySettings, *, with_sids: bool) -> None:
        self._directory = directory
        self._settings = settings
        self._domain = directory.domain()
        self.reading: Reading = reading_of(directory)
        self.watched = self._watched()
        self._newest = directory.reader.question(
            Search("", _ANYTHING, ("highestCommittedUSN",), Scope.BASE, 10)
        )
        self._attributes = self._asked_for(with_sids=with_sids)
        self._filter = self._wanted()
        self._dirsync = DirSync(directory.reader, self._domain.base_dn, self._filter, self._attributes)
        self.shows_deleted = self._shows_deleted()

    @property
    def server(self) -> str:
        """The address that is connected to."""
        return self._directory.server

    @property
    def host(self) -> str:
        """The IP address of the controller."""
        return self._directory.host

    def usn(self) -> int:
        """The update sequence number of its newest change.

        :raises DirectoryUnavailable: it does not say.
        """
        entries, _ = self._directory.reader.ask(self._newest)
        for entry in entries:
            value = first_value(entry, "highestCommittedUSN")
            if value.isdigit():
                return int(value)
        raise DirectoryUnavailable(
            phrase(
                "Domain controller {server} does not show highestCommittedUSN, by which changes are noticed.",
                server=self.server,
            ),
            server=self.server,
        )

    def begin(self) -> tuple[WatchMethod, bytes | None]:
        """How it can be asked from now on, and the cookie of this moment for DirSync."""
        # Of the head of the domain alone: all that is wanted is the moment.
        quiet = DirSync(
            self._directory.reader, self._domain.base_dn, "(objectClass=domainDNS)", ("objectGUID",)
        )
        try:
            return WatchMethod.DIRSYNC, quiet.since(b"").cookie
        except RollcallError as error:
            if not is_refusal(error):
                raise
            return WatchMethod.USN, None

    def changes(self, method: WatchMethod, cookie: bytes | None, usn: int) -> tuple[list[Seen], bytes | None]:
        """What has changed since the answer of this cookie and number; the next cookie.

        :raises RollcallError: it refused (``is_refusal``), or stopped answering.
        """
        if method is WatchMethod.USN:
            return list(self._with_a_higher_number(usn)), None
        found = self._dirsync.since(cookie or b"")
        return list(self._told_apart(found.entries)), found.cookie

    def who(self, names: Iterable[str]) -> Iterator[Seen]:
        """The entries of these names; those that are gone are left out."""
        attributes = ("objectGUID", "objectClass")
        for name in names:
            with suppress(UnknownBaseDn):
                search = Search(name, _ANYTHING, attributes, Scope.BASE, 10)
                for entry in self._directory.reader.entries(search):
                    yield Seen(_guid(entry), entry.dn, _classes(entry))

    def gone(self, guids: Sequence[str]) -> set[str]:
        """Which of these no entry of the domain has any more, or none that the account may see."""
        there: set[str] = set()
        for batch in self._directory.find(guids, self._domain.base_dn):
            there |= batch.keys()
        return set(guids) - there

    def look_again(self) -> None:
        """Find out anew which units and groups are watched.

        :raises UnknownBaseDn: one of them has another name now, or is gone.
        """
        self.watched = self._watched()

    def _watched(self) -> Watched:
        units = [self._directory.check_exists(unit.dn) for unit in self._settings.units]
        group = self._settings.required_group.strip()
        is_any = _MEMBER_OF in (name.lower() for name in _NAMED_IN_FILTER.findall(self._settings.filter))
        if not group:
            return Watched(units, any_group=is_any)
        self._directory.check_exists(group)
        reader, attributes = self._directory.reader, ("objectGUID",)
        own = reader.entries(Search(group, _ANYTHING, attributes, Scope.BASE, 10))
        nested = reader.entries(
            Search(self._domain.base_dn, selection.nested_groups(group), attributes, Scope.SUBTREE)
        )
        return Watched(units, frozenset(map(_guid, (*own, *nested))), any_group=is_any)

    @property
    def _has_groups(self) -> bool:
        return bool(self.watched.groups) or self.watched.any_group

    def _asked_for(self, *, with_sids: bool) -> tuple[str, ...]:
        mapped = mapping_of(self._settings, "", datetime.now(UTC), with_sids=with_sids).requested()
        names = [*_ALWAYS, *mapped, *_NAMED_IN_FILTER.findall(self._settings.filter)]
        if self._has_groups:
            names += ["member", "primaryGroupID"]
        return tuple({name.lower(): name for name in names if name.lower() != _MEMBER_OF}.values())

    def _wanted(self) -> str:
        # By class and not by category, which deleted entries have lost.
        classes = ["user", "organizationalUnit", "container", *(["group"] if self._has_groups else [])]
        return "(|" + "".join(f"(objectClass={name})" for name in classes) + ")"

    def _shows_deleted(self) -> bool:
        search = Search(
            self._domain.base_dn, "(&(objectClass=container)(isDeleted=TRUE))", ("1.1",), Scope.LEVEL
        )
        try:
            entries, _ = self._directory.reader.ask(
                self._directory.reader.question(search, _SHOW_DELETED), b""
            )
        except RollcallError as error:
            if not is_refusal(error):
                raise
            return False
        return bool(entries)

    def _told_apart(self, entries: Sequence[RawEntry]) -> Iterator[Seen]:
        """With the classes of those that moved, which an answer of DirSync holds of new entries only."""
        moved = [entry for entry in entries if _is_moved(entry) and not _is_deleted(entry)]
        classes = self._classes_of([_guid(entry) for entry in moved]) if moved else {}
        for entry in entries:
            guid = _guid(entry)
            if guid:
                yield Seen(
                    guid,
                    plain_dn(entry.dn),
                    _classes(entry) or classes.get(guid, frozenset()),
                    is_deleted=_is_deleted(entry),
                    is_moved=_is_moved(entry),
                    members=_members(entry),
                    made_at=_moment(first_value(entry, "whenCreated")),
                )

    def _classes_of(self, guids: Sequence[str]) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for start in range(0, len(guids), _GUIDS_AT_ONCE):
            clause = selection.any_guid(guids[start : start + _GUIDS_AT_ONCE])
            for entry in self._directory.reader.entries(
                Search(self._domain.base_dn, clause, ("objectGUID", "objectClass"))
            ):
                found[_guid(entry)] = _classes(entry)
        return found

    def _with_a_higher_number(self, usn: int) -> Iterator[Seen]:
        """Whole entries come, so nobody can tell what of them has changed."""
        search = Search(
            self._domain.base_dn,
            f"(&{self._filter}(uSNChanged>={usn + 1}))",
            ("objectGUID", "objectClass", "isDeleted", "uSNCreated"),
        )
        for entry in self._directory.reader.entries(search):
            classes = _classes(entry)
            made = first_value(entry, "uSNCreated")
            is_new = made.isdigit() and int(made) > usn
            yield Seen(
                _guid(entry),
                entry.dn,
                classes,
                is_deleted=_is_deleted(entry),
                is_moved=not is_new and "user" not in classes,
            )


def is_refusal(error: RollcallError) -> bool:
    """Whether the controller answered, and said that it will not."""
    result = error.details.get("result")
    return isinstance(result, int) and result not in _NOT_NOW


def plain_dn(dn: str) -> str:
    """The name without the identifiers that controllers put before it: ``<GUID=...>;<SID=...>;CN=...``."""
    return dn.rpartition(">;")[2]


def _guid(entry: RawEntry) -> str:
    value = first_value(entry, "objectGUID")
    return str(UUID(bytes_le=value)) if len(value) == 16 else ""


def _classes(entry: RawEntry) -> frozenset[str]:
    values = entry.attributes.get("objectclass", ())
    return frozenset(value.decode("utf-8", "replace").lower() for value in values)


def _is_deleted(entry: RawEntry) -> bool:
    return first_value(entry, "isDeleted") == b"TRUE" or _MARK in entry.dn


def _is_moved(entry: RawEntry) -> bool:
    return bool(first_value(entry, "name")) and not entry.attributes.get("objectclass")


def _members(entry: RawEntry) -> tuple[str, ...]:
    return tuple(
        plain_dn(value.decode("utf-8", "replace"))
        for name, values in entry.attributes.items()
        if name.partition(";")[0] == "member"
        for value in values
    )


def _moment(value: bytes) -> datetime | None:
    try:
        return datetime.strptime(value[:14].decode("ascii"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
