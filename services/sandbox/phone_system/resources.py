"""The resources of the API: for each path and method, what it answers. Called by ``server``; keeps no state."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.sandbox.phone_system import user_fields
from services.sandbox.phone_system.answers import Refusal, department_missing, invalid_body, warning
from services.sandbox.phone_system.odata import Query, Row, page_of, parse_query
from services.sandbox.phone_system.store import ROLES, PhoneSystem

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as far as resources care."""

    system: PhoneSystem
    options: Mapping[str, str]
    body: Any
    has_prefer: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. ``body`` is JSON (or bytes), ``None`` for an empty one."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] | None = None


Handler = Callable[..., Answer]
_ROUTES: list[tuple[str, re.Pattern[str], Handler, str]] = []


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler; ``{id}`` and ``{number}`` in the template become its arguments."""
    pattern = (
        re.escape(template)
        .replace(r"\{id\}", r"(?P<id>\d+)")
        .replace(r"\{number\}", "(?P<number>(?:[^']|'')*)")
    )

    def _register(handler: Handler) -> Handler:
        _ROUTES.append((method, re.compile(pattern), handler, template))
        return handler

    return _register


def find(method: str, path: str) -> tuple[Handler, dict[str, Any], str]:
    """The handler of a request, its arguments and the path's template.

    :raises Refusal: 404 for an unknown path, 405 for a method it does not have (``PUT`` above all).
    """
    is_known = False
    for known_method, pattern, handler, template in _ROUTES:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        is_known = True
        if known_method == method:
            arguments: dict[str, Any] = match.groupdict()
            if "id" in arguments:
                arguments["id"] = int(arguments["id"])
            if "number" in arguments:
                arguments["number"] = arguments["number"].replace("''", "'")
            return handler, arguments, template
    raise Refusal(405 if is_known else 404)


def templates() -> list[tuple[str, str]]:
    """Every (method, path template) there is."""
    return [(method, template) for method, _pattern, _handler, template in _ROUTES]


def _collection(entity: str, rows: list[Row], total: int | None) -> Json:
    answer: Json = {"@odata.context": f"https://sandbox.example.test/xapi/v1/$metadata#{entity}"}
    if total is not None:
        answer["@odata.count"] = total
    return answer | {"value": rows}


def _simple(request: Request, entity: str, rows: list[Json], more: frozenset[str] = frozenset()) -> Answer:
    fields = frozenset(rows[0]) | more if rows else more | {"Id", "Number", "Name"}
    query = parse_query(request.options, fields, {})
    page, total = page_of(rows, query)
    chosen: list[Row] = [_selected(row, query) for row in page]
    return Answer(body=_collection(entity, chosen, total if query.wants_count else None))


def _selected(row: Row, query: Query) -> Json:
    return dict(row) if query.select is None else {name: row.get(name) for name in query.select}


# --- users ------------------------------------------------------------------------------------------------


def _user_query(options: Mapping[str, str]) -> Query:
    return parse_query(options, user_fields.FIELDS, user_fields.NAVIGATION)


def _rendered_user(system: PhoneSystem, user: Row, query: Query) -> Json:
    shown: Json = {}
    for name in query.select or sorted(user_fields.FIELDS):
        shown[name] = system.display_name(dict(user)) if name == "DisplayName" else user.get(name)
    for name, inner in query.expand.items():
        shown[name] = _children(system, user, name, inner)
    return shown


def _children(system: PhoneSystem, user: Row, name: str, query: Query | None) -> list[Json]:
    if name == "ForwardingProfiles":
        return list(user.get(name) or user_fields.default_profiles(user["Number"]))
    if name != "Groups":
        return list(user.get(name) or [])
    with_rights = query is not None and "Rights" in query.expand
    shown = []
    for index, row in enumerate(user.get("Groups") or []):
        group = system.groups.get(row["GroupId"], {"Name": "", "Number": ""})
        child: Json = {
            "GroupId": row["GroupId"],
            "Number": user["Number"],
            "MemberName": f"{user.get('LastName', '')}, {user.get('FirstName', '')}",
            "Name": group["Name"],
            "Type": "Extension",
            "CanDelete": True,
            "Id": user["Id"] * 100 + index,
        }
        shown.append(child | ({"Rights": dict(row["Rights"])} if with_rights else {}))
    return shown


@route("GET", "/Users")
def list_users(request: Request) -> Answer:
    query = _user_query(request.options)
    page, total = page_of(request.system.matching_users(query.filter), query)
    rows: list[Row] = [_rendered_user(request.system, user, query) for user in page]
    return Answer(body=_collection("Users", rows, total if query.wants_count else None))


@route("POST", "/Users")
def create_user(request: Request) -> Answer:
    user = request.system.add_user(request.body)
    location = f"https://{request.system.options.fqdn}:5001/xapi/v1/Users({user['Id']})"
    return Answer(201, _rendered_user(request.system, user, _user_query({})), {"Location": location})


@route("GET", "/Users({id})")
def get_user(request: Request, id: int) -> Answer:
    return Answer(body=_rendered_user(request.system, request.system.user(id), _user_query(request.options)))


@route("GET", "/Users(Number='{number}')")
def get_user_by_number(request: Request, number: str) -> Answer:
    return get_user(request, request.system.user_id_of(number))


@route("PATCH", "/Users({id})")
def patch_user(request: Request, id: int) -> Answer:
    request.system.change_user(id, request.body)
    return Answer(204)


@route("DELETE", "/Users({id})")
def delete_user(request: Request, id: int) -> Answer:
    request.system.remove_user(id)
    return Answer(204)


def _child_route(name: str) -> None:
    @route("GET", f"/Users({{id}})/{name}")
    def _list_children(request: Request, id: int) -> Answer:
        user = request.system.user(id)
        query = _user_query({"$expand": f"{name}($expand=Rights)" if name == "Groups" else name})
        rows: list[Row] = list(_children(request.system, user, name, query.expand[name]))
        return Answer(body=_collection(f"Users({id})/{name}", rows, None))


for _name in ("Groups", "ForwardingProfiles", "Greetings"):
    _child_route(_name)


@route("POST", "/Users/Pbx.BatchDelete")
def batch_delete(request: Request) -> Answer:
    ids = (request.body or {}).get("Ids") or (request.body or {}).get("ids")
    if not isinstance(ids, list):
        raise invalid_body()
    errors: list[Row] = []
    for user_id in ids:
        try:
            number = request.system.user(user_id)["Number"]
            request.system.remove_user(user_id)
        except Refusal as refused:
            text = refused.body["error"]["message"] if refused.body else "WARNINGS.XAPI.NOT_FOUND"
            errors.append({"ExtensionNumber": number if refused.body else str(user_id), "Error": text})
    return Answer(body=_collection("Collection(Pbx.BatchDeleteError)", errors, None))


@route("GET", "/Users/Pbx.GetFirstAvailableExtensionNumber()")
def first_number(request: Request) -> Answer:
    return Answer(body={"Number": request.system.first_free_number()})


@route("GET", "/Users({id})/Pbx.HasDuplicatedEmail()")
def has_duplicated_email(request: Request, id: int) -> Answer:
    request.system.user(id)
    return Answer(body={"value": False})


@route("POST", "/Users({id})/Pbx.SendWelcomeEmail")
@route("POST", "/Users({id})/Pbx.Regenerate")
def action_on_user(request: Request, id: int) -> Answer:
    _refuse_prefer(request)
    request.system.user(id)
    return Answer(204)


@route("POST", "/Users/Pbx.MultiUserUpdate")
def multi_user_update(request: Request) -> Answer:
    _refuse_prefer(request)
    user = (request.body or {}).get("user") or {}
    if len(user) < 40:
        # What real systems do with a partial object.
        raise Refusal(500)
    return Answer(204)


def _refuse_prefer(request: Request) -> None:
    if request.has_prefer:
        raise Refusal(500)


# --- departments ------------------------------------------------------------------------------------------

_MEMBERS = frozenset({"Number", "Name", "MemberName", "Type", "Id", "GroupId"})


@route("GET", "/Groups")
def list_groups(request: Request) -> Answer:
    rows: list[Json] = list(request.system.groups.values())
    query = parse_query(
        request.options, frozenset(rows[0]), {"Members": _MEMBERS, "Rights": frozenset({"RoleName"})}
    )
    page, total = page_of(rows, query)
    chosen: list[Row] = [
        _selected(row, query) | _group_children(request.system, row["Id"], query) for row in page
    ]
    return Answer(body=_collection("Groups", chosen, total if query.wants_count else None))


@route("POST", "/Groups")
def create_group(request: Request) -> Answer:
    group = request.system.add_group(request.body)
    location = f"https://{request.system.options.fqdn}:5001/xapi/v1/Groups({group['Id']})"
    return Answer(201, dict(group), {"Location": location})


@route("GET", "/Groups({id})")
def get_group(request: Request, id: int) -> Answer:
    group = request.system.group(id)
    query = parse_query(
        request.options, frozenset(group), {"Members": _MEMBERS, "Rights": frozenset({"RoleName"})}
    )
    return Answer(body=_selected(group, query) | _group_children(request.system, id, query))


@route("PATCH", "/Groups({id})")
def patch_group(request: Request, id: int) -> Answer:
    request.system.change_group(id, request.body)
    return Answer(204)


@route("DELETE", "/Groups({id})")
def delete_group(request: Request, id: int) -> Answer:
    request.system.remove_group(id)
    return Answer(204)


@route("POST", "/Groups/Pbx.DeleteCompanyById")
def delete_company(request: Request) -> Answer:
    _refuse_prefer(request)
    if not isinstance(request.body, dict) or not isinstance(request.body.get("id"), int):
        raise invalid_body()
    request.system.remove_group(request.body["id"])
    return Answer(204)


@route("GET", "/Groups({id})/Members")
def group_members(request: Request, id: int) -> Answer:
    request.system.group(id)
    rows: list[Row] = list(_members(request.system, id))
    return Answer(body=_collection(f"Groups({id})/Members", rows, None))


@route("GET", "/Groups({id})/Rights")
def group_rights(request: Request, id: int) -> Answer:
    request.system.group(id)
    rows: list[Row] = [{"RoleName": role} for role in (*ROLES, "system", "observers")]
    return Answer(body=_collection(f"Groups({id})/Rights", rows, None))


@route("GET", "/Groups({id})/Pbx.GetRestrictions()")
def group_restrictions(request: Request, id: int) -> Answer:
    request.system.group(id)
    used = {
        "Allowed": request.system.options.max_extensions,
        "Used": len(request.system.users),
        "Unlimited": False,
    }
    return Answer(body={"Users": used, "System": used, "Trunks": used})


def _members(system: PhoneSystem, group_id: int) -> list[Json]:
    return [
        child
        for user in system.users.values()
        for child in _children(system, user_fields.DEFAULTS | user, "Groups", None)
        if child["GroupId"] == group_id
    ]


def _group_children(system: PhoneSystem, group_id: int, query: Query) -> Json:
    return {"Members": _members(system, group_id)} if "Members" in query.expand else {}


# --- numbers, queues, rules -------------------------------------------------------------------------------


@route("GET", "/Peers")
def list_peers(request: Request) -> Answer:
    return _simple(request, "Peers", request.system.all_peers())


@route("GET", "/Peers(Number='{number}')")
def get_peer(request: Request, number: str) -> Answer:
    for peer in request.system.all_peers():
        if peer["Number"] == number:
            return Answer(body=peer)
    raise Refusal(404)


@route("POST", "/Peers/Pbx.RetreivePeersByNumbers")
def peers_by_numbers(request: Request) -> Answer:
    _refuse_prefer(request)
    wanted = ((request.body or {}).get("peersRequest") or {}).get("DnNumbers")
    if not isinstance(wanted, list):
        raise invalid_body()
    rows: list[Row] = [peer for peer in request.system.all_peers() if peer["Number"] in wanted]
    return Answer(body=_collection("Peers", rows, None))


@route("GET", "/Queues")
def list_queues(request: Request) -> Answer:
    return _simple(
        request,
        "Queues",
        [{"Id": 2, "Number": "800", "Name": "Sales hotline", "Agents": request.system.queue_agents}],
    )


@route("PATCH", "/Queues({id})")
def patch_queue(request: Request, id: int) -> Answer:
    agents = (request.body or {}).get("Agents")
    if id != 2:
        raise Refusal(404)
    if not isinstance(agents, list):
        raise invalid_body()
    for agent in agents:
        if agent.get("Number") not in request.system.user_by_number:
            raise warning("Agents", "XAPI.NON_EXISTENT_EXT_NUMBER")
    request.system.queue_agents[:] = agents
    return Answer(204)


@route("GET", "/RingGroups")
def list_ring_groups(request: Request) -> Answer:
    return _simple(
        request,
        "RingGroups",
        [{"Id": 3, "Number": "801", "Name": "Reception", "Members": request.system.ring_members}],
    )


@route("PATCH", "/RingGroups({id})")
def patch_ring_group(request: Request, id: int) -> Answer:
    members = (request.body or {}).get("Members")
    if id != 3:
        raise Refusal(404)
    if not isinstance(members, list):
        raise invalid_body()
    request.system.ring_members[:] = members
    return Answer(204)


@route("GET", "/InboundRules")
def list_inbound_rules(request: Request) -> Answer:
    return _simple(request, "InboundRules", [], frozenset({"RuleName", "Data"}))


# --- recordings (System Owner only) -----------------------------------------------------------------------


@route("GET", "/Recordings")
def list_recordings(request: Request) -> Answer:
    _owners_only(request)
    return _simple(
        request,
        "Recordings",
        list(request.system.recordings.values()),
        frozenset({"Id", "FromDn", "ToDn", "StartTime"}),
    )


@route("GET", "/Recordings/Pbx.DownloadRecording(recId={id})")
def download_recording(request: Request, id: int) -> Answer:
    _owners_only(request)
    if id not in request.system.recordings:
        raise warning("recId", "XAPI.FILE_NOT_FOUND")
    silence = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80>\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00"
    headers = {"Content-Type": "audio/x-wav", "Content-Disposition": f"attachment; filename=call_{id}.wav"}
    return Answer(body=silence, headers=headers)


@route("POST", "/Recordings/Pbx.BulkRecordingsDelete")
def delete_recordings(request: Request) -> Answer:
    _owners_only(request)
    _refuse_prefer(request)
    for recording_id in (request.body or {}).get("ids") or []:
        if request.system.recordings.pop(recording_id, None) is not None:
            request.system.count("delete_recording", str(recording_id), [])
    return Answer(204)


def _owners_only(request: Request) -> None:
    if request.system.options.role != "system_owners":
        raise Refusal(403)


# --- the system -------------------------------------------------------------------------------------------


@route("GET", "/Defs")
def defs(request: Request) -> Answer:
    return Answer(body={"@odata.context": "https://sandbox.example.test/xapi/v1/$metadata#Defs", "Id": 0})


@route("GET", "/Defs/Pbx.GetSystemParameters()")
def system_parameters(request: Request) -> Answer:
    return Answer(
        body={"ENL": 3, "GlobalLanguage": "EN", "GlobalACPRMSET": user_fields.DEFAULTS["PromptSet"]}
    )


@route("GET", "/Defs/Pbx.HasSystemOwner()")
def has_system_owner(request: Request) -> Answer:
    return Answer(body={"value": True})


@route("GET", "/SystemStatus")
def system_status(request: Request) -> Answer:
    system = request.system
    status: Json = {
        "Version": system.options.version,
        "FQDN": system.options.fqdn,
        "Activated": True,
        "LicenseActive": True,
        "LicenseKey": "SAND-BOXX-KEYS-ARES",
        "ProductCode": "3CXPSPROF",
        "ExtensionsTotal": len(system.users),
        "ExtensionsRegistered": 0,
        "UserExtensions": len(system.users),
        "MaxUserExtensions": system.options.max_extensions,
        "MaxSimCalls": 64,
        "CallsActive": 0,
        "HasNotRunningServices": False,
        "RecordingQuotaReached": False,
        "VoicemailQuotaReached": False,
        "DBMaintenanceInProgress": False,
        "BackupScheduled": True,
        "IsAuditLogEnabled": True,
    }
    return Answer(body=_selected(status, parse_query(request.options, frozenset(status), {})))


@route("GET", "/LicenseStatus")
def licence_status(request: Request) -> Answer:
    return Answer(body={"LicenseActive": True, "ProductName": "3CX Enterprise", "MaxSimCalls": 64})


@route("GET", "/PromptSets")
def prompt_sets(request: Request) -> Answer:
    rows: list[Row] = [{"Id": 1, "PromptSetName": "English", "Folder": user_fields.DEFAULTS["PromptSet"]}]
    return Answer(body=_collection("PromptSets", rows, None))


@route("GET", "/ServicePrincipals")
def service_principals(request: Request) -> Answer:
    row: Json = {
        "Id": 7,
        "Number": request.system.options.client_id,
        "XAPIEnabled": True,
        "CallControlEnabled": False,
    }
    return _simple(request, "ServicePrincipals", [row])


@route("GET", "/VoicemailSettings")
def voicemail_settings(request: Request) -> Answer:
    return Answer(body={"VoicemailQuota": 1000, "UsedSize": 0, "MinDuration": 2})


@route("GET", "/EventLogs")
def event_logs(request: Request) -> Answer:
    return Answer(body=_collection("EventLogs", [], None))


def check_role(system: PhoneSystem) -> None:
    """An ordinary user may use nothing of this API.

    :raises Refusal: 403 with an empty body.
    """
    if system.options.role not in ("system_admins", "system_owners"):
        raise Refusal(403)


__all__ = ["Answer", "Request", "check_role", "department_missing", "find", "route", "templates"]
