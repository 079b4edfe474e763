"""Accounts, tokens, one's own password and the audit in the console."""

import re

import pytest
from sqlalchemy import select, update

from services.api.console.access import accounts
from services.api.use_cases.tokens import name_of_token
from shared.database.tables import Account, AuditEntry
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


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "otto is my name", "x" * 201])
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
    mary.send(page, f"/{_account(context, 'vera').id}/password", {"password": ANOTHER})
    assert vera.get("/console/").response.url.path == "/console/sign-in"
    assert browser().sign_in("vera", PASSWORD).status == 401
    assert browser().sign_in("vera", ANOTHER).status == 200


def test_the_last_manager_stays(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.get("/console/accounts")
    answer = mary.send(page, f"/{_account(context, 'mary').id}/disable")
    assert answer.status == 409
    assert "only manager left" in answer.text
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
    assert "differ" in refused.text
    changed = here.send(page, "/password", values)
    assert "Your password was changed" in changed.text
    assert there.get("/console/").response.url.path == "/console/sign-in"
    assert browser().sign_in("oscar", ANOTHER).status == 200


def test_a_token_is_shown_once_and_revoked(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get("/console/tokens"), "/tokens", {"name": "monitoring", "days": "many"})
    assert "Days are a whole number" in page.text
    page = mary.send(page, "/tokens", {"days": "90"})
    made = re.search(r"rc_[\w-]{20,}", page.text)
    assert made is not None
    assert name_of_token(context, made[0]) == "monitoring"
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
    mary.send(mary.get("/console/accounts"), f"/{otto}/password", {"password": PASSWORD})
    mary.send(mary.get("/console/accounts"), f"/{otto}/disable")
    with context.database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.actor == "account:mary")).all()
    assert [entry.action for entry in entries] == [
        "account.created", "account.role_changed", "account.password_set", "account.disabled",
    ]  # fmt: skip
    assert {entry.details["account"] for entry in entries} == {"otto"}
    page = mary.get("/console/audit?check=1")
    assert "The audit is whole" in page.text
    assert ANOTHER not in page.text
    assert PASSWORD not in page.text


def test_an_audit_that_was_tampered_with_is_said(context: Context, browser: Open) -> None:
    mary = browser("mary")
    with context.database.begin() as session:
        first = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).first()
        assert first is not None
        session.execute(update(AuditEntry).where(AuditEntry.id == first.id).values(actor="nobody"))
    page = mary.get("/console/audit?check=1")
    assert "tampered with" in page.text
    assert f"Entry {first.id} " in page.text
