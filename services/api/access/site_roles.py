"""What somebody may do at which site: the one place where rights are compared. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.database.tables import Account, AccountRole, AccountSource
from shared.language import declared, listed, phrase
from shared.settings.store import DEFAULT_SITE

# In the stored form, what counts for all sites; no site can have this id.
_EVERYWHERE = "*"
# The phone system and the directory of this site alone are asked who they are.
BY_EXTENSION = (AccountSource.PHONE_SYSTEM.value, AccountSource.DIRECTORY.value)


@dataclass(frozen=True, slots=True)
class SiteRoles:
    """``everywhere`` is the role at all sites, those of tomorrow too; ``at`` has the roles at single sites."""

    everywhere: AccountRole | None = None
    at: Mapping[str, AccountRole] = field(default_factory=dict)

    @property
    def highest(self) -> AccountRole | None:
        """The most that they may do anywhere; ``None`` for somebody without rights."""
        return highest([self.everywhere, *self.at.values()])

    def role_at(self, site_id: str) -> AccountRole | None:
        """The role at one site; ``None``: for them it is not there."""
        return highest([self.everywhere, self.at.get(site_id)])

    def may_at(self, site_id: str, needed: AccountRole) -> bool:
        """Whether they have the rights of the role at the site."""
        role = self.role_at(site_id)
        return role is not None and role.may(needed)

    def may_everywhere(self, needed: AccountRole) -> bool:
        """Whether they have the rights of the role in what belongs to all sites."""
        return self.everywhere is not None and self.everywhere.may(needed)


def highest(roles: Iterable[AccountRole | None]) -> AccountRole | None:
    """The one with most rights."""
    return max((role for role in roles if role is not None), key=list(AccountRole).index, default=None)


def roles_by_rules(rules: Iterable[tuple[AccountRole, str | None]]) -> SiteRoles | None:
    """What rules give together, each a role and the only site it counts for; ``None`` when there are none."""
    everywhere: AccountRole | None = None
    at: dict[str, AccountRole] = {}
    for role, site_id in rules:
        if site_id is None:
            everywhere = highest([everywhere, role])
        else:
            at[site_id] = highest([at.get(site_id), role]) or role
    return SiteRoles(everywhere, at) if everywhere is not None or at else None


def of_extension(role: AccountRole | None) -> SiteRoles | None:
    """The rights of somebody who signs in with an extension: at the site whose phone system it belongs to."""
    return SiteRoles(at={DEFAULT_SITE: role}) if role is not None else None


def of_the_only_site(roles: SiteRoles) -> SiteRoles:
    """While there is no other site, who manages it manages all there is."""
    return SiteRoles(roles.role_at(DEFAULT_SITE))


def roles_of(account: Account) -> SiteRoles:
    """What is stored of an account."""
    if account.site_roles is None:
        return SiteRoles(AccountRole(account.role))
    held = {site_id: AccountRole(name) for site_id, name in account.site_roles.items()}
    return SiteRoles(held.pop(_EVERYWHERE, None), held)


def store(account: Account, roles: SiteRoles) -> None:
    """Write down what somebody may do. ``Account.role`` is the highest role they have anywhere."""
    most = roles.highest
    if most is None:
        raise ValueError(declared("an account without any role"))
    account.role = most.value
    held = {site_id: role.value for site_id, role in sorted(roles.at.items())}
    if roles.everywhere is not None and held:
        held[_EVERYWHERE] = roles.everywhere.value
    account.site_roles = held or None


def in_words(roles: SiteRoles) -> str:
    """For the audit and the list of accounts: ``viewer``, or ``manager at oslo, viewer at all sites``."""
    if not roles.at:
        return roles.everywhere.value if roles.everywhere is not None else ""
    held = [
        phrase("{role} at {site_id}", role=declared(role.value), site_id=site_id)
        for site_id, role in sorted(roles.at.items())
    ]
    return listed(
        [
            *held,
            *(
                [phrase("{role} at all sites", role=declared(roles.everywhere.value))]
                if roles.everywhere
                else []
            ),
        ]
    )


def changed(roles: SiteRoles, role: AccountRole | None, site_id: str | None) -> SiteRoles:
    """The rights with another role (``None``: none) at one site, or at all of them."""
    if site_id is None:
        return SiteRoles(role, roles.at)
    others = {other: held for other, held in roles.at.items() if other != site_id}
    return SiteRoles(roles.everywhere, others | ({site_id: role} if role is not None else {}))
