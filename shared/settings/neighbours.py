"""Sites that manage the same phone system: each would take the extensions of the other's people for its own."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.database.tables import SettingsVersion
from shared.settings.documents import Section

_HTTPS = 443


def phone_system_of(base_url: str) -> str:
    """What tells one phone system from another by its address: host and port, however it is written; empty when there is none."""
    given = base_url.strip()
    try:
        parts = urlsplit(given if "//" in given else f"//{given}")
        host = (parts.hostname or "").rstrip(".")
        return f"{host}:{parts.port or _HTTPS}" if host else ""
    except ValueError:
        return ""


def sharing(addresses: Mapping[str, str]) -> dict[str, list[str]]:
    """By site, the others that have the same phone system; ``addresses`` is by site. Pure."""
    sites: dict[str, list[str]] = {}
    for site_id, address in sorted(addresses.items()):
        if place := phone_system_of(address):
            sites.setdefault(place, []).append(site_id)
    return {
        site_id: [other for other in together if other != site_id]
        for together in sites.values()
        if len(together) > 1
        for site_id in together
    }


def read_sharing(session: Session) -> dict[str, list[str]]:
    """As ``sharing``, of all sites as they are stored."""
    return sharing(read_addresses(session))


def read_addresses(session: Session) -> dict[str, str]:
    """The address of the phone system of every site that has saved one."""
    newest = (
        select(SettingsVersion.site_id, func.max(SettingsVersion.version).label("version"))
        .where(SettingsVersion.section == Section.PHONE_SYSTEM.value)
        .group_by(SettingsVersion.site_id)
        .subquery()
    )
    rows = session.execute(
        select(SettingsVersion.site_id, SettingsVersion.document).join(
            newest,
            (SettingsVersion.site_id == newest.c.site_id)
            & (SettingsVersion.version == newest.c.version)
            & (SettingsVersion.section == Section.PHONE_SYSTEM.value),
        )
    )
    return {site_id: str(document.get("base_url") or "") for site_id, document in rows}
