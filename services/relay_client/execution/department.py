"""Makes a department like another one: its language, prompts, time zone, hours and range of numbers.

Called by ``perform``. Without them 3CX gives it those of its own installation, whatever the company has set.
"""

import re
from collections.abc import Mapping
from typing import Any

from services.relay_client.xapi.client import Json, Xapi
from services.relay_client.xapi.odata import without_annotations
from services.relay_client.xapi.warnings import name_of
from shared.errors import CommandRejected, RollcallError
from shared.language import phrase

COPIED = ("Language", "PromptSet", "TimeZoneId", "Hours", "BreakTime")
# Of the properties that a department has beside its own: only the range that its extensions get numbers from.
_RANGE = ("UserNumberFrom", "UserNumberTo")


def settings_of(found: Mapping[str, Any]) -> Json:
    """What a department made like this one is created with. Pure."""
    settings: Json = {
        name: without_annotations(found[name]) for name in COPIED if found.get(name) is not None
    }
    props = found.get("Props") or {}
    if all(props.get(name) for name in _RANGE):
        settings["Props"] = {name: props[name] for name in _RANGE}
    return settings


def name_limit(refused: RollcallError, name: str) -> int | None:
    """How many characters 3CX takes for a name, by its refusal of this one; ``None`` when that was not the reason.

    Where it does not say how many, half as many are tried next.
    """
    warning = name_of(str(refused.details.get("warning") or ""))
    limit = re.fullmatch(r"LENGTH_NOT_MORE_(\d+)_CHARS", warning)
    if limit is not None:
        return int(limit[1])
    return max(1, len(name) // 2) if warning == "STRING_TOO_LONG" else None


def make(xapi: Xapi, name: str, like: int | None) -> tuple[int, list[str]]:
    """The id of a new department, made like the one with the id ``like``; and the settings that 3CX refused.

    :raises CommandRejected: 3CX does not take the name.
    """
    settings = settings_of(xapi.department(like, (*COPIED, "Props"))) if like is not None else {}
    try:
        return xapi.create_department(name, settings), []
    except CommandRejected as refused:
        if not settings or refused.details.get("target") == "Name":
            raise
    # Nothing was created. The rest is written to what is there, so that one setting keeps no other away.
    made, not_taken = xapi.create_department(name, {}), []
    for field, value in settings.items():
        try:
            xapi.update_department(
                made,
                {field: value},
                phrase("writing {field} of the department {name}", field=field, name=name),
            )
        except CommandRejected:
            not_taken.append(field)
    return made, not_taken
