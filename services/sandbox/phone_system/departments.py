"""``/Groups``: the departments, which 3CX calls groups in its API."""

from services.sandbox.phone_system.answers import invalid_body
from services.sandbox.phone_system.filters import Row
from services.sandbox.phone_system.routing import Answer, Request, route
from services.sandbox.phone_system.store import ROLES, Json

# The last two are internal ones that a live system lists; nobody can be given them.
_LISTED_ROLES: list[Json] = [{"RoleName": role} for role in (*ROLES, "system", "observers")]


def _complete(request: Request, group: Row) -> Json:
    members = request.system.members
    return {**group, "Members": lambda: members(group["Id"]), "Rights": _LISTED_ROLES}


@route("GET", "/Groups")
def list_groups(request: Request) -> Answer:
    groups = list(request.system.groups.values())
    return request.collection("Groups", groups, "Group", lambda group: _complete(request, group))


@route("POST", "/Groups")
def create_group(request: Request) -> Answer:
    group = request.system.add_group(request.fields())
    return request.created("Groups", _complete(request, group), "Group")


@route("GET", "/Groups({id})")
def get_group(request: Request, id: int) -> Answer:
    return request.single("Groups", _complete(request, request.system.group(id)), "Group")


@route("PATCH", "/Groups({id})")
def patch_group(request: Request, id: int) -> Answer:
    request.system.change_group(id, request.fields())
    return Answer(204)


@route("DELETE", "/Groups({id})")
def delete_group(request: Request, id: int) -> Answer:
    request.system.remove_group(id)
    return Answer(204)


@route("POST", "/Groups/Pbx.DeleteCompanyById")
def delete_company(request: Request) -> Answer:
    group_id = request.fields().get("id")
    if type(group_id) is not int:
        raise invalid_body()
    request.system.remove_group(group_id)
    return Answer(204)


@route("GET", "/Groups({id})/Members")
def group_members(request: Request, id: int) -> Answer:
    request.system.group(id)
    return request.collection(f"Groups({id})/Members", request.system.members(id), "UserGroup")


@route("GET", "/Groups({id})/Rights")
def group_rights(request: Request, id: int) -> Answer:
    request.system.group(id)
    return request.collection(f"Groups({id})/Rights", _LISTED_ROLES, "Rights")


@route("GET", "/Groups({id})/Pbx.GetRestrictions()")
def group_restrictions(request: Request, id: int) -> Answer:
    system = request.system
    system.group(id)
    users = {"Allowed": system.options.max_extensions, "Used": len(system.users), "Unlimited": False}
    others = {"Allowed": -1, "Used": 0, "Unlimited": True}
    return Answer(body={"Users": users, "System": others, "Trunks": others})
