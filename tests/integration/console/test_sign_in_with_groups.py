"""Signing in with an Active Directory account whose groups have a role, asked of a real domain controller."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import ldap3
import pytest
from sqlalchemy import delete, select

from services.api.access import accounts, group_members, sessions
from services.api.access import external_accounts as external_accounts
from services.api.access.sessions import SignInRefused, Visitor
from services.api.access.site_roles import SiteRoles
from services.api.settings.use_cases import sections as settings
from services.cli.deployment import workers
from services.collector import questions
from services.collector.mapping import filetime
from shared.database.tables import AccountRole, Event, SignInAttempt
from shared.errors import EncryptionRequired, SettingsInvalid
from shared.worker.context import Context
from tests.integration.console.conftest import Open
from tests.support.office import DISABLED_ACCOUNT, Office
from tests.support.samba import SambaDomain

SITE = "default"
PASSWORD = "Own-Password.0815"
WRONG = "Another-Password.0815"
ADDRESS = "10.0.0.7"
NEUTRAL = "The name or the password is wrong"
LATER = external_accounts.AGAIN_AFTER + timedelta(seconds=1)


@pytest.fixture
def office(samba: SambaDomain, request: pytest.FixtureRequest) -> Iterator[Office]:
    """An organizational unit of the session's domain for one test alone."""
    with samba.administrator() as connection:
        yield Office(samba, connection, f"g{zlib.crc32(request.node.nodeid.encode())}")


@pytest.fixture
def dora(office: Office, samba: SambaDomain) -> str:
    """Somebody with a password and no extension; their DN."""
    dn = office.hire(office.unit("Staff"), "dora")
    with samba.administrator() as connection:
        connection.extend.microsoft.modify_password(dn, PASSWORD)
    office.change(dn, userAccountControl="512")
    return dn


@pytest.fixture
def login(office: Office) -> str:
    """The login of Dora."""
    return f"dora.{office.name.lower()}"[:20]


@pytest.fixture
def asked(context: Context) -> Iterator[None]:
    """Workers answer questions."""
    with workers(context):
        yield


def _rule(context: Context, office: Office, *rules: dict[str, str], **directory: Any) -> None:
    sections = {
        "directory": office.settings([office.root], **directory),
        "directory_groups": {"is_enabled": True, "groups": list(rules)},
    }
    settings.apply_settings(context, SITE, sections, "test")


def _enter(context: Context, name: str, password: str = PASSWORD) -> Visitor:
    visitor = sessions.visitor_of(context, sessions.sign_in(context, name, password, ADDRESS))
    assert visitor is not None
    return visitor


def _refused(context: Context, name: str, password: str = PASSWORD) -> str:
    with pytest.raises(SignInRefused) as caught:
        sessions.sign_in(context, name, password, ADDRESS)
    return caught.value.message


def _told(context: Context) -> str:
    with context.database.read() as session:
        newest = select(Event.message).where(Event.code.like("sign_in.%")).order_by(Event.id.desc())
        return session.scalars(newest).first() or ""


def _forget_failures(context: Context) -> None:
    with context.database.begin() as session:
        session.execute(delete(SignInAttempt))


def _bad_attempts(samba: SambaDomain, dn: str) -> int:
    with samba.administrator() as connection:
        connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["badPwdCount"])
        assert connection.response
        return int(connection.response[0]["raw_attributes"].get("badPwdCount", [b"0"])[0])


@contextmanager
def _policy(samba: SambaDomain, threshold: int) -> Iterator[None]:
    """The domain counts wrong passwords and locks after so many, for the time of the block."""
    with samba.administrator() as signed_in:
        # ldap3 has no types for the operations that change something.
        connection: Any = signed_in
        connection.modify(samba.base_dn, {"lockoutThreshold": [(ldap3.MODIFY_REPLACE, [str(threshold)])]})
        try:
            yield
        finally:
            connection.modify(samba.base_dn, {"lockoutThreshold": [(ldap3.MODIFY_REPLACE, ["0"])]})


@pytest.mark.usefixtures("asked")
def test_direct_nested_and_primary_membership_each_give_the_role_and_the_highest_counts(
    context: Context, office: Office, samba: SambaDomain, dora: str, login: str
) -> None:
    inner = office.group("inner", [dora])
    middle = office.group("middle", [inner])
    outer = office.group("outer", [middle])
    domain_users = f"CN=Domain Users,CN=Users,{samba.base_dn}"
    around = office.group("around", [domain_users])
    nobody = office.group("nobody")
    for group in (inner, outer, domain_users, around):
        _rule(context, office, {"group": group, "role": "operator"}, {"group": nobody, "role": "manager"})
        assert _enter(context, login).role is AccountRole.OPERATOR, group
    _rule(context, office, {"group": inner, "role": "viewer"}, {"group": outer.upper(), "role": "manager"})
    assert _enter(context, login).role is AccountRole.MANAGER


@pytest.mark.usefixtures("asked")
def test_every_way_to_write_the_name_is_the_same_account(
    context: Context, office: Office, dora: str, login: str, browser: Open
) -> None:
    _rule(context, office, {"group": office.group("admins", [dora]), "role": "manager"})
    office.change(dora, userPrincipalName=f"{login}@corp.example.test", displayName="Dora Deer")
    for name in (login, login.upper(), f"CORP\\{login}", f" {login}@CORP.example.test"):
        _enter(context, name)
    (account,) = accounts.list_accounts(context)
    assert (account.name, account.source) == (f"{login}@corp.example.test", "directory_account")
    assert account.external_id == office.guid(dora)
    page = browser().sign_in(login, PASSWORD)
    assert "Dora Deer" in page.text
    assert "Ext." not in page.text


@pytest.mark.usefixtures("asked")
def test_whoever_is_in_no_group_is_refused_and_no_password_is_tried(
    context: Context, office: Office, samba: SambaDomain, dora: str, login: str
) -> None:
    missing = f"CN=Renamed,{office.root}"
    _rule(context, office, {"group": office.group("admins"), "role": "manager"}, {"group": missing})
    with _policy(samba, 10):
        assert _refused(context, login, WRONG).startswith(NEUTRAL)
        assert _bad_attempts(samba, dora) == 0
    assert "they are in none of the groups" in _told(context)
    assert f"Active Directory has no group {missing}" in _told(context)
    assert _refused(context, "nobody*").startswith(NEUTRAL)


@pytest.mark.usefixtures("asked")
def test_a_rule_of_a_site_gives_rights_there_alone(
    context: Context, office: Office, dora: str, login: str
) -> None:
    group = office.group("admins", [dora])
    oslo = {"group": group, "role": "manager", "site": "oslo"}
    _rule(context, office, oslo)
    assert _enter(context, login).roles == SiteRoles(at={"oslo": AccountRole.MANAGER})
    _rule(context, office, {"group": group, "role": "viewer"}, oslo)
    assert _enter(context, login).roles == SiteRoles(AccountRole.VIEWER, {"oslo": AccountRole.MANAGER})


@pytest.mark.usefixtures("asked")
def test_the_reason_is_told_only_to_whoever_has_the_right_password(
    context: Context, office: Office, dora: str, login: str
) -> None:
    _rule(context, office, {"group": office.group("admins", [dora]), "role": "manager"})
    yesterday = str(filetime(datetime.now(UTC) - timedelta(days=1)))
    for changes, reason in (
        ({"userAccountControl": str(DISABLED_ACCOUNT)}, "the account is disabled in Active Directory"),
        ({"userAccountControl": "512", "accountExpires": yesterday}, "the account has expired"),
        ({"accountExpires": "0", "pwdLastSet": "0"}, "the password must be changed at the next logon"),
    ):
        _forget_failures(context)
        office.change(dora, **changes)
        assert _refused(context, login, WRONG).startswith(NEUTRAL)
        assert _refused(context, login).startswith(f"The password is right, but {reason}")
        assert reason in _told(context)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("threshold", "tried"), [(10, 3), (4, 2)])
def test_we_lock_a_person_out_under_all_names_before_the_domain_does(
    context: Context,
    office: Office,
    samba: SambaDomain,
    dora: str,
    login: str,
    threshold: int,
    tried: int,
) -> None:
    _rule(context, office, {"group": office.group("admins", [dora]), "role": "manager"})
    names = (login, f"CORP\\{login}", f"corp\\{login}", f"a\\{login}", f"b\\{login}")
    with _policy(samba, threshold):
        for number, name in enumerate(names):
            said = _refused(context, name, WRONG)
            assert said.startswith(NEUTRAL if number < tried else "Too many attempts failed. Wait 30 minutes")
        assert _refused(context, login).startswith("Too many attempts failed")
        assert _bad_attempts(samba, dora) == tried
        _forget_failures(context)
        # Not locked in Active Directory: the right password still counts there.
        _enter(context, login)


@pytest.mark.usefixtures("asked")
def test_a_locked_account_is_told_to_the_log_alone(
    context: Context, office: Office, samba: SambaDomain, dora: str, login: str
) -> None:
    _rule(context, office, {"group": office.group("admins", [dora]), "role": "manager"})
    with _policy(samba, 1):
        assert _refused(context, login, WRONG).startswith(NEUTRAL)
        _forget_failures(context)
        # A controller says so to anybody, whatever the password.
        assert _refused(context, login).startswith(NEUTRAL)
        assert "the account is locked in Active Directory" in _told(context)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("taken", ["group", "account", "gone", "rule"])
def test_a_session_ends_when_group_account_or_rule_is_lost(
    context: Context, office: Office, dora: str, login: str, taken: str
) -> None:
    group = office.group("admins", [dora])
    _rule(context, office, {"group": group, "role": "manager"})
    now = datetime.now(UTC)
    token = sessions.sign_in(context, login, PASSWORD, ADDRESS)
    assert sessions.visitor_of(context, token, now + LATER) is not None
    if taken == "group":
        office.leave(group, dora)
    elif taken == "account":
        office.disable(dora)
    elif taken == "gone":
        office.delete(dora)
    else:
        _rule(context, office, {"group": office.group("others"), "role": "manager"})
    assert sessions.visitor_of(context, token, now + 2 * LATER) is None
    assert sessions.visitor_of(context, token, now) is None
    assert "was signed out: the" in _told(context)


@pytest.mark.usefixtures("asked")
def test_a_login_given_to_somebody_else_takes_nothing_over(
    context: Context, office: Office, samba: SambaDomain, dora: str, login: str
) -> None:
    group = office.group("admins", [dora])
    _rule(context, office, {"group": group, "role": "manager"})
    token = sessions.sign_in(context, login, PASSWORD, ADDRESS)
    office.delete(dora)
    other = office.hire(office.unit("Later"), "dora")
    with samba.administrator() as connection:
        connection.extend.microsoft.modify_password(other, PASSWORD)
    office.change(other, userAccountControl="512")
    office.join(group, other)
    assert _enter(context, login).name == login
    assert sessions.visitor_of(context, token) is None


def test_without_encryption_nobody_is_asked_and_the_settings_are_refused(
    context: Context, office: Office
) -> None:
    with pytest.raises(SettingsInvalid, match="requires LDAPS or StartTLS"):
        _rule(context, office, {"group": office.root, "role": "viewer"}, security="plain", allow_plain=True)
    plain = {"directory": office.settings([office.root], security="plain", allow_plain=True)}
    settings.apply_settings(context, SITE, plain, "test")
    secret = context.encryption.encrypt(PASSWORD)
    for ask, more in (
        (questions.find_account, {"name": "dora", "groups": []}),
        (questions.prove_account, {"guid": "x", "secret": secret}),
    ):
        with pytest.raises(EncryptionRequired):
            ask(context, {"site_id": SITE, **more})


def test_a_directory_that_is_away_is_said_and_neither_counted_nor_in_the_way_of_own_accounts(
    context: Context, office: Office, people: None
) -> None:
    _rule(context, office, {"group": office.root, "role": "viewer"}, servers=["127.0.0.1:9"])
    with workers(context):
        for _ in range(6):
            assert "the directory does not respond" in _refused(context, "dora")
        assert sessions.sign_in(context, "mary", "quiet river stone", ADDRESS)


@pytest.mark.parametrize(
    ("threshold", "seconds", "free", "minutes"),
    [(0, 0, 3, 30), (10, 1800, 3, 30), (5, 600, 3, 30), (4, 3600, 2, 60), (3, 86400, 1, 1440), (1, 0, 1, 30)],
)
def test_our_limit_stays_below_the_domains(threshold: int, seconds: int, free: int, minutes: int) -> None:
    policy = group_members.policy_below(threshold, seconds)
    assert (policy.free, policy.first_lock) == (free, timedelta(minutes=minutes))
    assert policy.longest_lock >= policy.first_lock
