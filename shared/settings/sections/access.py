"""What the ways of signing in have in common: which role a rule gives, and at which site."""

from typing import Annotated

from pydantic import StringConstraints

from shared.domain.choice import Choice
from shared.settings.declaration import ErrorWords


class Role(Choice):
    """What somebody may do in the console."""

    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    MANAGER = "manager", "Manager"


SiteId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", strip_whitespace=True),
    ErrorWords("Enter the ID of a site, e.g. oslo, or leave it empty for all sites."),
]
