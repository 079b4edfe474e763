"""What a new extension takes over from its template or from the extension it replaces, as pure functions.

The lists are those of ``shared.domain.carried``. Roles are capped: a template that is a system owner must not make everyone
one.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from services.relay_client.xapi.odata import without_annotations
from services.relay_client.xapi.pointing import repointed
from shared.domain import carried
from shared.domain.carried import FromTemplate, ToNewNumber
from shared.language import declared, phrase

Json = dict[str, Any]

FORWARDING_FIELDS: tuple[str, ...] = ("ForwardingProfiles", "ForwardingExceptions")
COPIED_FIELDS: tuple[str, ...] = tuple(
    field for field in carried.from_template(FromTemplate.COPIED) if field not in FORWARDING_FIELDS
)
# Written last: they refer to what else is written.
STATUS_FIELDS: tuple[str, ...] = ("CurrentProfileName", "QueueStatus")
# Written with the extension itself, from the command.
_OF_THE_COMMAND = ("Enabled",)
OWN_FIELDS: tuple[str, ...] = tuple(
    field
    for field in carried.to_new_number(ToNewNumber.COPIED)
    if field not in (*FORWARDING_FIELDS, *STATUS_FIELDS, *_OF_THE_COMMAND)
)
GREETINGS = "Greetings"
CALLER_ID = "OutboundCallerID"
PHONES = "Phones"
# Public names, which 3CX takes once.
LINK_FIELDS: tuple[str, ...] = ("WebMeetingFriendlyName", "ClickToCallId")
READ_FIELDS: tuple[str, ...] = ("Id", "Number", "PrimaryGroupId", *COPIED_FIELDS, CALLER_ID)
EXPANDED: tuple[str, ...] = ("Groups($expand=Rights)", *FORWARDING_FIELDS, GREETINGS)
OWN_READ_FIELDS: tuple[str, ...] = tuple(
    dict.fromkeys((*READ_FIELDS, *OWN_FIELDS, *STATUS_FIELDS, *LINK_FIELDS, "HotdeskingAssignment"))
)
OWN_EXPANDED: tuple[str, ...] = (*EXPANDED, PHONES)
# Only for 3CX itself; never given to a person.
_INTERNAL_ROLES = ("system", "observers")
DEFAULT_ROLE = "users"
# Groups that 3CX keeps for somebody's personal favourites, and that are no departments.
_FAVOURITES = "___FAVORITES___"


def is_favourites(group: str) -> bool:
    """Whether the name of a group is that of somebody's personal favourites."""
    return group.upper().startswith(_FAVOURITES)


def settings_body(template: Json, template_number: str, number: str, *, is_own: bool = False) -> Json:
    """The general settings to write, with keys and destinations of the template's own number re-pointed.

    ``is_own``: the source is the person's former extension, of which more goes along.
    """
    body = _copied(template, OWN_FIELDS if is_own else COPIED_FIELDS, template_number, number)
    greetings = [row for row in template.get(GREETINGS) or [] if not row.get("Filename")]
    return body | ({GREETINGS: without_annotations(greetings)} if greetings else {})


def forwarding_body(template: Json, template_number: str, number: str) -> Json:
    """The forwarding profiles and exceptions to write; ids are the template's own and left out."""
    return _copied(template, FORWARDING_FIELDS, template_number, number)


def decided_by_template(settings: Json, by_person: Collection[str]) -> Json:
    """What of the settings a template alone decides, also later: not the fields that the directory gives each person."""
    return {field: value for field, value in settings.items() if field not in by_person}


def differences(
    template: Json, template_number: str, row: Json, by_person: Collection[str]
) -> dict[str, tuple[Any, Any]]:
    """By field, what the template would give and what the extension has instead."""
    number = str(row.get("Number") or "")
    given = decided_by_template(settings_body(template, template_number, number), by_person)
    given |= forwarding_body(template, template_number, number)
    return {field: (value, row.get(field)) for field, value in differing(given, row).items()}


def status_body(former: Json) -> Json:
    """The present status of the extension that is replaced."""
    return _copied(former, STATUS_FIELDS, "", "")


def caller_id_body(template: Json, direct_numbers: Sequence[str]) -> Json:
    """The outbound caller id, unless it is a number that leads to the template itself."""
    caller_id = str(template.get(CALLER_ID) or "")
    own = (str(template.get("Number") or ""), *direct_numbers)
    is_own = any(_is_same_number(caller_id, number) for number in own)
    return {CALLER_ID: caller_id} if caller_id and not is_own else {}


def phone_rows(former: Json) -> list[Json]:
    """The phones of an extension as they are given to another: ids and links are 3CX's own."""
    own = ("Id", "ProvisioningLinkExt", "ProvisioningLinkLocal")
    return [
        {name: value for name, value in phone.items() if name not in own and value is not None}
        for phone in without_annotations(former.get(PHONES) or [])
    ]


def lost(former: Json) -> list[str]:
    """What the former extension has and nobody can give to the new one, in words."""
    files = [str(row["Filename"]) for row in former.get(GREETINGS) or [] if row.get("Filename")]
    found = [phrase("recorded greetings ({files})", files=", ".join(files))] if files else []
    if former.get("Enable2FA"):
        found.append(declared("the key in the two-factor app, which must be set up again"))
    if former.get("HotdeskingAssignment"):
        found.append(phrase("the sign-in at hot desk {former}", former=former["HotdeskingAssignment"]))
    return [*found, declared("sign-in passwords (3CX created new ones)")]


def _is_same_number(one: str, other: str) -> bool:
    """Whether two ways of writing are one number: the same digits, or the same but for a prefix of a long one."""
    first, second = ("".join(filter(str.isdigit, text)).lstrip("0") for text in (one, other))
    short, long = sorted((first, second), key=len)
    return bool(short) and (short == long or (len(short) >= _LONG_NUMBER and long.endswith(short)))


_LONG_NUMBER = 6


def _copied(template: Json, fields: Sequence[str], template_number: str, number: str) -> Json:
    """What is empty is left out: a new extension has none of it either."""
    return {
        field: repointed(without_annotations(template[field]), template_number, number, field)
        for field in fields
        if template.get(field) not in (None, "")
    }


def capped_role(role: str, allowed: Sequence[str]) -> str:
    """The role to give: the template's when it is allowed, else the ordinary one."""
    return role if role in allowed and role not in _INTERNAL_ROLES else DEFAULT_ROLE


def membership_rows(
    rows: Sequence[Json],
    wanted_departments: Mapping[int, str] | None,
    allowed_roles: Sequence[str],
    *,
    keeps_rights: bool = False,
) -> list[Json]:
    """The ``Groups`` collection to write (it replaces what is there).

    ``rows`` are the memberships to start from: the template's, or with ``keeps_rights`` the person's own, whose
    rights stay as they are. ``wanted_departments`` (id to name) limits and completes them when given. Whatever is
    newly given is capped by ``allowed_roles``. Personal favourites stay the person's own.
    """
    kept: dict[int, Json] = {}
    roles: set[str] = set()
    for row in rows:
        if is_favourites(str(row.get("Name") or "")):
            if keeps_rights:
                kept[int(row["GroupId"])] = {
                    "GroupId": int(row["GroupId"]),
                    "Rights": without_annotations(row.get("Rights") or {"RoleName": DEFAULT_ROLE}),
                }
            continue
        rights = without_annotations(row.get("Rights") or {"RoleName": DEFAULT_ROLE})
        role = str(rights.get("RoleName") or DEFAULT_ROLE)
        roles.add(role)
        if not keeps_rights and capped_role(role, allowed_roles) != role:
            rights = {"RoleName": DEFAULT_ROLE}
        department = int(row["GroupId"])
        if wanted_departments is None or department in wanted_departments:
            kept[department] = {"GroupId": department, "Rights": rights}
    # Of several roles nobody can tell which one a further department should give.
    role = roles.pop() if len(roles) == 1 else DEFAULT_ROLE
    for department in wanted_departments or {}:
        kept.setdefault(
            department, {"GroupId": department, "Rights": {"RoleName": capped_role(role, allowed_roles)}}
        )
    return [kept[department] for department in sorted(kept)]


def differing(body: Json, live: Json) -> Json:
    """The fields of ``body`` that the live extension does not have yet; what a resumed creation still writes.

    The phone system may know more about a value (ids, further rights) than was written; that is no difference.
    """
    return {field: value for field, value in body.items() if not _covers(live.get(field), value)}


def _covers(live: Any, written: Any) -> bool:
    if isinstance(written, dict) and isinstance(live, dict):
        return all(_covers(live.get(name), value) for name, value in written.items() if value is not None)
    if isinstance(written, list) and isinstance(live, list):
        return len(live) == len(written) and all(map(_covers, live, written))
    return bool(live == written)
