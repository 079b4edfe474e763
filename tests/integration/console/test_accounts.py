"""Accounts, tokens, one's own password and the audit in the console."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from services.api.access import accounts
from services.api.access.site_roles import SiteRoles
from services.api.access.tokens import valid_token
from services.api.settings.use_cases import sections as settings
from services.api.sites.use_cases import sites
from shared.database.tables import Account, AccountRole, AccountSource, AuditEntry
from shared.settings.documents import Section
from shared.worker.context import Context
from tests.integration.console.conftest import PASSWORD, Open

pytestmark = pytest.mark.usefixtures("people")
ANOTHER = "green paper lantern"


def _account(context: Context, name: str) -> Account:
    return next(account for account in accounts.list_accounts(context) if account.name == name)


def test_a_manager_makes_an_account_that_can_sign_in(context: Context, browser: Open) -> None:
    mary = browser("mary")
    values: dict[str, str | list[str] | None] = {
        "name": "Otto",
        "display_name": "Otto O.",
        "role": "operator",
    }
    page = mary.send(mary.get("/console/accounts"), "/accounts", values | {"password": "too short"})
    assert page.status == 422
    assert "12 to 200 characters" in page.text
    page = mary.send(page, "/accounts", {"password": ANOTHER})
    assert "Otto O." in page.text
    assert "operator" in browser().sign_in("otto", ANOTHER).text
    page = mary.send(page, "/accounts", values | {"name": "otto", "password": ANOTHER})
    assert "There is an account 'otto' already" in page.text
    page = mary.send(page, "/accounts", values | {"name": "o t", "password": ANOTHER})
    assert "begins with a letter or digit" in page.text


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "otto is my name", "x" * 201, "Password1234"])
def test_a_password_that_is_easily_guessed_is_refused(context: Context, browser: Open, password: str) -> None:
    mary = browser("mary")
    page = mary.send(
        mary.get("/console/accounts"), "/accounts", {"name": "otto", "role": "viewer", "password": password}
    )
    assert page.status == 422
    assert len(accounts.list_accounts(context)) == 3


def test_a_role_is_changed_and_counts_at_once(context: Context, browser: Open) -> None:
    vera, mary = browser("vera"), browser("mary")
    assert vera.get("/console/accounts").status == 403
    page = mary.get("/console/accounts")
    mary.send(page, f"/{_account(context, 'vera').id}/role", {"role": "manager"})
    assert vera.get("/console/accounts").status == 200


def test_a_manager_sets_another_password_which_signs_the_account_out(context: Context, browser: Open) -> None:
    vera, mary = browser("vera"), browser("mary")
    page = mary.get("/console/accounts")
    mary.send(
        page, f"/{_account(context, 'vera').id}/password", {"password": ANOTHER, "own_password": PASSWORD}
    )
    assert vera.get("/console/").response.url.path == "/console/sign-in"
    assert browser().sign_in("vera", PASSWORD).status == 401
    assert browser().sign_in("vera", ANOTHER).status == 200


def test_the_last_manager_stays(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.get("/console/accounts")
    answer = mary.send(page, f"/{_account(context, 'mary').id}/disable")
    assert answer.status == 409
    assert "last manager with" in answer.text
    mary.send(page, f"/{_account(context, 'vera').id}/disable")
    assert _account(context, "vera").disabled_at is not None
    mary.send(mary.get("/console/accounts"), f"/{_account(context, 'vera').id}/enable")
    assert _account(context, "vera").disabled_at is None


def test_somebody_changes_their_own_password_and_stays_signed_in_here_alone(browser: Open) -> None:
    here, there = browser("oscar"), browser("oscar")
    page = here.get("/console/account")
    values: dict[str, str | list[str] | None] = {
        "password_now": PASSWORD, "password": ANOTHER, "password_again": ANOTHER,
    }  # fmt: skip
    refused = here.send(page, "/password", values | {"password_now": "wrong horse battery"})
    assert "is wrong" in refused.text
    refused = here.send(page, "/password", values | {"password_again": PASSWORD})
    assert "do not match" in refused.text
    changed = here.send(page, "/password", values)
    assert "Password changed" in changed.text
    assert there.get("/console/").response.url.path == "/console/sign-in"
    assert browser().sign_in("oscar", ANOTHER).status == 200


def test_a_token_is_shown_once_and_revoked(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get("/console/tokens"), "/tokens", {"name": "monitoring", "days": "many"})
    assert "Enter a whole number of days" in page.text
    page = mary.send(page, "/tokens", {"days": "90"})
    made = re.search(r"rc_[\w-]{20,}", page.text)
    assert made is not None
    found = valid_token(context, made[0])
    assert found is not None
    assert (found.name, found.role, found.site_id) == ("monitoring", "viewer", None)
    again = mary.get("/console/tokens")
    assert made[0] not in again.response.text
    mary.send(again, next(form.action for form in again.forms if "revoke" in form.action))
    # The fixture's own token is revoked or this one; either way one of the two is.
    assert "Revoked" in mary.get("/console/tokens").text


def test_whatever_a_manager_changes_stands_in_the_audit_without_a_password(
    context: Context, browser: Open
) -> None:
    mary = browser("mary")
    mary.send(
        mary.get("/console/accounts"), "/accounts", {"name": "otto", "role": "viewer", "password": ANOTHER}
    )
    otto = _account(context, "otto").id
    mary.send(mary.get("/console/accounts"), f"/{otto}/role", {"role": "operator"})
    mary.send(
        mary.get("/console/accounts"), f"/{otto}/password", {"password": PASSWORD, "own_password": PASSWORD}
    )
    mary.send(mary.get("/console/accounts"), f"/{otto}/disable")
    with context.database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.actor == "account:mary")).all()
    assert [entry.action for entry in entries[1:]] == [
        "account.created", "account.role_changed", "account.password_set", "account.disabled",
    ]  # fmt: skip
    assert entries[0].action == "account.signed_in"
    assert {entry.details["account"] for entry in entries[1:]} == {"otto"}
    page = mary.get("/console/audit?check=1")
    assert "The audit is complete" in page.text
    assert ANOTHER not in page.text
    assert PASSWORD not in page.text


def test_the_audit_shows_settings_before_and_after_and_is_filtered_and_exported(
    context: Context, browser: Open
) -> None:
    settings.replace_section(context, "default", Section.LIMITS, {"removals": 9}, "account:otto")
    mary = browser("mary")
    for query, is_found in (
        ("who=otto&kind=settings", True),
        ("who=otto&kind=plans", False),
        ("until=2001-01-01T00:00", False),
    ):
        page = mary.get(f"/console/audit?{query}")
        assert ("otto changed the limits settings (version 1)." in page.text) is is_found, query
        assert ("<del>5</del> → <ins>9</ins>" in page.response.text) is is_found, query
    file = mary.get("/console/audit/export?who=otto").response.text
    assert "Deletions: 5 → 9" in file
    assert "account:mary" not in file
    assert "A time is written like" in mary.get("/console/audit?since=yesterday").text


def test_a_viewer_of_one_site_finds_nothing_of_another_in_the_audit_and_its_export(
    context: Context, browser: Open
) -> None:
    sites.create_site(context, "oslo", "test")
    settings.replace_section(context, "oslo", Section.LIMITS, {"removals": 9}, "account:otto")
    vera = _account(context, "vera").id
    accounts.change_role(context, vera, AccountRole.VIEWER, "test", "default")
    accounts.change_role(context, vera, None, "test")
    for page in ("audit", "audit/export"):
        assert "otto" not in browser("vera").get(f"/console/{page}?of=oslo").response.text
        assert "otto" in browser("mary").get(f"/console/{page}?of=oslo").response.text


def test_an_audit_that_was_tampered_with_is_said(context: Context, browser: Open) -> None:
    mary = browser("mary")
    with context.database.begin() as session:
        first = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).first()
        assert first is not None
        session.execute(update(AuditEntry).where(AuditEntry.id == first.id).values(actor="nobody"))
    page = mary.get("/console/audit?check=1")
    assert "The audit was changed." in page.text
    assert f"ntry {first.id} " in page.text


def test_dates_are_written_on_every_page_as_the_person_likes_them(context: Context, browser: Open) -> None:
    moment = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    with context.database.begin() as session:
        session.execute(update(AuditEntry).values(occurred_at=moment))
    mary, vera = browser("mary"), browser("vera")
    assert "14/03/2026 03:09:26 PM" in mary.get("/console/audit").text
    page = mary.get("/console/account")
    assert "31.12.2026 17:05:09" in page.text
    page = mary.send(page, "/account/dates", {"date_format": "dd.mm.yyyy"})
    assert page.response.url.path == "/console/account"
    assert ("date_format", "dd.mm.yyyy") in page.form("/account/dates").values
    assert "14.03.2026 15:09:26" in mary.get("/console/audit").text
    assert "14/03/2026 03:09:26 PM" in vera.get("/console/audit").text


def test_the_top_of_every_page_signs_out_everywhere(browser: Open) -> None:
    here, there = browser("oscar"), browser("oscar")
    page = here.get("/console/runs")
    values = page.form("/sign-out").filled({})
    assert 'formaction="/console/sign-out-everywhere"' in page.response.text
    here.http.post("/console/sign-out-everywhere", data=values)
    assert there.get("/console/").response.url.path == "/console/sign-in"


def test_the_page_says_who_comes_in_by_extension(context: Context, browser: Open) -> None:
    mary = browser("mary")
    assert "People sign in with the accounts below" in mary.get("/console/accounts").text
    sign_in = {"password_type": "directory", "managers": ["100", "107"], "manager_roles": ["system_owners"]}
    settings.apply_settings(context, "default", {"sign_in": sign_in}, "test")
    with context.database.begin() as session:
        accounts.keep_external(
            session, "107", "<b>Gil</b>", SiteRoles(AccountRole.MANAGER), AccountSource.DIRECTORY
        )
    page = mary.get("/console/accounts")
    assert "Managers: extension 100, 107 and whoever is system_owners in 3CX" in page.text
    assert "<b>Gil</b>" in page.text
    assert "/console/settings/password" in page.links
    gil = _account(context, "107").id
    actions = [form.action for form in page.forms]
    assert f"/console/accounts/{gil}/disable" in actions
    assert not {f"/console/accounts/{gil}/role", f"/console/accounts/{gil}/password"} & set(actions)


def test_pages_are_light_or_dark_as_somebody_chose_in_this_browser(browser: Open) -> None:
    mary, again = browser("mary"), browser("mary")
    page = mary.get("/console/account")
    assert "data-look" not in page.response.text
    for look in ("dark", "light"):
        page = mary.send(page, "/account/look", {"look": look})
        assert f'data-look="{look}"' in page.response.text
        assert f'data-look="{look}"' in mary.get("/console/runs").response.text
    assert "data-look" not in again.get("/console/").response.text
    page = mary.send(page, "/account/look", {"look": "", "density": "compact"})
    assert 'data-density="compact"' in page.response.text
    assert 'data-density="compact"' in mary.get("/console/runs").response.text
    page = mary.send(page, "/account/look", {"look": ""})
    assert "data-look" not in page.response.text


def test_the_menu_is_folded_in_this_browser_until_it_is_opened_again(browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get("/console/runs"), "/account/menu")
    assert page.response.url.path == "/console/runs"
    assert page.mistakes == []
    assert "Expand menu" in page.response.text
    assert "Expand menu" in mary.get("/console/log").response.text
    page = mary.send(page, "/account/menu")
    assert "Collapse menu" in page.text
