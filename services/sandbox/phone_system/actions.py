"""``/Users/Pbx.*``: actions on one user or several; they take a body of their own and answer with little."""

import secrets
from typing import Any

from services.sandbox.phone_system import user_fields
from services.sandbox.phone_system.answers import Refusal, invalid_body, warning
from services.sandbox.phone_system.routing import Answer, Request, route
from services.sandbox.phone_system.schema import accepts
from services.sandbox.phone_system.store import Json
from services.sandbox.phone_system.users import list_users


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


@route("POST", "/Users({id})/Pbx.SendWelcomeEmail")
def send_welcome_email(request: Request, id: int) -> Answer:
    """No source tells what a system says that cannot mail, or of a user without an address."""
    if not request.system.options.can_mail:
        raise warning("MailServer", "XAPI.NOT_SUPPORTED")
    if not request.system.user(id).get("EmailAddress"):
        raise warning("EmailAddress", "XAPI.REQUIRED")
    request.system.count("send_welcome_email", request.system.user(id)["Number"], [])
    return Answer(204)


@route("POST", "/Users({id})/Pbx.Regenerate")
def regenerate(request: Request, id: int) -> Answer:
    """New secrets in place of the old ones, as far as they show in a user; a welcome message if it is wanted."""
    _regenerate(request, [id])
    return Answer(204)


@route("POST", "/Users/Pbx.RegeneratePasswords")
def regenerate_passwords(request: Request) -> Answer:
    _regenerate(request, request.ids("Ids", "ids"))
    return Answer(204)


def _regenerate(request: Request, ids: list[int]) -> None:
    wanted = request.fields().get("opts")
    if not isinstance(wanted, dict):
        raise invalid_body()
    fields = [field for option, field in user_fields.REGENERATED if wanted.get(option) is True]
    numbers = [request.system.user(user_id)["Number"] for user_id in ids]
    for user_id, number in zip(ids, numbers, strict=True):
        made = user_fields.new_secrets()
        request.system.users[user_id].update({field: made[field] for field in fields})
        request.system.count("regenerate_user", number, sorted(fields))
        if wanted.get("SendWelcomeEmail") is True:
            request.system.count("send_welcome_email", number, [])


@route("POST", "/Users/Pbx.ReprovisionPhone")
def reprovision_phone(request: Request) -> Answer:
    """Tells the phone with this address to ask for its settings again."""
    mac = request.fields().get("mac")
    if not isinstance(mac, str):
        raise invalid_body()
    for user in request.system.users.values():
        if any(phone.get("MacAddress") == mac for phone in user["Phones"]):
            request.system.count("reprovision_phone", f"{mac} of {user['Number']}", [])
            return Answer(204)
    raise warning("mac", "XAPI.NOT_FOUND")


@route("GET", "/Users({id})/Pbx.GenerateProvLink()")
def generate_provisioning_link(request: Request, id: int) -> Answer:
    request.system.user(id)
    return Answer(
        body={"value": f"https://{request.system.options.fqdn}/provisioning/{secrets.token_urlsafe(12)}"}
    )


@route("POST", "/Users/Pbx.GetDuplicatedEmails")
def get_duplicated_emails(request: Request) -> Answer:
    """Those of the addresses that some user has."""
    given = request.fields().get("emails")
    if not isinstance(given, list) or not all(isinstance(email, str) for email in given):
        raise invalid_body()
    return Answer(body={"value": [email for email in given if email.lower() in request.system.user_by_email]})


@route("GET", "/Users/Pbx.ExportExtensions()")
def export_extensions(request: Request) -> Answer:
    """Rows of users, secrets included, as it is described; live systems may answer with a CSV file."""
    return list_users(request)


@route("POST", "/Users/Pbx.BulkUpdate")
def bulk_update(request: Request) -> Answer:
    """The same fields for several users; nothing is written when one of them does not exist."""
    ids, changes = request.ids("ids", "Ids"), request.fields().get("user")
    for user_id in ids:
        request.system.user(user_id)
    for user_id in ids:
        request.system.change_user(user_id, changes)
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
