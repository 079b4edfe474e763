"""Tries what a run will need of a phone system, reading only, so that a green test means a good run.

Called by ``snapshot`` (what every run depends on) and ``questions`` (everything). What is missing but not needed becomes
advice; what is needed raises.
"""

from collections.abc import Iterator, Sequence

from services.relay_client import template
from services.relay_client.errors import REFUSED
from services.relay_client.xapi import About, Licence, Xapi
from shared.domain.extension import Department


def try_settings(xapi: Xapi, about: About, licence: Licence) -> list[str]:
    """Read whatever templates and renumbering copy, of one extension; advice on what this release does not have.

    :raises RollcallError: a run could not read it either.
    """
    missing = xapi.missing_settings(template.READ_FIELDS, template.EXPANDED)
    return [*_of_settings(about, missing), *_of_licence(licence)]


def try_rights(xapi: Xapi, departments: Sequence[Department]) -> list[str]:
    """Try the rest: roles of departments, numbers in use, recordings; advice on what only some settings need.

    :raises RollcallError: a run could not read it either.
    """
    xapi.try_reading()
    advice: list[str] = []
    try:
        default = next((item for item in departments if item.is_default), None)
        if default is not None:
            advice += _of_roles(xapi.settings.allowed_roles, xapi.roles(default.id))
    except REFUSED as refused:
        advice.append(f"The roles of departments cannot be looked at. {refused.args[0]}")
    try:
        xapi.try_recordings()
    except REFUSED as refused:
        advice.append(
            f"Recordings cannot be read, so none can be archived through the API. {refused.args[0]}"
        )
    return advice


def _of_settings(about: About, missing: Sequence[str]) -> Iterator[str]:
    if missing:
        yield (
            f"This 3CX ({about.version or 'it says no version'}) does not have {_listed(missing)}. Templates and renumbering leave "
            "out these settings; everything else is copied."
        )


def _of_licence(licence: Licence) -> Iterator[str]:
    if not licence.is_told:
        yield (
            "3CX does not say how many extensions its licence allows, so Rollcall cannot tell beforehand whether new ones "
            "fit. Look at the licence in 3CX before many people join."
        )


def _of_roles(allowed: Sequence[str], there: Sequence[str]) -> Iterator[str]:
    unknown = [role for role in allowed if role not in there]
    if unknown and there:
        yield (
            f"3CX does not have the role {_listed(unknown)}, which phone_system.allowed_roles names. It has: "
            f"{', '.join(sorted(there))}."
        )


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
