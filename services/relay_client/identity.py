"""Says whether an extension and its voicemail PIN belong together, and which rights 3CX gives it. Called by the tasks.

The PIN travels encrypted, is compared here and forgotten: no answer, error or log line holds it, nor 3CX's one.
"""

import hmac
from typing import Any

from services.relay_client.xapi.client import Xapi
from shared.errors import ExtensionNotFound
from shared.language import declared, phrase
from shared.values.text import clean
from shared.worker.context import Context

# Guessed in a moment; 3CX itself makes longer ones.
SHORTEST_PIN = 4
_FIELDS = ("Id", "Number", "FirstName", "LastName", "Enabled")
_RIGHTS = ("Groups($expand=Rights)",)


def check_pin(context: Context, xapi: Xapi, number: str, sealed_pin: str) -> dict[str, Any]:
    """Who the extension belongs to; ``refused`` is empty when the PIN is theirs, else it says why not.

    :raises RollcallError: the phone system cannot be asked.
    """
    return _answer(xapi, number, context.encryption.decrypt(sealed_pin))


def look_up(xapi: Xapi, number: str) -> dict[str, Any]:
    """As ``check_pin`` for somebody who has proven themselves before.

    :raises RollcallError: the phone system cannot be asked.
    """
    return _answer(xapi, number, None)


def _answer(xapi: Xapi, number: str, pin: str | None) -> dict[str, Any]:
    fields = (*_FIELDS, "VMPIN") if pin is not None else _FIELDS
    try:
        user = xapi.user(number, fields, _RIGHTS, declared("checking who signs in"))
    except ExtensionNotFound:
        return {
            "number": "",
            "name": "",
            "roles": [],
            "refused": declared("the phone system has no such extension"),
        }
    name = clean(f"{user.get('FirstName') or ''} {user.get('LastName') or ''}")
    roles = {(group.get("Rights") or {}).get("RoleName") for group in user.get("Groups") or []}
    return {
        "number": number,
        "name": name or number,
        "roles": sorted(str(role) for role in roles if role),
        "refused": _refusal(bool(user.get("Enabled")), str(user.get("VMPIN") or ""), pin),
    }


def _refusal(is_enabled: bool, right: str, given: str | None) -> str:
    # Compared first: how long an answer takes must not tell what it depends on.
    is_same = given is not None and hmac.compare_digest(right.encode(), given.encode())
    if not is_enabled:
        return declared("the extension is disabled")
    if given is None:
        return ""
    if len(right) < SHORTEST_PIN:
        return phrase(
            "its voicemail PIN has fewer than {shortest_pin} digits; give it a longer one in 3CX",
            shortest_pin=SHORTEST_PIN,
        )
    return "" if is_same else declared("the PIN is wrong")
