"""Answers the console's short questions about the phone system and the relay on its host."""

import time
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from services.relay_client import drift, identity
from services.relay_client.advice import advice_on, advice_on_losses, advice_on_release
from services.relay_client.archiving.archive import downloads_recordings
from services.relay_client.archiving.relay import PROTOCOL, Relay
from services.relay_client.execution import welcome
from services.relay_client.trial import try_rest, try_settings
from services.relay_client.xapi.client import Xapi
from shared.domain.rules import WelcomeEmail
from shared.errors import RelayRefused, RelayUnavailable, RollcallError, SettingsInvalid
from shared.language import declared, phrase
from shared.prerequisites import address_advice
from shared.settings import store
from shared.settings.documents import PhoneSystemSettings, RelaySettings, Section, SiteSettings
from shared.worker.context import Context
from shared.worker.questions import unseal

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
        about, asked_at = xapi.about(), datetime.now(UTC)
        licence = xapi.licence()
        departments = xapi.departments()
        missing = try_settings(xapi)
        site = _site(context, arguments)
        tried = try_rest(
            xapi,
            departments,
            with_recordings=site is not None and downloads_recordings(site),
            with_welcome=site is not None and site.rules.welcome_email is not WelcomeEmail.NEVER,
        )
    ends_at = about.certificate_ends_at
    warnings = address_advice("phone_system.base_url", urlsplit(settings.base_url).hostname or "")
    warnings += advice_on(about, settings.base_url, asked_at)
    warnings += [*advice_on_losses(licence, missing), *advice_on_release(about, missing), *tried]
    if licence.most is not None and licence.used >= licence.most:
        warnings.append(
            phrase(
                "All {licensed} licensed extensions are in use. No new extension can be created.",
                licensed=licence.most,
            )
        )
    return {
        "address": settings.base_url,
        "version": about.version,
        "certificate_until": ends_at.date().isoformat() if ends_at else None,
        "used_extensions": licence.used,
        "max_extensions": licence.most,
        "is_limit_known": licence.is_told,
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


def list_departments(context: Context, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Name of every department, in their order: for choosing the one that new ones are like."""
    with _asked(context, _settings(context, arguments)) as xapi:
        found = xapi.departments()
    return [{"name": name} for name in sorted((department.name for department in found), key=str.casefold)]


def send_welcome(context: Context, arguments: dict[str, Any]) -> list[dict[str, str]]:
    """Send the welcome messages of these extensions again; what became of each.

    :raises RollcallError: the phone system cannot be asked.
    """
    with _asked(context, _settings(context, arguments)) as xapi:
        return welcome.send_again(context.database, arguments["site_id"], xapi, arguments["extensions"])


def compare_with_template(context: Context, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """How extensions differ from their templates; ``pairs`` are the numbers of both.

    :raises RollcallError: the phone system cannot be asked, or a template does not exist.
    """
    with context.database.read() as session:
        site = store.read(session, arguments["site_id"], context.encryption).settings
    if not site.phone_system.base_url:
        raise SettingsInvalid(
            declared("No phone system is configured. Set its address in the phone system settings.")
        )
    with Xapi(
        site.phone_system,
        context.database,
        context.encryption,
        patience_seconds=_PATIENCE_SECONDS,
        further=site.further(),
    ) as xapi:
        return drift.compare(xapi, arguments["pairs"])


def check_pin(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Whose extension it is, and whether the PIN (which comes encrypted) is theirs.

    :raises RollcallError: the phone system cannot be asked.
    """
    with _asked(context, _settings(context, arguments)) as xapi:
        return identity.check_pin(context, xapi, arguments["name"], arguments["secret"])


def look_up_extension(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Whose extension it is, whether it is in service, and which roles it has.

    :raises RollcallError: the phone system cannot be asked.
    """
    with _asked(context, _settings(context, arguments)) as xapi:
        return identity.look_up(xapi, arguments["name"])


def test_relay(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Whether the relay answers, with the right key, to us, and whether its host can be worked with.

    :raises RollcallError: the exact reason why not; what hinders only the archiving stands in ``problems``.
    """
    began = time.monotonic()
    settings = _relay_settings(context, arguments)
    relay = Relay(settings)
    answer = relay.test()
    layout = answer.get("layout") or {}
    database = answer.get("database") or {}
    warnings = address_advice("relay.host", settings.host)
    if answer.get("protocol") != PROTOCOL:
        warnings.append(
            phrase(
                "The relay speaks protocol {answer}, Rollcall speaks {protocol}. Install the same version on "
                "both.",
                answer=answer.get("protocol"),
                protocol=PROTOCOL,
            )
        )
    if waiting := answer.get("operations_waiting"):
        warnings.append(phrase("It is processing {waiting} operations.", waiting=waiting))
    return {
        "address": relay.address,
        "relay": str(answer.get("relay", "")),
        "protocol": answer.get("protocol"),
        "system": str(answer.get("system", "")),
        "database": " ".join(str(database[name]) for name in ("name", "version") if database.get(name)),
        "voicemail_folder": layout.get("voicemails"),
        "recordings_folder": layout.get("recordings"),
        "saw": [str(line) for line in layout.get("saw", [])],
        "free_bytes": min((answer.get("free_bytes") or {}).values(), default=0),
        "store_bytes": answer.get("store_bytes", 0),
        "is_usable": answer.get("usable") is True,
        "problems": [str(problem.get("message")) for problem in answer.get("problems") or []],
        "seconds": round(time.monotonic() - began, 3),
        "warnings": warnings,
    }


def pair_relay(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make Rollcall the relay's peer with a pairing code; the code travels encrypted.

    Where no answer came, the relay is asked whether it obeys the new key all the same.

    :raises RelayRefused: the code is not good; says whether an earlier pairing still stands.
    :raises RelayUnavailable: no answer, and the relay does not obey the new key.
    """
    relay = Relay(_relay_settings(context, arguments))
    try:
        relay.pair(context.encryption.decrypt(arguments["code"]))
    except RelayUnavailable:
        if not _is_obeyed(relay):
            raise
    except RelayRefused as refused:
        before = _relay_settings(context, {"site_id": arguments["site_id"]})
        if not before.is_configured or not _is_obeyed(Relay(before)):
            raise
        raise RelayRefused(
            phrase("{message} The previous pairing remains valid.", message=refused.message),
            **refused.details,
        ) from None
    return {"address": relay.address}


def _is_obeyed(relay: Relay) -> bool:
    try:
        relay.test()
    except RollcallError:
        return False
    return True


def _relay_settings(context: Context, arguments: dict[str, Any]) -> RelaySettings:
    sealed = arguments.get("settings")
    if sealed:
        settings = cast(RelaySettings, unseal(Section.RELAY, sealed, context.encryption))
    else:
        with context.database.read() as session:
            settings = store.read(session, arguments["site_id"], context.encryption).settings.relay
    # Somebody waits for the answer.
    return settings.model_copy(update={"timeout_seconds": min(settings.timeout_seconds, _PATIENCE_SECONDS)})


def _site(context: Context, arguments: dict[str, Any]) -> SiteSettings | None:
    if "site_id" not in arguments:
        return None
    with context.database.read() as session:
        return store.read(session, arguments["site_id"], context.encryption).settings


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
        raise SettingsInvalid(
            declared("No phone system is configured. Set its address in the phone system settings.")
        )
    return settings
