"""Second factors: who must show one besides the password."""

from shared.domain.choice import Choice
from shared.settings.declaration import Document, Group, setting

REQUIRED_FOR = Group("Required for")


class RequiredFor(Choice):
    """Which roles must have a second factor."""

    NOBODY = "nobody", "Nobody (each person decides)"
    MANAGERS = "managers", "Managers"
    OPERATORS = "operators", "Managers and operators"
    EVERYONE = "everyone", "Everyone"


class SecondFactorSettings(Document):
    """A second factor is an authenticator app or a passkey, asked for after the password of a Rollcall account or an Active
    Directory account. Extensions with PIN or directory password have none; at an identity provider it is the provider's.
    The settings of the site default apply to all sites."""

    required_for: RequiredFor = setting(
        RequiredFor.NOBODY,
        "Second factor required for",
        "People without one set one up at the next sign-in. Takes effect immediately.",
        REQUIRED_FOR,
    )
