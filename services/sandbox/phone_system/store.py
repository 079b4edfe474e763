"""The state of the sandbox phone system: users, departments and everything else that holds a number.

Changes follow 3CX's rules and are counted by what they really did. Users are kept as differences from the
defaults, with indexes by number and e-mail, so that 100,000 of them stay small and quick.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from services.sandbox.phone_system import user_fields
from services.sandbox.phone_system.answers import department_missing, invalid_body, user_missing, warning
from services.sandbox.phone_system.odata import Filter
from services.sandbox.phone_system.options import PhoneSystemOptions

Json = dict[str, Any]

ROLES = (
    "users", "receptionists", "supervisors", "group_admins", "managers", "group_owners", "system_admins",
    "system_owners",
)  # fmt: skip
DEFAULT_GROUP = 1


class PhoneSystem:
    """Everything a phone system knows, and how often each change was really made."""

    def __init__(self, options: PhoneSystemOptions) -> None:
        self.options = options
        self.users: dict[int, Json] = {}
        self.user_by_number: dict[str, int] = {}
        self.user_by_email: dict[str, int] = {}
        self.groups: dict[int, Json] = {}
        self.peers: dict[str, Json] = {}
        self.recordings: dict[int, Json] = {}
        self.queue_agents: list[Json] = []
        self.ring_members: list[Json] = []
        self.calls: dict[str, dict[str, list[Json]]] = defaultdict(lambda: defaultdict(list))
        self.requests: Counter[str] = Counter()
        self._next_user = 20
        self._next_group = DEFAULT_GROUP
        self._furnish()

    def _furnish(self) -> None:
        self.add_group({"Name": "DEFAULT", "IsDefault": True}, is_counted=False)
        for index, (number, kind, name) in enumerate(
            (
                ("800", "Queue", "Sales hotline"),
                ("801", "RingGroup", "Reception"),
                ("802", "IVR", "Main menu"),
                ("888", "Fax", "Fax server"),
                ("SP0", "Parking", "Shared parking"),
                (self.options.client_id, "RoutePoint", "API client"),
            )
        ):
            self.peers[number] = {"Id": index + 2, "Number": number, "Name": name, "Type": kind}
        for index in range(self.options.extensions):
            number = str(self.options.first_number + index)
            self.add_user(
                {
                    "Number": number,
                    "FirstName": f"Existing{index}",
                    "LastName": "Extension",
                    "EmailAddress": f"existing{index}@{self.options.fqdn}",
                },
                is_counted=False,
            )
        for index, number in enumerate(sorted(self.user_by_number)[:3]):
            self.recordings[index + 1] = _recording(index + 1, number)

    # --- users -------------------------------------------------------------------------------------------

    def user(self, user_id: int) -> Json:
        """The user's own fields laid over the defaults.

        :raises Refusal: 404 with an empty body.
        """
        try:
            return user_fields.DEFAULTS | self.users[user_id]
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

    def matching_users(self, wanted: Filter | None) -> Iterator[Json]:
        """The users a filter may be true for: by index where it only asks for keys, else all of them."""
        ids = self._ids_by_key(wanted)
        for user_id in self.users if ids is None else ids:
            yield user_fields.DEFAULTS | self.users[user_id]

    def _ids_by_key(self, wanted: Filter | None) -> list[int] | None:
        if wanted is None or wanted.keys is None:
            return None
        field, values = wanted.keys
        found: list[int | None]
        if field == "Id":
            found = [value for value in values if value in self.users]
        elif field == "Number":
            found = [self.user_by_number.get(value) for value in values]
        elif field in ("EmailAddress", "tolower EmailAddress"):
            found = [self.user_by_email.get(str(value).lower()) for value in values]
        else:
            return None
        return sorted({user_id for user_id in found if user_id is not None})

    def add_user(self, body: Json, *, is_counted: bool = True) -> Json:
        """Create a user; whatever is not given is generated."""
        self._check_body(body)
        if len(self.users) >= self.options.max_extensions:
            raise warning("Number", "LIMIT_REACHED")
        number = body.get("Number") or self.first_free_number()
        self._check_number(number)
        self._check_texts(body)
        self._check_email(body, None)
        self._next_user += 1
        user_id = self._next_user
        user: Json = {
            "Id": user_id,
            "Number": number,
            "AuthID": secrets.token_hex(5),
            "AuthPassword": secrets.token_hex(5),
            "DeskphonePassword": secrets.token_hex(5),
            "SIPID": secrets.token_hex(8),
            "VMPIN": str(secrets.randbelow(900_000) + 100_000),
            "PrimaryGroupId": DEFAULT_GROUP,
            "Groups": [{"GroupId": DEFAULT_GROUP, "Rights": {"RoleName": "users"}}],
            "ForwardingExceptions": [],
            "Phones": [],
            "Greetings": [{"Type": "Default", "Filename": "", "DisplayName": ""}],
        }
        changes = {
            name: value
            for name, value in body.items()
            if name not in user_fields.COMPUTED and name != "Number"
        }
        self.users[user_id] = user
        self.user_by_number[number] = user_id
        try:
            self._write(user, changes)
        except BaseException:
            del self.users[user_id], self.user_by_number[number]
            raise
        if is_counted:
            self.count("create_user", number, sorted(body))
        return self.user(user_id)

    def change_user(self, user_id: int, body: Json) -> None:
        """Write fields of a user; collections replace what is there."""
        self._check_body(body)
        present = self.user(user_id)
        if body.get("Id") not in (None, user_id):
            raise warning("Id", "XAPI.FORBIDDEN_CHANGE")
        if body.get("Number") not in (None, present["Number"]):
            raise warning("Number", "XAPI.FORBIDDEN_CHANGE")
        self._check_texts(body)
        self._check_email(body, user_id)
        changes = {
            name: value
            for name, value in body.items()
            if name not in user_fields.COMPUTED and name != "Number"
        }
        changed = self._write(self.users[user_id], changes)
        self.count("update_user", present["Number"], changed, changed=bool(changed))

    def remove_user(self, user_id: int) -> None:
        """Delete a user; the last system owner stays."""
        user = self.user(user_id)
        if _is_owner(user) and sum(_is_owner(other) for other in self.users.values()) == 1:
            raise warning("Number", "USER_EXTENSION_CANNOT_BE_DELETED")
        del self.users[user_id]
        del self.user_by_number[user["Number"]]
        self.user_by_email.pop(user["EmailAddress"].lower(), None)
        self.count("delete_user", user["Number"], [])

    def first_free_number(self) -> str:
        """The lowest free number from the first one on."""
        number = self.options.first_number
        while str(number) in self.user_by_number or str(number) in self.peers:
            number += 1
        return str(number)

    def display_name(self, user: Json) -> str:
        """Composed by the phone system; cannot be written."""
        return f"{user.get('FirstName', '')} {user.get('LastName', '')}".strip()

    def _check_body(self, body: Any) -> None:
        if not isinstance(body, dict):
            raise invalid_body()
        for name, value in body.items():
            if name not in user_fields.WRITABLE or not user_fields.is_of_type(name, value):
                raise invalid_body()

    def _check_number(self, number: str) -> None:
        if not number.isascii() or not number.isdecimal():
            raise warning("Number", "INVALID")
        groups = {group["Number"] for group in self.groups.values()}
        if number in self.user_by_number or number in self.peers or number in groups:
            raise warning("Number", "XAPI.ALREADY_IN_USE")

    def _check_texts(self, body: Json) -> None:
        for names, limit in (
            (user_fields.LIMITED_NAMES, self.options.name_limit),
            (user_fields.LIMITED_TEXTS, self.options.text_limit),
        ):
            for name in names:
                if len(body.get(name) or "") > limit:
                    raise warning(name, f"LENGTH_NOT_MORE_{limit}_CHARS")

    def _check_email(self, body: Json, user_id: int | None) -> None:
        email = (body.get("EmailAddress") or "").lower()
        if email and self.user_by_email.get(email, user_id) != user_id:
            raise warning("EmailAddress", "XAPI.ALREADY_IN_USE")

    def _write(self, user: Json, changes: Json) -> list[str]:
        present = user_fields.DEFAULTS | user
        if "Groups" in changes:
            changes = changes | {"Groups": self._memberships(changes["Groups"] or [])}
        members = {row["GroupId"] for row in changes.get("Groups") or user["Groups"]}
        primary = changes.get("PrimaryGroupId")
        if primary is not None and primary not in members:
            raise warning("PrimaryGroupId", "XAPI.NOT_FOUND")
        changed = sorted(name for name, value in changes.items() if present.get(name) != value)
        if "EmailAddress" in changes:
            self.user_by_email.pop(present["EmailAddress"].lower(), None)
            if changes["EmailAddress"]:
                self.user_by_email[changes["EmailAddress"].lower()] = user["Id"]
        user.update(
            {
                name: "" if value is None and isinstance(present.get(name), str) else value
                for name, value in changes.items()
            }
        )
        return changed

    def _memberships(self, rows: list[Any]) -> list[Json]:
        memberships = []
        for row in rows:
            if not isinstance(row, dict) or row.get("GroupId") not in self.groups:
                raise warning("Groups", "XAPI.NOT_FOUND")
            # A real system accepts GroupRights and silently ignores it.
            rights = dict(row.get("Rights") or {"RoleName": "users"})
            if rights.get("RoleName") not in ROLES:
                raise warning("Groups", "INVALID")
            memberships.append({"GroupId": row["GroupId"], "Rights": rights})
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
        if not isinstance(body, dict) or not isinstance(body.get("Name"), str) or set(body) - GROUP_FIELDS:
            raise invalid_body()
        name = body["Name"]
        if not name:
            raise warning("Name", "XAPI.REQUIRED")
        if name.lower() in {group["Name"].lower() for group in self.groups.values()}:
            raise warning("Name", "XAPI.DUPLICATE")
        group_id = self._next_group
        self._next_group += 1
        self.groups[group_id] = {
            "Id": group_id,
            "Name": name,
            "Number": f"GRP{group_id - 1:04}",
            "IsDefault": bool(body.get("IsDefault")),
            "Language": body.get("Language") or "EN",
        }
        if is_counted:
            self.count("create_group", name, sorted(body))
        return self.groups[group_id]

    def change_group(self, group_id: int, body: Any) -> None:
        """Rename a department, or replace its members."""
        group = self.group(group_id)
        if not isinstance(body, dict) or set(body) - GROUP_FIELDS:
            raise invalid_body()
        if body.get("Number") not in (None, group["Number"]):
            raise warning("Number", "XAPI.FORBIDDEN_CHANGE")
        if "Members" in body:
            self._replace_members(group_id, body["Members"] or [])
        group.update({name: value for name, value in body.items() if name in ("Name", "Language")})
        self.count("update_group", group["Name"], sorted(body))

    def _replace_members(self, group_id: int, members: list[Json]) -> None:
        wanted = {member.get("Number"): member.get("Rights") or {"RoleName": "users"} for member in members}
        for user in self.users.values():
            rows = [row for row in user["Groups"] if row["GroupId"] != group_id]
            if user["Number"] in wanted:
                rows.append({"GroupId": group_id, "Rights": wanted[user["Number"]]})
            user["Groups"] = rows

    def remove_group(self, group_id: int) -> None:
        """Delete a department that has no members."""
        group = self.group(group_id)
        if any(row["GroupId"] == group_id for user in self.users.values() for row in user["Groups"]):
            raise warning("Number", "GROUP_WITH_MEMBERS_CANNOT_BE_DELETED")
        del self.groups[group_id]
        self.count("delete_group", group["Name"], [])

    def all_peers(self) -> list[Json]:
        """Everything that holds a number, users and departments included."""
        users = [
            {"Id": user["Id"], "Number": user["Number"], "Name": self.display_name(user), "Type": "Extension"}
            for user in self.users.values()
        ]
        groups = [
            {
                "Id": 100_000_000 + group["Id"],
                "Number": group["Number"],
                "Name": group["Name"],
                "Type": "Group",
            }
            for group in self.groups.values()
        ]
        return [*self.peers.values(), *groups, *users]

    def count(self, operation: str, key: str, fields: list[str], *, changed: bool = True) -> None:
        """Note a change that was really made."""
        self.calls[operation][key].append({"fields": fields, "changed": changed})


GROUP_FIELDS = frozenset({"Id", "Name", "Number", "IsDefault", "Language", "Members", "Rights", "PromptSet"})


def _is_owner(user: Json) -> bool:
    return any(row["Rights"].get("RoleName") == "system_owners" for row in user["Groups"])


def _recording(recording_id: int, number: str) -> Json:
    return {
        "Id": recording_id,
        "StartTime": "2026-11-20T10:00:00Z",
        "EndTime": "2026-11-20T10:01:00Z",
        "FromDn": number,
        "ToDn": "",
        "FromCallerNumber": number,
        "ToCallerNumber": "+18015550123",
        "CallType": "OutboundExternal",
        "RecordingUrl": f"{number}/call_{recording_id}.wav",
        "IsArchived": False,
        "IsTranscribed": False,
        "CanBeTranscribed": False,
    }
