"""Signing in with extension (or login) and the password of the directory, asked of a real domain controller."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import ldap3
import pytest
from sqlalchemy import delete, insert, select, update

from services.api.access import accounts, lockout, sessions
from services.api.access import external_accounts as external_accounts
from services.api.access.sessions import SignInRefused
from services.api.settings.use_cases import sections as settings
from services.cli.deployment import workers
from services.collector import questions
from services.collector.mapping import filetime
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import AccountRole, BindingRow, Event, SignInAttempt
from shared.worker.context import Context
from tests.integration.console.conftest import Open
from tests.support.office import DISABLED_ACCOUNT, Office
from tests.support.phone_system import phone_system_settings
from tests.support.samba import SambaDomain

SITE = "default"
PASSWORD = "Own-Password.0815"
ADDRESS = "10.0.0.7"
NEUTRAL = "The extension or the password is wrong"
NUMBER = "200"


@pytest.fixture
def office(samba: SambaDomain, request: pytest.FixtureRequest) -> Iterator[Office]:
    """An organizational unit of the session's domain for one test alone."""
    with samba.administrator() as connection:
        yield Office(samba, connection, f"s{zlib.crc32(request.node.nodeid.encode())}")


@pytest.fixture
def person(context: Context, office: Office, samba: SambaDomain) -> Iterator[str]:
    """Somebody with a password, bound to extension 200, who is a manager; their DN. A worker answers."""
    unit = office.unit("Staff")
    dn = office.hire(unit, "dora", NUMBER)
    _set_password(samba, dn)
    office.change(dn, userAccountControl="512")
    sections = {
        "directory": office.settings([unit]),
        "sign_in": {"password_type": "directory", "managers": [NUMBER]},
    }
    settings.apply_settings(context, SITE, sections, "test")
    _bind(context, office.guid(dn))
    with workers(context):
        yield dn


@pytest.fixture
def phone(context: Context) -> Iterator[RunningPhoneSystem]:
    """A phone system beside the directory, in the settings."""
    with RunningPhoneSystem(PhoneSystemOptions(extensions=1)) as phone:
        settings.apply_settings(context, SITE, {"phone_system": phone_system_settings(phone)}, "test")
        yield phone


@contextmanager
def _locking(samba: SambaDomain) -> Iterator[None]:
    """The domain locks an account after two wrong passwords, for the time of the block."""
    with samba.administrator() as signed_in:
        # ldap3 has no types for the operations that change something.
        connection: Any = signed_in
        connection.modify(samba.base_dn, {"lockoutThreshold": [(ldap3.MODIFY_REPLACE, ["2"])]})
        try:
            yield
        finally:
            connection.modify(samba.base_dn, {"lockoutThreshold": [(ldap3.MODIFY_REPLACE, ["0"])]})


def _set_password(samba: SambaDomain, dn: str) -> None:
    with samba.administrator() as connection:
        connection.extend.microsoft.modify_password(dn, PASSWORD)


def _bind(context: Context, guid: str, **changes: Any) -> None:
    values = {
        "site_id": SITE,
        "person_guid": guid,
        "extension_id": 7,
        "number": NUMBER,
        "origin": "created",
        "person_name": "Dora",
        "is_disabled_by_rollcall": False,
        "updated_at": datetime.now(UTC),
    }
    with context.database.begin() as session:
        session.execute(insert(BindingRow).values(values | changes))


def _told(context: Context) -> str:
    with context.database.read() as session:
        return (
            session.scalars(
                select(Event.message).where(Event.code.like("sign_in.%")).order_by(Event.id.desc())
            ).first()
            or ""
        )


def _refused(context: Context, name: str = NUMBER, password: str = PASSWORD) -> str:
    with pytest.raises(SignInRefused) as caught:
        sessions.sign_in(context, name, password, ADDRESS)
    assert caught.value.message.startswith(NEUTRAL)
    return _told(context)


def test_extension_login_and_principal_name_sign_the_same_person_in(
    context: Context, person: str, office: Office, browser: Open
) -> None:
    login = f"dora.{office.name.lower()}"[:20]
    for name in (NUMBER, login, f"CORP\\{login}"):
        sessions.sign_in(context, name, PASSWORD, ADDRESS)
    (account,) = accounts.list_accounts(context)
    assert (account.name, account.role, account.source) == (NUMBER, "manager", "directory")
    dora = browser()
    page = dora.get("/console/sign-in")
    assert "Directory password" in page.text
    page = dora.send(page, "/sign-in", {"name": NUMBER, "password": PASSWORD})
    assert "Ext. 200" in page.text
    assert "Givendora Familydora" in page.text


def test_whoever_may_not_sign_in_is_told_nothing_and_the_log_why(
    context: Context, person: str, office: Office
) -> None:
    assert "the password is wrong" in _refused(context, password="Another-Password.0815")
    assert "somebody unknown" in _refused(context, name="nobody*").lower()
    office.change(person, userAccountControl=str(DISABLED_ACCOUNT))
    assert "disabled in the directory" in _refused(context)
    yesterday = str(filetime(datetime.now(UTC) - timedelta(days=1)))
    _forget_failures(context)
    office.change(person, userAccountControl="512", accountExpires=yesterday)
    assert "has expired" in _refused(context)
    office.change(person, accountExpires="0", pwdLastSet="0")
    assert "must change the password" in _refused(context)
    office.change(person, pwdLastSet="-1")
    sessions.sign_in(context, NUMBER, PASSWORD, ADDRESS)


def test_no_password_is_no_proof_of_anything(context: Context, person: str) -> None:
    # RFC 4513, section 5.1.2: the controller takes a name without a password for an anonymous visitor, and says yes.
    assert _refused(context, password="") == ""
    secret = context.encryption.encrypt("")
    answer = questions.check_password(context, {"site_id": SITE, "name": NUMBER, "secret": secret})
    assert answer["refused"] == "no password was given"


def _forget_failures(context: Context) -> None:
    with context.database.begin() as session:
        session.execute(delete(SignInAttempt))


def test_a_locked_account_is_refused_although_the_password_is_right(
    context: Context, person: str, samba: SambaDomain
) -> None:
    with _locking(samba):
        for _ in range(3):
            _refused(context, password="Another-Password.0815")
        assert "is locked" in _refused(context)


def test_guesses_under_all_names_of_a_person_count_together(
    context: Context, person: str, office: Office
) -> None:
    login = f"dora.{office.name.lower()}"[:20]
    for name in (NUMBER, login, login.upper(), f"CORP\\{login}", f"corp\\{login}"):
        _refused(context, name=name, password="Another-Password.0815")
    for name in (NUMBER, f"Corp\\{login.title()}"):
        with pytest.raises(SignInRefused, match="Too many attempts failed"):
            sessions.sign_in(context, name, PASSWORD, ADDRESS)
    _forget_failures(context)
    sessions.sign_in(context, login, PASSWORD, ADDRESS)


def test_somebody_without_a_binding_is_nobody_even_with_the_number_in_the_directory(
    context: Context, person: str, office: Office, samba: SambaDomain
) -> None:
    # People may write their own telephone number: it must not make them whoever has that extension.
    impostor = office.hire(office.unit("Others"), "igor", NUMBER)
    _set_password(samba, impostor)
    office.change(impostor, userAccountControl="512")
    assert "no run of Rollcall" in _refused(context, name=f"igor.{office.name.lower()}"[:20])
    with context.database.begin() as session:
        session.execute(delete(BindingRow))
    assert "no run of Rollcall" in _refused(context)


@pytest.mark.parametrize("taken_by", ["directory", "run"])
def test_a_session_ends_when_the_directory_or_a_run_takes_the_person_away(
    context: Context, person: str, office: Office, taken_by: str
) -> None:
    now, later = datetime.now(UTC), external_accounts.AGAIN_AFTER + timedelta(seconds=1)
    token = sessions.sign_in(context, NUMBER, PASSWORD, ADDRESS)
    assert sessions.visitor_of(context, token, now + later) is not None
    if taken_by == "directory":
        office.change(person, userAccountControl=str(DISABLED_ACCOUNT))
    else:
        with context.database.begin() as session:
            session.execute(update(BindingRow).values(is_disabled_by_rollcall=True))
    assert sessions.visitor_of(context, token, now + 3 * later) is None
    assert "was signed out: the " in _told(context)
    assert "is disabled" in _told(context)


def test_a_controller_that_is_away_is_said_and_not_counted(context: Context, person: str) -> None:
    sections = {
        "directory": {
            "servers": ["127.0.0.1:9"],
            "user": "x@y",
            "password": "x",
            "connect_timeout_seconds": 1,
        }
    }
    settings.apply_settings(context, SITE, sections, "test")
    for _ in range(lockout.FREE_FOR_A_NAME + 1):
        with pytest.raises(SignInRefused, match=r"does not respond|cannot be checked"):
            sessions.sign_in(context, NUMBER, PASSWORD, ADDRESS)


def test_a_role_in_3cx_makes_a_manager_of_whoever_signs_in_with_the_directory(
    context: Context, person: str, phone: RunningPhoneSystem
) -> None:
    sign_in = {"password_type": "directory", "manager_roles": ["system_owners"], "others_may_view": True}
    settings.apply_settings(context, SITE, {"sign_in": sign_in}, "test")
    state = phone.state
    with context.database.begin() as session:
        session.execute(update(BindingRow).values(number="100"))
    token = sessions.sign_in(context, "100", PASSWORD, ADDRESS)
    found = sessions.visitor_of(context, token)
    assert found is not None
    assert found.role is AccountRole.VIEWER
    state.change_user(
        state.user_id_of("100"), {"Groups": [{"GroupId": 1, "Rights": {"RoleName": "system_owners"}}]}
    )
    token = sessions.sign_in(context, "100", PASSWORD, ADDRESS)
    found = sessions.visitor_of(context, token)
    assert found is not None
    assert found.role is AccountRole.MANAGER
