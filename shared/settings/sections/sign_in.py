"""Signing in to the console: with which password, and who may do what."""

import re

from pydantic import field_validator

from shared.domain.choice import Choice
from shared.language import declared, phrase
from shared.settings.declaration import Document, Group, setting
from shared.settings.sections.types import ExtensionNumber

PASSWORD = Group("Password")
RIGHTS = Group("Rights")


class PasswordType(Choice):
    """With what people sign in to the console."""

    OWN = "own", "Rollcall account and password"
    VOICEMAIL_PIN = "voicemail_pin", "Extension and voicemail PIN"
    DIRECTORY = "directory", "Extension and directory password"


class SignInSettings(Document):
    """How people sign in to the console, and who may do what. The settings of the site default apply to all sites. Rollcall
    accounts always work, so that nobody is locked out when the phone system or the directory is unavailable."""

    password_type: PasswordType = setting(
        PasswordType.OWN, "Password type", "Rollcall accounts always work as well.", PASSWORD
    )
    managers: tuple[ExtensionNumber, ...] = setting(
        (), "Extensions of managers", "They can change everything, including settings and accounts.", RIGHTS
    )
    manager_roles: tuple[str, ...] = setting(
        (), "3CX roles of managers", "E.g. system_owners or system_admins. Holders are managers.", RIGHTS
    )
    operators: tuple[ExtensionNumber, ...] = setting(
        (), "Extensions of operators", "They may start, approve and reject runs.", RIGHTS
    )
    others_may_view: bool = setting(
        False, "Everyone else may view", "Everyone with an extension may look, but change nothing.", RIGHTS
    )

    @field_validator("manager_roles")
    @classmethod
    def _are_roles_of_people(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        for role in roles:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", role):
                raise ValueError(
                    phrase("'{role}' is not a 3CX role, e.g. system_owners or group_admins.", role=role[:50])
                )
            if role == "users":
                raise ValueError(
                    declared("Everyone has the role 'users'. Enter a role that only a few people have.")
                )
        return roles
