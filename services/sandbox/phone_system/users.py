"""``/Users``: the extensions of people."""

from typing import Any

from services.sandbox.phone_system import user_fields
from services.sandbox.phone_system.odata import Rows, parse_query
from services.sandbox.phone_system.routing import Answer, Request, route
from services.sandbox.phone_system.store import Json


def complete(request: Request, user: Any) -> Json:
    """A user with everything that can be expanded."""
    profiles = user.get("ForwardingProfiles")
    return {
        **user,
        "Groups": lambda: request.system.memberships(user),
        "ForwardingProfiles": user_fields.default_profiles(user["Number"]) if profiles is None else profiles,
    }


@route("GET", "/Users")
def list_users(request: Request) -> Answer:
    wanted = parse_query(request.options, request.system.entities["User"]).filter
    ids = request.system.ids_by_key(wanted)
    rows = Rows(list(request.system.users) if ids is None else ids, request.system.user)
    return request.collection("Users", rows, "User", lambda user: complete(request, user))


@route("POST", "/Users")
def create_user(request: Request) -> Answer:
    user = request.system.add_user(request.fields())
    return request.created("Users", complete(request, user), "User")


@route("GET", "/Users({id})")
def get_user(request: Request, id: int) -> Answer:
    return request.single("Users", complete(request, request.system.user(id)), "User")


@route("GET", "/Users(Number='{number}')")
def get_user_by_number(request: Request, number: str) -> Answer:
    return get_user(request, request.system.user_id_of(number))


@route("PATCH", "/Users({id})")
def patch_user(request: Request, id: int) -> Answer:
    request.system.change_user(id, request.fields())
    return Answer(204)


@route("DELETE", "/Users({id})")
def delete_user(request: Request, id: int) -> Answer:
    request.system.remove_user(id)
    return Answer(204)


def _child_route(name: str, entity: str) -> None:
    @route("GET", f"/Users({{id}})/{name}")
    def _list_children(request: Request, id: int) -> Answer:
        children = complete(request, request.system.user(id))[name]
        rows: list[Json] = children() if callable(children) else children
        return request.collection(f"Users({id})/{name}", rows, entity)


_child_route("Groups", "UserGroup")
_child_route("ForwardingProfiles", "ForwardingProfile")
_child_route("Greetings", "Greeting")


@route("GET", "/Users/Pbx.GetFirstAvailableExtensionNumber()")
def first_number(request: Request) -> Answer:
    return Answer(body={"Number": request.system.first_free_number()})


@route("GET", "/Users({id})/Pbx.HasDuplicatedEmail()")
def has_duplicated_email(request: Request, id: int) -> Answer:
    request.system.user(id)
    return Answer(body={"value": False})
