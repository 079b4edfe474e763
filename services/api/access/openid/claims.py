"""What the claims of somebody mean here: values, name, role. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.api.access.site_roles import SiteRoles, roles_by_rules
from shared.database.tables import AccountRole
from shared.settings.documents import SingleSignOnSettings

_MOST_VALUES = 1000


def values_at(claims: Mapping[str, Any], place: str) -> list[str]:
    """The texts at a place of the claims: one, several, or below others (``realm_access.roles``)."""
    found: Any = claims.get(place)
    if found is None and "." in place:
        found = claims
        for part in place.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    items = found if isinstance(found, list) else [found]
    return [item for item in items[:_MOST_VALUES] if isinstance(item, str)]


def name_in(claims: Mapping[str, Any], place: str) -> str:
    """What the account is called: the claim of the settings, else the e-mail address, else the subject."""
    for candidate in (*values_at(claims, place), claims.get("email"), claims.get("sub")):
        name = _printable(candidate).lower()[:120]
        if name:
            return name
    return ""


def display_name_in(claims: Mapping[str, Any], name: str) -> str:
    """What people read of them."""
    return _printable(claims.get("name"))[:200] or name


def roles_of(settings: SingleSignOnSettings, held: Iterable[str]) -> SiteRoles | None:
    """The most that these values of the role claim give; ``None`` for somebody who may not come in."""
    values = set(held)
    return roles_by_rules(
        (AccountRole(rule.role.value), rule.site) for rule in settings.roles if rule.value in values
    )


def _printable(text: Any) -> str:
    if not isinstance(text, str):
        return ""
    return "".join(character for character in text if character.isprintable()).strip()
