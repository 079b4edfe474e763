"""Which rights somebody has who is known elsewhere: what the settings say, at every sign-in. Pure."""

from collections.abc import Collection, Iterable

from shared.database.tables import AccountRole
from shared.settings.documents import SignInSettings
from shared.settings.sections.access import Role
from shared.settings.store import DEFAULT_SITE


def role_of(settings: SignInSettings, number: str, roles_in_3cx: Collection[str]) -> AccountRole | None:
    """The most that one of the rules gives; ``None`` for somebody who may not come in."""
    if number in settings.managers or set(settings.manager_roles) & set(roles_in_3cx):
        return AccountRole.MANAGER
    if number in settings.operators:
        return AccountRole.OPERATOR
    return AccountRole.VIEWER if settings.others_may_view else None


def highest(rules: Iterable[tuple[Role, str | None]], site_id: str = DEFAULT_SITE) -> AccountRole | None:
    """The most that rules give at a site, each a role and the only site it counts for; ``None`` when none does."""
    held = [AccountRole(role.value) for role, only in rules if only in (None, site_id)]
    return max(held, key=list(AccountRole).index, default=None)
