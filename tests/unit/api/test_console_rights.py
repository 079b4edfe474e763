"""Who gets which rights from the settings of signing in, and which settings make no sense."""

import pytest

from services.api.access.rights import role_of
from shared.database.tables import AccountRole
from shared.errors import SettingsInvalid
from shared.settings import store
from shared.settings.documents import Section, SignInSettings

RULES = SignInSettings(managers=("100",), manager_roles=("system_owners",), operators=("100", "101"))


@pytest.mark.parametrize(
    ("number", "roles", "role"),
    [
        ("100", (), AccountRole.MANAGER),
        ("101", (), AccountRole.OPERATOR),
        ("101", ("users", "system_owners"), AccountRole.MANAGER),
        ("102", ("system_owners",), AccountRole.MANAGER),
        ("102", ("users", "system_admins"), None),
        ("", (), None),
    ],
)
def test_the_most_that_a_rule_gives_counts(
    number: str, roles: tuple[str, ...], role: AccountRole | None
) -> None:
    assert role_of(RULES, number, roles) is role


def test_by_default_nobody_comes_in_by_extension() -> None:
    assert role_of(SignInSettings(), "100", ("system_owners",)) is None
    assert role_of(SignInSettings(others_may_view=True), "100", ()) is AccountRole.VIEWER


def test_every_role_has_the_rights_of_those_below() -> None:
    roles = [AccountRole.VIEWER, AccountRole.OPERATOR, AccountRole.MANAGER]
    assert [[role.may(other) for other in roles] for role in roles] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"managers": ["Anna"]}, "managers.0"),
        ({"managers": ["1"]}, "managers.0"),
        ({"manager_roles": ["users"]}, "Everyone has the role"),
        ({"manager_roles": ["System Owner"]}, "e.g. system_owners"),
        ({"password_type": "none"}, "password_type"),
    ],
)
def test_what_cannot_be_used_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        store.validate(Section.SIGN_IN, values)
