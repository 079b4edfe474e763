"""While somebody is signed in with an extension: whoever loses extension or rights is out, at the latest in minutes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.api.access import external_accounts as external_accounts
from services.api.access import sessions
from services.api.settings.use_cases import sections as settings
from services.sandbox.phone_system import RunningPhoneSystem
from shared.database.tables import AccountRole, ConsoleSession, Event
from shared.worker.context import Context

SITE = "default"
PIN = "918273"
LATER = external_accounts.AGAIN_AFTER + timedelta(seconds=1)


def _allow(context: Context, **changes: Any) -> None:
    values = {"password_type": "voicemail_pin", "managers": ["100"]} | changes
    settings.apply_settings(context, SITE, {"sign_in": values}, "test")


def _set(phone_system: RunningPhoneSystem, **changes: Any) -> None:
    state = phone_system.state
    state.change_user(state.user_id_of("100"), changes)


@pytest.fixture
def token(context: Context, phone_system: RunningPhoneSystem) -> str:
    """The session of extension 100, a manager."""
    _set(phone_system, VMPIN=PIN)
    _allow(context)
    return sessions.sign_in(context, "100", PIN, "10.0.0.7")


def _role(context: Context, token: str, after: timedelta = timedelta(0)) -> AccountRole | None:
    visitor = sessions.visitor_of(context, token, datetime.now(UTC) + after)
    return visitor.role if visitor is not None else None


def test_nobody_is_asked_again_before_it_is_due(
    context: Context, phone_system: RunningPhoneSystem, token: str
) -> None:
    phone_system.faults.add({"kind": "status", "status": 500, "times": 1000})
    assert _role(context, token) is AccountRole.MANAGER
    assert _role(context, token, external_accounts.AGAIN_AFTER - timedelta(minutes=1)) is AccountRole.MANAGER
    assert phone_system.faults.fired == []


@pytest.mark.parametrize("change", ["disabled", "gone"])
def test_whoever_loses_the_extension_is_out_when_looked_at_again(
    context: Context, phone_system: RunningPhoneSystem, token: str, change: str
) -> None:
    assert _role(context, token, LATER) is AccountRole.MANAGER
    if change == "disabled":
        _set(phone_system, Enabled=False)
    else:
        phone_system.state.remove_user(phone_system.state.user_id_of("100"))
    assert _role(context, token, 2 * LATER) is None
    # For good, not for this once.
    assert _role(context, token) is None
    with context.database.read() as session:
        assert session.scalars(select(ConsoleSession)).all() == []
        (told,) = session.scalars(select(Event.message).where(Event.code == "sign_in.ended"))
    assert "xtension 100" in told
    assert ("is disabled" if change == "disabled" else "no such extension") in told


@pytest.mark.usefixtures("phone_system")
@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({"managers": []}, None),
        ({"managers": [], "operators": ["100"]}, AccountRole.OPERATOR),
        ({"managers": [], "others_may_view": True}, AccountRole.VIEWER),
        ({"password_type": "directory"}, None),
        ({"password_type": "own"}, None),
    ],
)
def test_a_change_of_the_settings_counts_from_the_next_click(
    context: Context, token: str, changes: dict[str, Any], role: AccountRole | None
) -> None:
    _allow(context, **changes)
    assert _role(context, token) is role


def test_a_role_lost_in_3cx_is_lost_here(
    context: Context, phone_system: RunningPhoneSystem, token: str
) -> None:
    _set(phone_system, Groups=[{"GroupId": 1, "Rights": {"RoleName": "system_owners"}}])
    _allow(context, managers=[], manager_roles=["system_owners"])
    assert _role(context, token) is AccountRole.MANAGER
    _set(phone_system, Groups=[{"GroupId": 1, "Rights": {"RoleName": "users"}}])
    assert _role(context, token, LATER) is None


def test_a_phone_system_that_is_away_ends_no_session_for_a_while(
    context: Context, phone_system: RunningPhoneSystem, token: str
) -> None:
    phone_system.faults.add({"kind": "status", "status": 500, "times": 100_000})
    assert _role(context, token, LATER) is AccountRole.MANAGER
    assert _role(context, token, LATER + external_accounts.GRACE / 2) is AccountRole.MANAGER
    assert _role(context, token, LATER + external_accounts.GRACE) is None
    assert phone_system.faults.fired
    # Nothing is known against them, so that they go on when it is back.
    phone_system.faults.clear()
    assert _role(context, token, LATER + external_accounts.GRACE) is AccountRole.MANAGER


@pytest.mark.usefixtures("phone_system")
def test_rights_that_were_changed_are_not_granted_on_trust(context: Context, token: str) -> None:
    _allow(context, managers=["104"])
    impatient = replace(context, settings=context.settings.model_copy(update={"question_seconds": 0.01}))
    assert _role(impatient, token) is None


@pytest.mark.usefixtures("phone_system")
def test_a_session_of_an_extension_ends_after_a_working_day_too(context: Context, token: str) -> None:
    now, end = datetime.now(UTC), sessions.LONGEST
    for minutes in range(0, int(end.total_seconds() // 60), 55):
        assert _role(context, token, timedelta(minutes=minutes)) is AccountRole.MANAGER
    assert sessions.visitor_of(context, token, now + end + timedelta(minutes=1)) is None
