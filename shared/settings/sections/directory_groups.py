"""Signing in with an Active Directory account: the groups whose members may, and what they may do."""

from typing import Annotated

from pydantic import StringConstraints, field_validator, model_validator

from shared.language import declared, phrase
from shared.settings.declaration import REQUIRED, Document, Group, setting, wrong
from shared.settings.sections.access import Role, SiteId
from shared.settings.sections.types import is_distinguished_name

SWITCH = Group("Active Directory accounts")
GROUPS = Group("Groups and roles")


class GroupRole(Document):
    """What members of one group may do."""

    group: Annotated[str, StringConstraints(min_length=3, max_length=2048, strip_whitespace=True)] = setting(
        REQUIRED, "Group", "Distinguished name, e.g. CN=Phone admins,OU=Groups,DC=corp,DC=example."
    )
    role: Role = setting(Role.VIEWER, "Role", "Operators may also start, approve and reject runs.")
    site: SiteId | None = setting(None, "Site (empty: all)", "ID of the only site the rule counts for.")

    @field_validator("group")
    @classmethod
    def _is_a_distinguished_name(cls, value: str) -> str:
        if not is_distinguished_name(value):
            raise ValueError(
                phrase(
                    "'{value}' is not a distinguished name, e.g. CN=Phone admins,OU=Groups,DC=corp,DC=example.",
                    value=value,
                )
            )
        return value


class DirectoryGroupsSettings(Document):
    """Members of these Active Directory groups, direct or nested, sign in to the console with the name and password of
    their Windows account. The password is checked by a domain controller over LDAPS or StartTLS and never stored. Those of site
    default count for all sites."""

    is_enabled: bool = setting(
        False,
        "Sign-in with Active Directory accounts",
        "Needs LDAPS or StartTLS in the Active Directory settings.",
        SWITCH,
    )
    groups: tuple[GroupRole, ...] = setting(
        (), "Groups and roles", "Members of several groups have the highest role.", GROUPS
    )

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> "DirectoryGroupsSettings":
        if self.is_enabled and not self.groups:
            raise wrong("groups", declared("Add a group whose members may sign in, or turn the sign-in off."))
        return self
