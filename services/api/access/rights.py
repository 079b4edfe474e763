"""Which rights somebody has who is known elsewhere: what the settings say, at every sign-in. Pure."""

from collections.abc import Collection

from shared.database.tables import AccountRole
from shared.settings.documents import SignInSettings


def role_of(settings: SignInSettings, number: str, roles_in_3cx: Collection[str]) -> AccountRole | None:
    """The most that one of the rules gives; ``None`` for somebody who may not come in."""
    if number in settings.managers or set(settings.manager_roles) & set(roles_in_3cx):
        return AccountRole.MANAGER
    if number in settings.operators:
        return AccountRole.OPERATOR
    return AccountRole.VIEWER if settings.others_may_view else None
