"""Which settings a new extension takes over from its template, as pure functions on 3CX's own field names.

The lists follow what peers copy on real systems: settings yes; identity, secrets, the direct number, phones,
pictures and greetings never. Roles are capped: a template that is a system owner must not make everyone one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.relay_client.odata import without_annotations

Json = dict[str, Any]

COPIED_FIELDS: tuple[str, ...] = (
    "VMEnabled", "VMEmailOptions", "VMPlayCallerID", "VMPlayMsgDateTime", "VMDisablePinAuth", "TranscriptionMode",
    "RecordCalls", "RecordExternalCallsOnly", "RecordEmailNotify", "ForbidRecording", "AllowOwnRecordings",
    "CallScreening", "PinProtected", "PinProtectTimeout", "PbxDeliversAudio", "SRTPMode", "AllowLanOnly",
    "BlockTunnel", "Internal", "HideInPhonebook",
    "MyPhoneAllowDeleteRecordings", "MyPhoneHideForwardings", "MyPhonePush", "MyPhoneShowRecordings",
    "MS365CalendarEnabled", "MS365ContactsEnabled", "MS365SignInEnabled", "MS365TeamsEnabled",
    "GoogleCalendarEnabled", "GoogleContactsEnabled", "GoogleSignInEnabled",
    "CallUsEnableChat", "CallUsEnablePhone", "CallUsEnableVideo", "CallUsRequirement", "DatevEnabled",
    "SendEmailMissedCalls", "WebMeetingApproveParticipants", "AgentSettings",
    "Language", "PromptSet", "Hours", "BreakTime", "OfficeHoursProps", "Blfs",
)  # fmt: skip
FORWARDING_FIELDS: tuple[str, ...] = ("ForwardingProfiles", "ForwardingExceptions")
READ_FIELDS: tuple[str, ...] = ("Id", "Number", "PrimaryGroupId", *COPIED_FIELDS)
EXPANDED: tuple[str, ...] = ("Groups($expand=Rights)", *FORWARDING_FIELDS)
# Only for 3CX itself; never given to a person.
_INTERNAL_ROLES = ("system", "observers")
DEFAULT_ROLE = "users"


def settings_body(template: Json, template_number: str, number: str) -> Json:
    """The general settings to write, with keys and destinations of the template's own number re-pointed."""
    return _copied(template, COPIED_FIELDS, template_number, number)


def forwarding_body(template: Json, template_number: str, number: str) -> Json:
    """The forwarding profiles and exceptions to write; ids are the template's own and left out."""
    return _copied(template, FORWARDING_FIELDS, template_number, number)


def _copied(template: Json, fields: Sequence[str], template_number: str, number: str) -> Json:
    return {
        field: _repointed(without_annotations(template[field]), template_number, number, field)
        for field in fields
        if template.get(field) is not None
    }


def _repointed(value: Any, old: str, new: str, field: str) -> Any:
    if field == "Blfs" and isinstance(value, str):
        # The keys are XML; a number there stands as an element's text or an attribute's value.
        for before, after in ("><", '""', "''"):
            value = value.replace(f"{before}{old}{after}", f"{before}{new}{after}")
        return value
    if isinstance(value, list):
        return [_repointed(item, old, new, field) for item in value]
    if isinstance(value, dict):
        is_destination = "To" in value and value.get("Number") == old
        return {
            name: new if is_destination and name == "Number" else _repointed(item, old, new, field)
            for name, item in value.items()
            if name != "Id"
        }
    return value


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
    newly given is capped by ``allowed_roles``.
    """
    kept: dict[int, Json] = {}
    roles: set[str] = set()
    for row in rows:
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
