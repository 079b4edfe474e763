"""Tries what a run will need of a phone system, reading only, so that a green test means a good run.

Called by ``snapshot`` (what every run depends on) and ``questions`` (everything). What is needed raises; what only some
settings need becomes advice.
"""

from collections.abc import Sequence

from services.relay_client.advice import advice_on_roles
from services.relay_client.xapi import template
from services.relay_client.xapi.client import MissingSettings, Xapi
from services.relay_client.xapi.errors import REFUSED
from shared.domain.extension import Department
from shared.language import declared, phrase


def try_settings(xapi: Xapi) -> MissingSettings:
    """Read whatever templates and renumbering copy, of one extension; nobody's PIN for a mere try.

    :raises RollcallError: a run could not read it either.
    """
    fields = tuple(name for name in template.OWN_READ_FIELDS if name != "VMPIN")
    return xapi.missing_settings(fields, template.OWN_EXPANDED)


def try_rest(
    xapi: Xapi, departments: Sequence[Department], *, with_recordings: bool, with_welcome: bool
) -> list[str]:
    """Try what else a run may read: numbers in use, roles, where they are archived through the API recordings, and
    whether welcome messages can be mailed where they are wanted.

    :raises RollcallError: a run could not read it either.
    """
    xapi.try_numbers()
    advice: list[str] = []
    try:
        default = next((item for item in departments if item.is_default), None)
        if default is not None:
            advice += advice_on_roles(xapi.settings.allowed_roles, xapi.roles(default.id))
    except REFUSED as refused:
        advice.append(phrase("The roles of departments cannot be read. {message}", message=refused.args[0]))
    try:
        if with_recordings:
            xapi.try_recordings()
    except REFUSED as refused:
        advice.append(
            phrase(
                "Recordings cannot be read, so leavers cannot be archived. {message}", message=refused.args[0]
            )
        )
    if with_welcome:
        advice += _try_mail(xapi)
    return advice


def _try_mail(xapi: Xapi) -> list[str]:
    without = declared(
        "Set it up in 3CX under System > Email, or turn welcome messages off (rules.welcome_email)."
    )
    try:
        if not xapi.can_mail():
            return [
                phrase(
                    "3CX has no mail server, so it can send no welcome messages. {without}", without=without
                )
            ]
    except REFUSED as refused:
        return [
            phrase(
                "The mail settings of 3CX cannot be read, so it is unknown whether welcome messages can be "
                "sent. {message}",
                message=refused.args[0],
            )
        ]
    return []
