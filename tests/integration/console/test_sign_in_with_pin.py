"""Signing in with extension and voicemail PIN: asked of a phone system, by a worker, with rights from the settings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.api.access import accounts, lockout, sessions
from services.api.access.sessions import SignInRefused
from services.api.settings.use_cases import sections as settings
from services.sandbox.phone_system import RunningPhoneSystem
from shared.database.tables import Account, AccountRole, AuditEntry, Event
from shared.errors import Conflict
from shared.worker.context import Context
from tests.integration.console.conftest import PASSWORD, Open

SITE = "default"
PIN = "918273"
ADDRESS = "10.0.0.7"
NEUTRAL = "The extension or the PIN is wrong"


def _allow(context: Context, **changes: Any) -> None:
    values = {"password_type": "voicemail_pin", "managers": ["100"]} | changes
    settings.apply_settings(context, SITE, {"sign_in": values}, "test")


def _set(phone_system: RunningPhoneSystem, number: str, **changes: Any) -> None:
    state = phone_system.state
    state.change_user(state.user_id_of(number), changes)


def _accounts(context: Context) -> dict[str, Account]:
    return {account.name: account for account in accounts.list_accounts(context)}


def _told(context: Context, code: str) -> list[str]:
    with context.database.read() as session:
        return list(session.scalars(select(Event.message).where(Event.code == code).order_by(Event.id)))


@pytest.fixture
def pins(context: Context, phone_system: RunningPhoneSystem) -> RunningPhoneSystem:
    """Extensions with a known PIN; 100 is a manager, 101 an operator, nobody else has rights."""
    for number in ("100", "101", "102"):
        _set(phone_system, number, VMPIN=PIN)
    _set(phone_system, "100", FirstName="Anna", LastName="Adler")
    _allow(context, operators=["101"])
    return phone_system


@pytest.mark.usefixtures("pins")
def test_a_manager_signs_in_with_extension_and_pin_and_sees_name_and_extension(
    context: Context, browser: Open
) -> None:
    anna = browser()
    page = anna.get("/console/sign-in")
    assert "Voicemail PIN" in page.text
    page = anna.send(page, "/sign-in", {"name": " 100 ", "password": PIN})
    assert page.response.url.path == "/console/"
    assert "Anna Adler" in page.text
    assert "Ext. 100" in page.text
    assert anna.get("/console/accounts").status == 200
    account = _accounts(context)["100"]
    assert (account.role, account.source, account.password_hash) == ("manager", "phone_system", None)
    with context.database.read() as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("account.%"))).all()
    assert actions == ["account.created", "account.signed_in"]


@pytest.mark.usefixtures("pins")
def test_the_role_comes_from_the_settings_at_each_sign_in(context: Context) -> None:
    sessions.sign_in(context, "101", PIN, ADDRESS)
    assert _accounts(context)["101"].role == "operator"
    _allow(context, managers=["101"])
    sessions.sign_in(context, "101", PIN, ADDRESS)
    assert _accounts(context)["101"].role == "manager"
    _allow(context, managers=[], others_may_view=True)
    sessions.sign_in(context, "101", PIN, ADDRESS)
    assert _accounts(context)["101"].role == "viewer"


def test_a_role_in_3cx_can_make_a_manager(context: Context, pins: RunningPhoneSystem) -> None:
    _allow(context, managers=[], manager_roles=["system_owners"])
    with pytest.raises(SignInRefused, match=NEUTRAL):
        sessions.sign_in(context, "102", PIN, ADDRESS)
    _set(pins, "102", Groups=[{"GroupId": 1, "Rights": {"RoleName": "system_owners"}}])
    sessions.sign_in(context, "102", PIN, ADDRESS)
    assert _accounts(context)["102"].role == "manager"


@pytest.mark.parametrize(
    ("name", "typed", "changes", "reason"),
    [
        ("100", "918274", {}, "the PIN is wrong"),
        ("100", PIN[:-1], {}, "the PIN is wrong"),
        ("100", PIN, {"Enabled": False}, "the extension is disabled"),
        ("100", "", {"VMPIN": ""}, None),
        ("100", "1", {"VMPIN": "1"}, "fewer than 4 digits"),
        ("102", PIN, {}, "no rights"),
        ("999", PIN, {}, "no such extension"),
        ("mary' or 1 eq 1", PIN, {}, None),
    ],
)
def test_every_refusal_is_the_same_sentence_and_the_log_has_the_reason(
    context: Context,
    pins: RunningPhoneSystem,
    name: str,
    typed: str,
    changes: dict[str, Any],
    reason: str | None,
) -> None:
    if changes:
        _set(pins, name, **changes)
    with pytest.raises(SignInRefused) as caught:
        sessions.sign_in(context, name, typed, ADDRESS)
    assert caught.value.message.startswith(NEUTRAL)
    assert caught.value.retry_after is None
    told = _told(context, "sign_in.refused")
    if reason is None:
        # Nobody was asked, and what was typed as a name is not repeated.
        assert told == []
    else:
        assert len(told) == 1
        assert reason in told[0]
        assert ADDRESS in told[0]
    assert name not in _accounts(context)


@pytest.mark.usefixtures("pins", "people")
def test_own_accounts_sign_in_whatever_the_type_and_are_not_replaced_by_an_extension(
    context: Context,
) -> None:
    sessions.sign_in(context, "mary", PASSWORD, ADDRESS)
    with context.database.begin() as session:
        mary = next(iter(session.scalars(select(Account).where(Account.name == "mary"))))
        mary.name = "100"
    # The extension's PIN is nothing for an own account that has its name.
    with pytest.raises(SignInRefused):
        sessions.sign_in(context, "100", PIN, ADDRESS)
    sessions.sign_in(context, "100", PASSWORD, ADDRESS)
    assert _accounts(context)["100"].source == "own"


@pytest.mark.usefixtures("pins")
def test_a_manager_may_shut_out_an_extension_but_gives_it_neither_role_nor_password(context: Context) -> None:
    sessions.sign_in(context, "101", PIN, ADDRESS)
    account = _accounts(context)["101"]
    with pytest.raises(Conflict, match="rights"):
        accounts.change_role(context, account.id, AccountRole.MANAGER, "test")
    with pytest.raises(Conflict, match="password"):
        accounts.set_password(context, account.id, PASSWORD, "test")
    accounts.disable(context, account.id, "test")
    with pytest.raises(SignInRefused, match=NEUTRAL):
        sessions.sign_in(context, "101", PIN, ADDRESS)
    assert "disabled their account" in _told(context, "sign_in.refused")[0]


@pytest.mark.usefixtures("pins")
def test_an_extension_is_no_manager_to_fall_back_on(context: Context) -> None:
    sessions.sign_in(context, "100", PIN, ADDRESS)
    assert not accounts.has_manager(context)


@pytest.mark.usefixtures("pins")
def test_guessing_a_pin_locks_the_extension_for_up_to_an_hour(context: Context) -> None:
    for _ in range(lockout.FREE_FOR_A_NAME):
        with pytest.raises(SignInRefused, match=NEUTRAL):
            sessions.sign_in(context, "100", "0000", ADDRESS)
    with pytest.raises(SignInRefused, match="Too many attempts"):
        sessions.sign_in(context, "100", PIN, "10.0.0.8")
    with context.database.read() as session:
        locked = session.scalars(select(AuditEntry).where(AuditEntry.action == "sign_in.locked")).one()
    assert locked.details == {"locked": "name", "address": ADDRESS, "account": ""}
    now, longest = datetime.now(UTC), lockout.LONGEST_LOCK_OF_PIN
    waits: list[timedelta] = []
    while not waits or waits[-1] < longest:
        wait = lockout.count_attempt(
            context, "100", ADDRESS, now, lockout.LockoutPolicy(longest_lock=longest)
        )
        if wait is not None:
            waits.append(wait)
            now += wait
        assert len(waits) < 20


def test_when_the_phone_system_is_away_it_is_said_and_not_counted(
    context: Context, pins: RunningPhoneSystem, browser: Open
) -> None:
    for _ in range(lockout.FREE_FOR_A_NAME - 1):
        with pytest.raises(SignInRefused, match=NEUTRAL):
            sessions.sign_in(context, "100", "0000", ADDRESS)
    pins.faults.add({"kind": "status", "status": 503, "times": 1000, "retry_after": 60})
    page = browser().sign_in("100", PIN)
    assert page.status == 503
    assert "the phone system does not respond" in page.text
    assert "Rollcall accounts can still sign in" in page.text
    for _ in range(2):
        with pytest.raises(SignInRefused, match=r"does not respond|cannot be checked"):
            sessions.sign_in(context, "100", "0000", ADDRESS)
    pins.faults.clear()
    # The four failures before still count: the fifth locks.
    with pytest.raises(SignInRefused, match=NEUTRAL):
        sessions.sign_in(context, "100", "0000", ADDRESS)
    with pytest.raises(SignInRefused, match="Too many attempts"):
        sessions.sign_in(context, "100", PIN, ADDRESS)


@pytest.mark.usefixtures("people")
def test_without_workers_it_is_said_too_and_own_accounts_go_on(context: Context) -> None:
    _allow(context)
    impatient = replace(context, settings=context.settings.model_copy(update={"question_seconds": 0.2}))
    with pytest.raises(SignInRefused, match=r"does not respond|cannot be checked") as caught:
        sessions.sign_in(impatient, "100", PIN, ADDRESS)
    assert caught.value.is_temporary
    sessions.sign_in(impatient, "mary", PASSWORD, ADDRESS)
