"""``/Users``: the extensions of people."""

from typing import Any

from services.sandbox.phone_system import user_fields
from services.sandbox.phone_system.answers import Refusal, invalid_body
from services.sandbox.phone_system.odata import Rows, parse_query
from services.sandbox.phone_system.routing import Answer, Request, route
from services.sandbox.phone_system.schema import accepts
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


@route("POST", "/Users/Pbx.BatchDelete")
def batch_delete(request: Request) -> Answer:
    """Deletes what it can and says with status 200 what it could not."""
    errors: list[Json] = []
    for user_id in request.ids("Ids", "ids"):
        number = request.system.users.get(user_id, {}).get("Number", str(user_id))
        try:
            request.system.remove_user(user_id)
        except Refusal as refused:
            text = (
                refused.body["error"]["details"][0]["message"] if refused.body else "WARNINGS.XAPI.NOT_FOUND"
            )
            errors.append({"ExtensionNumber": number, "Error": text})
    return Answer(body={"value": errors})


@route("GET", "/Users/Pbx.GetFirstAvailableExtensionNumber()")
def first_number(request: Request) -> Answer:
    return Answer(body={"Number": request.system.first_free_number()})


@route("GET", "/Users({id})/Pbx.HasDuplicatedEmail()")
def has_duplicated_email(request: Request, id: int) -> Answer:
    request.system.user(id)
    return Answer(body={"value": False})


@route("POST", "/Users({id})/Pbx.SendWelcomeEmail")
def send_welcome_email(request: Request, id: int) -> Answer:
    request.system.count("send_welcome_email", request.system.user(id)["Number"], [])
    return Answer(204)


@route("POST", "/Users({id})/Pbx.Regenerate")
def regenerate(request: Request, id: int) -> Answer:
    """New secrets in place of the old ones, as far as they show in a user."""
    number, wanted = request.system.user(id)["Number"], request.fields().get("opts")
    if not isinstance(wanted, dict):
        raise invalid_body()
    made = user_fields.new_secrets()
    fields = [field for option, field in user_fields.REGENERATED if wanted.get(option) is True]
    request.system.users[id].update({field: made[field] for field in fields})
    request.system.count("regenerate_user", number, sorted(fields))
    return Answer(204)


@route("POST", "/Users/Pbx.MultiUserUpdate")
def multi_user_update(request: Request) -> Answer:
    """Takes complete forwarding profiles; without them real systems fail with nothing but a status."""
    ids = request.ids("ids", "Ids")
    changes: Any = request.fields().get("user")
    if not accepts(request.system.entities["MultiEditUserData"], changes):
        raise invalid_body()
    profiles = changes.get("ForwardingProfiles") or []
    if {profile.get("Name") for profile in profiles} != set(user_fields.PROFILES):
        raise Refusal(500)
    for user_id in ids:
        known = {
            name: value
            for name, value in changes.items()
            if name in request.system.entities["User"] and name != "Number"
        }
        request.system.change_user(user_id, known)
    return Answer(204)
