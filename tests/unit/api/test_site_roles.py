"""Roles by site: what rules and managers give, how it is stored, and what it allows."""

import pytest

from services.api.access.site_roles import (
    SiteRoles,
    changed,
    in_words,
    of_extension,
    of_the_only_site,
    roles_by_rules,
    roles_of,
    store,
)
from shared.database.tables import Account, AccountRole

VIEWER, OPERATOR, MANAGER = AccountRole


@pytest.mark.parametrize(
    "roles",
    [
        SiteRoles(MANAGER),
        SiteRoles(at={"oslo": VIEWER}),
        SiteRoles(VIEWER, {"oslo": MANAGER}),
        SiteRoles(at={"oslo": VIEWER, "default": OPERATOR}),
    ],
)
def test_what_is_stored_of_an_account_is_read_again(roles: SiteRoles) -> None:
    account = Account(role="manager")
    store(account, roles)
    assert roles_of(account) == roles
    assert account.role == roles.highest


def test_an_account_of_before_counts_for_all_sites_and_one_without_any_for_none() -> None:
    assert roles_of(Account(role="operator")) == SiteRoles(OPERATOR)
    assert roles_of(Account(role="operator", site_roles={})).highest is None
    with pytest.raises(ValueError, match="without any role"):
        store(Account(), SiteRoles())


def test_the_higher_of_the_role_at_the_site_and_at_all_sites_counts() -> None:
    roles = SiteRoles(OPERATOR, {"oslo": MANAGER, "paris": VIEWER})
    assert [roles.role_at(site) for site in ("oslo", "paris", "rome")] == [MANAGER, OPERATOR, OPERATOR]
    assert not roles.may_everywhere(MANAGER)
    assert SiteRoles(at={"oslo": MANAGER}).role_at("paris") is None
    assert not SiteRoles(at={"oslo": MANAGER}).may_everywhere(VIEWER)


def test_rules_give_together_what_each_gives() -> None:
    rules = [(VIEWER, None), (OPERATOR, "oslo"), (MANAGER, "oslo"), (OPERATOR, "oslo")]
    assert roles_by_rules(rules) == SiteRoles(VIEWER, {"oslo": MANAGER})
    assert roles_by_rules([]) is None


def test_an_extension_counts_at_its_phone_system_and_for_all_only_while_there_is_no_other() -> None:
    roles = of_extension(MANAGER)
    assert roles == SiteRoles(at={"default": MANAGER})
    assert of_the_only_site(roles) == SiteRoles(MANAGER)
    assert of_extension(None) is None


def test_one_role_is_changed_and_the_others_stay() -> None:
    roles = changed(SiteRoles(VIEWER), MANAGER, "oslo")
    assert roles == SiteRoles(VIEWER, {"oslo": MANAGER})
    assert in_words(roles) == "manager at oslo, viewer at all sites"
    limited = changed(roles, None, None)
    assert limited == SiteRoles(at={"oslo": MANAGER})
    assert changed(limited, None, "oslo").highest is None
