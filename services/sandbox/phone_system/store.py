"""The state of the sandbox phone system: users, departments and everything else that holds a number.

Changes follow 3CX's rules and are counted by what they really did. Users are kept as differences from the
defaults, with indexes by number and e-mail, so that 100,000 of them stay small and quick.
"""

import copy
import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from services.sandbox.phone_system import fixtures as fixtures
from services.sandbox.phone_system import user_fields
from services.sandbox.phone_system.answers import department_missing, invalid_body, user_missing, warning
from services.sandbox.phone_system.filters import Filter, Row
from services.sandbox.phone_system.odata import Rows
from services.sandbox.phone_system.options import PhoneSystemOptions
from services.sandbox.phone_system.releases import entities
from services.sandbox.phone_system.schema import accepts
from shared.values.digits import is_digits

Json = dict[str, Any]

ROLES = (
    "users", "receptionists", "supervisors", "group_admins", "managers", "group_owners", "system_admins",
    "system_owners",
)  # fmt: skip
DEFAULT_GROUP = 1
_FIRST_USER = 21
# The lists of people that a queue or a ring group has.
PEOPLE = ("Agents", "Managers", "Members")
# Of these no two users may have the same.
_UNIQUE = ("WebMeetingFriendlyName", "ClickToCallId")
# Departments are peers too; their ids must not meet those of users.
_GROUP_PEERS = 100_000_000
# And so must those of queues and ring groups that were not there from the start.
_NEW_PEERS = 200_000_000


class PhoneSystem:
    """Everything a phone system knows, and how often each change was really made."""

    def __init__(self, options: PhoneSystemOptions) -> None:
        self.options = options
        self.entities = entities(options.release)
        self.users: dict[int, Json] = {}
        self.user_by_number: dict[str, int] = {}
        self.user_by_email: dict[str, int] = {}
        self.groups: dict[int, Json] = {}
        self.peers: dict[str, Json] = {}
        self.calls: dict[str, dict[str, list[Json]]] = defaultdict(lambda: defaultdict(list))
        self.requests: Counter[str] = Counter()
        self.audit: list[Json] = []
        self._next_user = _FIRST_USER
        self._next_group = DEFAULT_GROUP
        # Members of departments that are no users, by department.
        self._other_members: dict[int, list[str]] = {}
        self._add_fixtures()

    def _add_fixtures(self) -> None:
        self.peers = {peer["Number"]: peer for peer in fixtures.peers(list(self.options.clients()))}
        self._other_members[
            self.add_group({"Name": "DEFAULT", "IsDefault": True}, is_counted=False)["Id"]
        ] = ["SP0"]
        numbers = map(str, itertools.count(self.options.first_number))
        free = (number for number in numbers if number not in self.peers)
        for index, number in enumerate(itertools.islice(free, self.options.extensions)):
            self.add_user(
                {
                    "Number": number,
                    "FirstName": f"Existing{index}",
                    "LastName": "Extension",
                    "EmailAddress": f"existing{index}@{self.options.fqdn}",
                },
                is_counted=False,
            )
        first = list(self.user_by_number)[:3]
        self.queues = {fixtures.QUEUE: fixtures.queue(self._people_of(first[:2]))}
        self.ring_groups = {fixtures.RING_GROUP: fixtures.ring_group(self._people_of(first[:2]))}
        self.receptionists = {fixtures.RECEPTIONIST: fixtures.receptionist(first[:1])}
        self.inbound_rules = {rule["Id"]: rule for rule in fixtures.inbound_rules(first[:1])}
        self.recordings = {
            index: fixtures.recording(index, number) for index, number in enumerate(first, start=1)
        }

    # --- users -------------------------------------------------------------------------------------------

    def user(self, user_id: int) -> Json:
        """The user's own fields laid over the defaults.

        :raises Refusal: 404 with an empty body.
        """
        try:
            return {**user_fields.DEFAULTS, **self.users[user_id]}
        except KeyError:
            raise user_missing() from None

    def user_id_of(self, number: str) -> int:
        """The id of the user with this number.

        :raises Refusal: 404 with an empty body.
        """
        try:
            return self.user_by_number[number]
        except KeyError:
            raise user_missing() from None

    def ids_by_key(self, wanted: Filter | None) -> list[int] | None:
        """The users that a filter which only asks for keys can be true for; None for any other filter."""
        if wanted is None or wanted.keys is None:
            return None
        field, values = wanted.keys
        found: list[int | None]
        if field == "Id":
            found = [value for value in values if value in self.users]
        elif field == "Number":
            found = [self.user_by_number.get(value) for value in values]
        elif field in ("EmailAddress", "tolower EmailAddress") and all(values):
            found = [self.user_by_email.get(str(value).lower()) for value in values]
        else:
            return None
        return sorted({user_id for user_id in found if user_id is not None})

    def add_user(self, body: Any, *, is_counted: bool = True) -> Json:
        """Create a user; whatever is not given is generated."""
        self._check_user(body)
        if is_counted and self.options.departments_of_new != "taken":
            body = self._without_departments(body)
        if len(self.users) >= self.options.max_extensions:
            raise warning("Number", "LIMIT_REACHED")
        number = body.get("Number") or self.first_free_number()
        self._check_number(number)
        self._check_email(body, None)
        self._check_unique(body, None)
        user_id = self._next_user
        user: Json = {
            "Id": user_id,
            "Number": number,
            **user_fields.new_secrets(),
            "PrimaryGroupId": DEFAULT_GROUP,
            "Groups": [{"GroupId": DEFAULT_GROUP, "Rights": {"RoleName": "users"}}],
            "Greetings": [{"Type": "Default", "Filename": "", "DisplayName": ""}],
            "ForwardingExceptions": [],
            "Phones": [],
            "Tags": ["FaxServer"] if number == self.options.fax_server_number else [],
        }
        self._write(user, body)
        self._next_user += 1
        self.users[user_id] = user
        self.user_by_number[number] = user_id
        if is_counted:
            self.count("create_user", number, sorted(body))
        return self.user(user_id)

    def _without_departments(self, body: Json) -> Json:
        if "Groups" in body and self.options.departments_of_new == "refused":
            raise warning("Groups", "XAPI.FORBIDDEN_CHANGE")
        return {name: value for name, value in body.items() if name not in ("Groups", "PrimaryGroupId")}

    def change_user(self, user_id: int, body: Any, *, is_counted: bool = True, by: str = "") -> None:
        """Write fields of a user; collections replace what is there. ``by`` is who the audit log names, else the API client."""
        user = self.user(user_id)
        self._check_user(body)
        for name in ("Id", "Number"):
            # The same value is fine; 3CX renumbers nobody.
            if body.get(name) not in (None, user[name]):
                raise warning(name, "XAPI.FORBIDDEN_CHANGE")
        self._check_email(body, user_id)
        self._check_unique(body, user_id)
        if is_counted:
            self._check_greetings(user, body)
        changed = self._write(self.users[user_id], body)
        if changed:
            self.audit.append(fixtures.audit(len(self.audit) + 1, by or self.options.client_id, user))
        if is_counted:
            self.count("update_user", user["Number"], changed, changed=bool(changed))

    def remove_user(self, user_id: int) -> None:
        """Delete a user. The operator, the fax server and the last system owner stay."""
        user = self.user(user_id)
        number = user["Number"]
        if number == self.options.operator_number:
            raise warning("Number", "OPERATOR_CANNOT_BE_DELETED")
        if number == self.options.fax_server_number:
            raise warning("Number", "FAX_SERVER_CANNOT_BE_DELETED")
        if _is_owner(user) and sum(map(_is_owner, self.users.values())) == 1:
            raise warning("Number", "USER_EXTENSION_CANNOT_BE_DELETED")
        del self.users[user_id]
        del self.user_by_number[number]
        self.user_by_email.pop(user["EmailAddress"].lower(), None)
        for row in (*self.queues.values(), *self.ring_groups.values()):
            for people in PEOPLE:
                if people in row:
                    row[people] = [person for person in row[people] if person["Number"] != number]
        self.count("delete_user", number, [])

    def first_free_number(self) -> str:
        """The lowest free number of the range.

        :raises Refusal: 400, all are taken.
        """
        number = self.options.first_number
        while str(number) in self.user_by_number or str(number) in self.peers:
            number += 1
        if self.options.last_number is not None and number > self.options.last_number:
            raise warning("Number", "NO_MORE_NUMBERS_AVAILABLE")
        return str(number)

    def has_owner(self) -> bool:
        """Whether some user is System Owner."""
        return any(map(_is_owner, self.users.values()))

    def memberships(self, user: Row) -> list[Json]:
        """The department rows of a user, as they are answered."""
        return [
            {
                "Id": user["Id"] * 100 + index,
                "GroupId": row["GroupId"],
                "Number": user["Number"],
                "MemberName": f"{user.get('LastName', '')}, {user.get('FirstName', '')}",
                "Name": self.groups[row["GroupId"]]["Name"],
                "Type": "Extension",
                "CanDelete": True,
                "Tags": [],
                "Rights": row["Rights"],
            }
            for index, row in enumerate(user["Groups"])
        ]

    def _check_user(self, body: Any) -> None:
        if not accepts(self.entities["User"], body):
            raise invalid_body()
        self._check_lengths(body, user_fields.NAMES, self.options.name_limit)
        self._check_lengths(body, user_fields.TEXTS, self.options.text_limit)
        self._check_lengths(body, ("Blfs",), user_fields.BLF_LIMIT)

    def _check_lengths(self, body: Json, names: Sequence[str], limit: int) -> None:
        for name in names:
            if len(body.get(name) or "") > limit:
                is_named = limit in (50, 255, 2048)
                raise warning(name, f"LENGTH_NOT_MORE_{limit}_CHARS" if is_named else "STRING_TOO_LONG")

    def _check_number(self, number: str) -> None:
        groups = {group["Number"] for group in self.groups.values()}
        if number in self.user_by_number or number in self.peers or number in groups:
            raise warning("Number", "XAPI.ALREADY_IN_USE")
        if not is_digits(number):
            raise warning("Number", "INVALID")

    def _check_email(self, body: Json, user_id: int | None) -> None:
        email = (body.get("EmailAddress") or "").lower()
        if email and self.user_by_email.get(email, user_id) != user_id:
            raise warning("EmailAddress", "XAPI.ALREADY_IN_USE")

    def _check_unique(self, body: Json, user_id: int | None) -> None:
        macs = {phone.get("MacAddress") for phone in body.get("Phones") or []}
        names = {name: body[name] for name in _UNIQUE if body.get(name)}
        if not macs and not names:
            return
        for other_id, other in self.users.items():
            if other_id == user_id:
                continue
            if any(phone.get("MacAddress") in macs for phone in other["Phones"]):
                raise warning("Phones", "XAPI.MAC_USED_BY")
            for name, value in names.items():
                if other.get(name) == value:
                    raise warning(name, "XAPI.ALREADY_IN_USE")

    def _check_greetings(self, user: Json, body: Json) -> None:
        """A greeting names a file in the user's own folder; nothing of this API puts one there."""
        there = {greeting["Filename"] for greeting in user["Greetings"]}
        for greeting in body.get("Greetings") or []:
            if greeting.get("Filename") and greeting["Filename"] not in there:
                raise warning("Greetings", "XAPI.FILE_NOT_FOUND")

    def _write(self, user: Json, body: Json) -> list[str]:
        """Write checked fields; the names of those that differ from before. Refuses before it changes anything."""
        before = {**user_fields.DEFAULTS, **user}
        changes: Json = {
            name: "" if value is None and isinstance(before.get(name), str) else value
            for name, value in copy.deepcopy(body).items()
            if name not in user_fields.COMPUTED
        }
        if "Groups" in changes:
            changes["Groups"] = self._memberships(changes["Groups"] or [])
        groups: list[Json] = changes["Groups"] if "Groups" in changes else user["Groups"]
        members = [row["GroupId"] for row in groups]
        if changes.get("PrimaryGroupId") is not None and changes["PrimaryGroupId"] not in members:
            raise warning("PrimaryGroupId", "XAPI.NOT_FOUND")
        changed = sorted(name for name, value in changes.items() if before.get(name) != value)
        user.update(changes)
        if user["PrimaryGroupId"] not in members:
            user["PrimaryGroupId"] = next(iter(members), None)
        if "EmailAddress" in changes:
            self.user_by_email.pop(before["EmailAddress"].lower(), None)
            if changes["EmailAddress"]:
                self.user_by_email[changes["EmailAddress"].lower()] = user["Id"]
        user["DisplayName"] = f"{user.get('FirstName', '')} {user.get('LastName', '')}".strip()
        return changed

    def _memberships(self, rows: list[Json]) -> list[Json]:
        memberships = []
        for row in rows:
            if row.get("GroupId") not in self.groups:
                raise warning("Groups", "XAPI.NOT_FOUND")
            # A real system accepts GroupRights and silently ignores it.
            memberships.append({"GroupId": row["GroupId"], "Rights": _rights(row, "Groups")})
        return memberships

    # --- departments --------------------------------------------------------------------------------------

    def group(self, group_id: int) -> Json:
        """A department.

        :raises Refusal: 404 whose error is a string.
        """
        try:
            return self.groups[group_id]
        except KeyError:
            raise department_missing() from None

    def add_group(self, body: Any, *, is_counted: bool = True) -> Json:
        """Create a department."""
        self._check_group(body, None)
        group_id = self._next_group
        self._next_group += 1
        self.groups[group_id] = {
            "Id": group_id,
            "Name": body["Name"],
            "Number": f"GRP{group_id - 1:04}",
            "IsDefault": group_id == DEFAULT_GROUP,
            "HasMembers": True,
            "Language": body.get("Language") or "EN",
            "PromptSet": body.get("PromptSet") or user_fields.DEFAULTS["PromptSet"],
            "TimeZoneId": body.get("TimeZoneId") or "51",
            "Hours": body.get("Hours") or user_fields.DEFAULTS["Hours"],
            "BreakTime": body.get("BreakTime") or user_fields.DEFAULTS["Hours"],
            "Props": body.get("Props") or {},
        }
        if is_counted:
            self.count("create_group", body["Name"], sorted(body))
        return self.groups[group_id]

    def change_group(self, group_id: int, body: Any) -> None:
        """Rename a department, or replace its members: whoever is not named is none any more."""
        group = self.group(group_id)
        self._check_group(group | body if isinstance(body, dict) else body, group_id)
        for name in ("Id", "Number"):
            if body.get(name) not in (None, group[name]):
                raise warning(name, "XAPI.FORBIDDEN_CHANGE")
        if "Members" in body:
            self._replace_members(group_id, body["Members"] or [])
        computed = ("Id", "Number", "IsDefault", "HasMembers", "Members", "Rights")
        group.update({name: value for name, value in body.items() if name not in computed})
        self.count("update_group", group["Name"], sorted(body))

    def remove_group(self, group_id: int) -> None:
        """Delete a department that has no members; the default one stays."""
        group = self.group(group_id)
        if group["IsDefault"]:
            raise warning("Number", "GROUP_CANNOT_BE_DELETED")
        if self.members(group_id):
            raise warning("Number", "GROUP_WITH_MEMBERS_CANNOT_BE_DELETED")
        del self.groups[group_id]
        self.count("delete_group", group["Name"], [])

    def members(self, group_id: int) -> list[Json]:
        """The member rows of a department: users, and whatever else belongs to it."""
        others = [
            {
                "Id": self.peers[number]["Id"],
                "GroupId": group_id,
                "Number": number,
                "MemberName": self.peers[number]["Name"],
                "Name": self.groups[group_id]["Name"],
                "Type": self.peers[number]["Type"],
                "CanDelete": False,
                "Tags": [],
                "Rights": {"RoleName": "users"},
            }
            for number in self._other_members.get(group_id, ())
        ]
        users = [
            row
            for user in self.users.values()
            if any(row["GroupId"] == group_id for row in user["Groups"])
            for row in self.memberships(user)
            if row["GroupId"] == group_id
        ]
        return [*others, *users]

    def _check_group(self, body: Any, group_id: int | None) -> None:
        if not accepts(self.entities["Group"], body):
            raise invalid_body()
        if not body.get("Name"):
            raise warning("Name", "XAPI.REQUIRED")
        self._check_lengths(body, ("Name",), self.options.name_limit)
        taken = {group["Name"].lower(): group["Id"] for group in self.groups.values()}
        if taken.get(body["Name"].lower(), group_id) != group_id:
            raise warning("Name", "XAPI.DUPLICATE")

    def _replace_members(self, group_id: int, members: list[Json]) -> None:
        wanted: dict[str, Json] = {}
        for member in members:
            number = member.get("Number") or ""
            if number not in self.user_by_number and number not in self.peers:
                raise warning("Members", "XAPI.NON_EXISTENT_EXT_NUMBER")
            wanted[number] = _rights(member, "Members")
        for user in self.users.values():
            rows = [row for row in user["Groups"] if row["GroupId"] != group_id]
            if user["Number"] in wanted:
                rows.append({"GroupId": group_id, "Rights": wanted[user["Number"]]})
            self._write(user, {"Groups": rows})
        self._other_members[group_id] = [number for number in wanted if number in self.peers]

    def add_peer(self, number: str, name: str, kind: str) -> Json:
        """A number for something that is no user."""
        self._check_number(number)
        peer_id = max(_NEW_PEERS, *(peer["Id"] for peer in self.peers.values())) + 1
        self.peers[number] = {"Id": peer_id, "Number": number, "Name": name, "Type": kind, "Tags": []}
        return {"Id": peer_id, "Number": number, "Name": name}

    # --- other numbers ------------------------------------------------------------------------------------

    def all_peers(self) -> Rows:
        """Everything that holds a number, users and departments included, in the order of ids."""
        groups = [
            {"Id": _GROUP_PEERS + group["Id"], "Number": group["Number"], "Name": group["Name"], "Type": "Group", "Tags": []}
            for group in self.groups.values()
        ]  # fmt: skip
        peers = sorted(self.peers.values(), key=lambda peer: peer["Id"])
        first = [peer for peer in peers if peer["Id"] < _FIRST_USER]
        return Rows([*first, *self.users.values(), *groups, *peers[len(first) :]], _peer)

    def people(self, rows: Sequence[Json]) -> list[Json]:
        """Agents or members as they are kept, from rows that need no more than a number."""
        skills = {row["Number"]: row.get("SkillGroup") or "1" for row in rows}
        return [
            {**person, "SkillGroup": skills[person["Number"]]} for person in self._people_of(list(skills))
        ]

    def _people_of(self, numbers: Sequence[str]) -> list[Json]:
        users = [self.users[self.user_by_number[number]] for number in numbers]
        return [
            {
                "Id": user["Id"],
                "Number": user["Number"],
                "Name": user["DisplayName"],
                "SkillGroup": "1",
                "Tags": [],
            }
            for user in users
        ]

    def count(self, operation: str, key: str, fields: list[str], *, changed: bool = True) -> None:
        """Note a change that was really made."""
        self.calls[operation][key].append({"fields": fields, "changed": changed})


def _peer(row: Json) -> Json:
    if "DisplayName" not in row:
        return row
    return {
        "Id": row["Id"],
        "Number": row["Number"],
        "Name": row["DisplayName"],
        "Type": "Extension",
        "Tags": [],
    }


def _rights(row: Json, target: str) -> Json:
    rights = dict(row.get("Rights") or {"RoleName": "users"})
    if rights.get("RoleName") not in ROLES:
        raise warning(target, "INVALID")
    return rights


def _is_owner(user: Row) -> bool:
    return any(row["Rights"].get("RoleName") == "system_owners" for row in user["Groups"])
