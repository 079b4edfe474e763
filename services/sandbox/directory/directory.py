"""The entries of a small AD domain in memory, and every change a demo or a test makes to them.

Thread-safe: changes take a lock, readers get entries that never change. The wire is not known here.
Distinguished names may be given in any spelling; all methods that change an entry raise ``KeyError`` when
there is no such entry.
"""

import copy
import secrets
import struct
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from services.sandbox.directory import dirsync, links, names, syntax
from services.sandbox.directory.entry import Attribute, Entry, Values, generalized_time, raw_values
from services.sandbox.directory.identity import Identifiers
from services.sandbox.directory.object_classes import USER_ACCOUNT, chain, defaults
from services.sandbox.directory.schema import Schema

DISABLED = 0x0002
# Most attributes go with a deletion (MS-ADTS 3.1.1.5.5.1.1).
KEPT_BY_TOMBSTONES = {
    "instancetype", "objectclass", "objectguid", "objectsid", "samaccountname", "usncreated", "whencreated",
}  # fmt: skip
SERVICE_ACCOUNT = "svc-rollcall"


class Directory:
    """A domain with its root, the container for built-in accounts, and one account to read it with."""

    def __init__(
        self,
        domain: str = "corp.example.test",
        *,
        seed: int = 1,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.domain = domain
        self.base_dn = ",".join(f"DC={label}" for label in domain.split("."))
        self.netbios_name = domain.partition(".")[0].upper()
        self.identifiers = Identifiers(seed)
        self.invocation_id = self.identifiers.guid()
        self.schema = Schema(self.base_dn)
        self.passwords: dict[uuid.UUID, str] = {}
        self.has_dirsync = True
        # By invocationId, up to which number this controller has the changes of others.
        self._known: dict[uuid.UUID, int] = {}
        self._now = now
        self._lock = threading.RLock()
        self._entries: dict[names.Key, Entry] = {}
        self._by_guid: dict[uuid.UUID, Entry] = {}

        self.add(self.base_dn, {"objectClass": "domainDNS", "dc": self.netbios_name.lower()})
        self.users_dn = self.add(f"CN=Users,{self.base_dn}", {"objectClass": "container"}).dn
        self.deleted_dn = self.add(f"CN=Deleted Objects,{self.base_dn}", {"objectClass": "container"}).dn
        self.password = secrets.token_urlsafe(18)
        self.user = self._add_service_account()

    def replica(self) -> "Directory":
        """A second controller of the domain, as up to date as this one is now; nothing reaches it afterwards."""
        with self._lock:
            made = copy.copy(self)
            made.identifiers = copy.deepcopy(self.identifiers)
            made.invocation_id = uuid.uuid4()
            made.passwords = dict(self.passwords)
            made._lock = threading.RLock()
            made._entries, made._by_guid = dict(self._entries), dict(self._by_guid)
        made.learn(self)
        return made

    def learn(self, other: "Directory") -> None:
        """Note to have every change that the other one has (MS-DRSR 5.166, UPTODATE_VECTOR_V2_EXT)."""
        self._known = self._known | other._known | {other.invocation_id: other.highest_usn}
        self._known.pop(self.invocation_id, None)
        since_1601 = int((self._now().timestamp() + 11_644_473_600) * 10_000_000)
        cursors = b"".join(
            source.bytes_le + struct.pack("<QQ", number, since_1601)
            for source, number in sorted(self._known.items())
        )
        header = struct.pack("<IIII", 2, 0, len(self._known), 0)
        self.modify(self.base_dn, {"replUpToDateVector": header + cursors})

    # Reading

    @property
    def highest_usn(self) -> int:
        """The number of the last change."""
        return self.identifiers.usn

    @property
    def units(self) -> list[str]:
        """The organizational units that hold no further units: those that hold people."""
        with self._lock:
            units = [entry for entry in self._entries.values() if _is_unit(entry)]
        parents = {unit.key[:-1] for unit in units}
        return [unit.dn for unit in units if unit.key not in parents]

    def entries(self) -> tuple[Entry, ...]:
        """All entries at this moment, those of deleted objects included."""
        with self._lock:
            return tuple(self._entries.values())

    def people(self) -> list[Entry]:
        """The user accounts inside organizational units."""
        return [
            entry
            for entry in self.entries()
            if entry.number("sAMAccountType") == USER_ACCOUNT and any(kind == "ou" for kind, _ in entry.key)
        ]

    def find(self, dn: str) -> Entry | None:
        """The entry of this name (or ``<GUID=...>``), or None. An unreadable name is an ``InvalidName``."""
        if dn.upper().startswith("<GUID=") and dn.endswith(">"):
            return self.find_guid(_guid(dn[6:-1]))
        key = names.key(dn)
        with self._lock:
            return self._entries.get(key) or self.schema.find(key)

    def partition(self, base: Entry) -> tuple[Entry, ...]:
        """All entries of the naming context that the entry belongs to."""
        return self.schema.entries if self.schema.holds(base.key) else self.entries()

    def find_guid(self, guid: uuid.UUID) -> Entry | None:
        """The entry of this objectGUID, or None; it follows an entry through renames and moves."""
        with self._lock:
            return self._by_guid.get(guid)

    def get(self, dn: str) -> Entry:
        """The entry of this name; ``KeyError`` when there is none."""
        found = self.find(dn)
        if found is None:
            raise KeyError(dn)
        return found

    # Changing

    def add(self, dn: str, attributes: Mapping[str, Values]) -> Entry:
        """Add an entry; its parent must be there and its name free."""
        with self._lock:
            key = names.key(dn)
            if key in self._entries:
                raise ValueError(f"{dn} is there already")
            if key != names.key(self.base_dn) and key[:-1] not in self._entries:
                raise KeyError(names.parent(dn))
            guid, usn = self.identifiers.guid(), self.identifiers.next_usn()
            given = {name.lower(): self._attribute(name, values) for name, values in attributes.items()}
            classes = chain(given.pop("objectclass", Attribute("objectClass", (b"user",))).values)
            own = {
                "objectClass": classes,
                "objectCategory": syntax.category(classes[-1], self.base_dn),
                "objectGUID": guid.bytes_le,
                "instanceType": 4,
                "whenCreated": generalized_time(self._now()),
                "uSNCreated": usn,
                **defaults(classes, self.identifiers),
            }
            made = {name.lower(): Attribute(name, raw_values(values)) for name, values in own.items()}
            self._put(dn, guid, made | {name: value for name, value in given.items() if value.values}, usn)
            for name in given.keys() & links.FORWARD:
                self._link(guid, name, (), given[name].values)
            return self._by_guid[guid]

    def add_unit(self, name: str, parent: str | None = None) -> str:
        """Add an organizational unit and give its name."""
        return self.add(
            names.child("OU", name, parent or self.base_dn), {"objectClass": "organizationalUnit"}
        ).dn

    def add_group(self, name: str, members: Iterable[str] = (), parent: str | None = None) -> str:
        """Add a group and give its name."""
        attributes: dict[str, Values] = {
            "objectClass": "group",
            "sAMAccountName": name,
            "member": list(members),
        }
        return self.add(names.child("CN", name, parent or self.users_dn), attributes).dn

    def modify(self, dn: str, changes: Mapping[str, Values]) -> Entry:
        """Replace attributes; None or an empty list takes one away."""
        with self._lock:
            entry = self.get(dn)
            attributes = dict(entry.attributes)
            for name, values in changes.items():
                given = self._attribute(name, values)
                before = attributes.pop(name.lower(), Attribute(name, ()))
                if given.values:
                    attributes[name.lower()] = given
                if name.lower() in links.FORWARD:
                    self._link(entry.guid, name.lower(), before.values, given.values)
            return self._put(entry.dn, entry.guid, attributes)

    def rename(self, dn: str, name: str) -> str:
        """Give an entry another common name (or unit name) at the same place; its new DN."""
        entry = self.get(dn)
        kind = names.split(entry.dn)[0][0]
        return self._relocate(entry, names.child(kind, name, names.parent(entry.dn)))

    def move(self, dn: str, parent: str) -> str:
        """Put an entry, and what is below it, under another parent; its new DN."""
        entry = self.get(dn)
        kind, name = names.split(entry.dn)[0]
        return self._relocate(entry, names.child(kind, name, self.get(parent).dn))

    def delete(self, dn: str) -> None:
        """Delete an entry and all below it; what stays is a tombstone that only "show deleted" searches see."""
        with self._lock:
            for entry in sorted(self._subtree(self.get(dn)), key=lambda each: -len(each.key)):
                self._bury(self._by_guid[entry.guid])

    def set_enabled(self, dn: str, enabled: bool) -> None:
        """Enable or disable an account: bit 2 of userAccountControl (MS-ADTS 2.2.16)."""
        with self._lock:
            flags = self.get(dn).number("userAccountControl")
            self.modify(dn, {"userAccountControl": flags & ~DISABLED if enabled else flags | DISABLED})

    def disable(self, dn: str) -> None:
        """Disable an account."""
        self.set_enabled(dn, False)

    def set_password(self, dn: str, password: str) -> None:
        """Let an account bind with this password; accounts without one cannot bind."""
        self.passwords[self.get(dn).guid] = password

    # Inside; every caller holds the lock

    def _attribute(self, name: str, values: Values) -> Attribute:
        """An attribute as given; links get the spelling of the names they point to, as on AD."""
        raw = raw_values(values)
        if name.lower() in links.FORWARD:
            raw = tuple(self.get(value.decode()).dn.encode() for value in raw)
        return Attribute(name, raw)

    def _put(
        self, dn: str, guid: uuid.UUID, attributes: Mapping[str, Attribute], usn: int | None = None
    ) -> Entry:
        """Store one state of an entry, with the attributes that follow from its name and this change."""
        kind, name = names.split(dn)[0]
        number = self.identifiers.next_usn() if usn is None else usn
        own: dict[str, Values] = {
            kind.lower(): name,
            "name": name,
            "distinguishedName": dn,
            "whenChanged": generalized_time(self._now()),
            "uSNChanged": number,
        }
        named = {key.lower(): Attribute(key, raw_values(values)) for key, values in own.items()}
        made, before = {**attributes, **named}, self._by_guid.get(guid)
        is_elsewhere = before is None or before.dn != dn
        return self._store(Entry(dn, guid, made, dirsync.stamps(before, is_elsewhere, made, number)))

    def _store(self, entry: Entry) -> Entry:
        before = self._by_guid.get(entry.guid)
        if before is not None and before.key != entry.key:
            del self._entries[before.key]
        self._entries[entry.key] = self._by_guid[entry.guid] = entry
        return entry

    def _link(self, guid: uuid.UUID, name: str, before: tuple[bytes, ...], after: tuple[bytes, ...]) -> None:
        links.point(self._by_guid[guid], name, before, after, self.find, self._store)

    def _subtree(self, entry: Entry) -> list[Entry]:
        depth = len(entry.key)
        return [each for each in self._entries.values() if each.key[:depth] == entry.key]

    def _relocate(self, entry: Entry, dn: str) -> str:
        """Give an entry a new name; what is below moves along silently, as on AD (no new uSNChanged there)."""
        with self._lock:
            key = names.key(dn)
            if key != entry.key and key in self._entries:
                raise ValueError(f"{dn} is there already")
            if key[: len(entry.key)] == entry.key and key != entry.key:
                raise ValueError(f"{dn} is below what is to be moved")
            for guid in [each.guid for each in sorted(self._subtree(entry), key=lambda each: len(each.key))]:
                # Read afresh: moving one entry may have changed the links of the next.
                each = self._by_guid[guid]
                rest = names.first_parts(each.dn, len(each.key) - len(entry.key))
                usn = None if guid == entry.guid else each.number("uSNChanged")
                moved = self._put(",".join([*rest, dn]), guid, each.attributes, usn)
                links.rename(moved, each.dn, self.find, self._store)
            return dn

    def _bury(self, entry: Entry) -> None:
        """Turn an entry into a tombstone (MS-ADTS 3.1.1.5.5.1.1): few attributes, a mangled name, its GUID kept."""
        links.cut(entry, self.find, self._store)
        self.passwords.pop(entry.guid, None)
        kind, name = names.split(entry.dn)[0]
        kept = {name: value for name, value in entry.attributes.items() if name in KEPT_BY_TOMBSTONES}
        gone: dict[str, Values] = {"isDeleted": "TRUE", "lastKnownParent": names.parent(entry.dn)}
        marks = {key.lower(): Attribute(key, raw_values(values)) for key, values in gone.items()}
        self._put(
            names.child(kind, f"{name}\nDEL:{entry.guid}", self.deleted_dn), entry.guid, {**kept, **marks}
        )

    def _add_service_account(self) -> str:
        login = f"{SERVICE_ACCOUNT}@{self.domain}"
        dn = self.add(
            f"CN={SERVICE_ACCOUNT},{self.users_dn}",
            {"objectClass": "user", "sAMAccountName": SERVICE_ACCOUNT, "userPrincipalName": login},
        ).dn
        self.set_password(dn, self.password)
        return login


def _is_unit(entry: Entry) -> bool:
    return b"organizationalUnit" in entry.values("objectClass") and not entry.is_deleted


def _guid(text: str) -> uuid.UUID:
    """The GUID of a ``<GUID=...>`` name: dashed text, or 32 digits in the order of the stored bytes (MS-ADTS 3.1.1.3.1.2.4)."""
    try:
        return uuid.UUID(text) if "-" in text else uuid.UUID(bytes_le=bytes.fromhex(text))
    except ValueError as exc:
        raise names.InvalidName(text) from exc
