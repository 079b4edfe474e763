"""Answers the console's short questions about the phone system."""

import time
from typing import Any, cast

from services.relay_client.xapi import Xapi
from shared.errors import SettingsInvalid
from shared.settings import store
from shared.settings.documents import PhoneSystemSettings, Section
from shared.worker.context import Context
from shared.worker.questions import unseal

SUPPORTED_VERSION = "20"
# Somebody waits for the answer.
_PATIENCE_SECONDS = 5.0


def test_phone_system(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Whether address, credentials, rights and licence will do, with the figures that show it.

    :raises RollcallError: the exact reason why not.
    """
    began = time.monotonic()
    settings = _settings(context, arguments)
    with _asked(context, settings) as xapi:
        xapi.sign_in()
        version = xapi.version()
        used, most = xapi.system_status()
        departments = xapi.departments()
    warnings = []
    if version.partition(".")[0] != SUPPORTED_VERSION:
        warnings.append(
            f"The phone system says version {version or '(none)'}. Rollcall is made for 3CX V{SUPPORTED_VERSION}: look "
            "at a preview with care before anything is executed."
        )
    if most is not None and used >= most:
        warnings.append(f"All {most} extensions of the licence are in use: nobody new can be given one.")
    return {
        "address": settings.base_url,
        "version": version,
        "used_extensions": used,
        "max_extensions": most,
        "departments": len(departments),
        "seconds": round(time.monotonic() - began, 3),
        "warnings": warnings,
    }


def list_extensions(context: Context, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Number and name of every extension, by number: for choosing a template or the archive."""
    with _asked(context, _settings(context, arguments)) as xapi:
        found = xapi.extensions()
    return [
        {"number": extension.number, "name": extension.name}
        for extension in sorted(found, key=lambda item: (len(item.number), item.number))
    ]


def _asked(context: Context, settings: PhoneSystemSettings) -> Xapi:
    return Xapi(settings, context.database, context.encryption, patience_seconds=_PATIENCE_SECONDS)


def _settings(context: Context, arguments: dict[str, Any]) -> PhoneSystemSettings:
    sealed = arguments.get("settings")
    if sealed:
        settings = cast(PhoneSystemSettings, unseal(Section.PHONE_SYSTEM, sealed, context.encryption))
    else:
        with context.database.read() as session:
            settings = store.read(session, arguments["site_id"], context.encryption).settings.phone_system
    if not settings.base_url:
        raise SettingsInvalid("There is no phone system to ask. Set phone_system.base_url.")
    return settings
