"""Connecting and signing in to a real domain controller, and the exact reason when that fails."""

import hashlib
import socket
import ssl
from datetime import UTC, datetime, timedelta

import ldap3
import pytest
from pydantic import SecretStr

from services.collector import ntlm
from services.collector.active_directory import ActiveDirectory
from services.collector.mapping import filetime
from shared.errors import (
    AccountNotUsable,
    BadCredentials,
    ConfigurationError,
    DirectoryUnavailable,
    EncryptionRequired,
    RollcallError,
    SettingsInvalid,
)
from shared.settings.documents import DirectorySettings
from tests.integration.collector.scripted import done, plain_settings, scripted
from tests.support.office import Office
from tests.support.samba import REALM, SambaDomain

PASSWORD = "Own-Password.0815"


def _settings(domain: SambaDomain, **changes: object) -> DirectorySettings:
    values: dict[str, object] = {
        "servers": [domain.address],
        "ca_certificate": domain.ca_certificate,
        "user": domain.user,
        "password": domain.password,
        "connect_timeout_seconds": 5,
        "receive_timeout_seconds": 5,
    }
    return DirectorySettings.model_validate(values | changes)


def _refusal(settings: DirectorySettings) -> RollcallError:
    with pytest.raises(RollcallError) as caught, ActiveDirectory(settings):
        pytest.fail("signed in")
    assert settings.password.get_secret_value() not in str(caught.value)
    assert settings.password.get_secret_value() not in str(caught.value.details)
    return caught.value


@pytest.fixture
def account(office: Office, samba: SambaDomain) -> str:
    """An account that can sign in; its DN."""
    dn = office.hire(office.unit("Accounts"), "reader")
    with samba.administrator() as connection:
        connection.extend.microsoft.modify_password(dn, PASSWORD)
    office.change(dn, userAccountControl="512")
    return dn


@pytest.mark.parametrize("security", ["ldaps", "starttls"])
def test_an_encrypted_session_knows_its_domain(samba: SambaDomain, security: str) -> None:
    with ActiveDirectory(_settings(samba, security=security)) as directory:
        domain = directory.domain()
        assert directory.reader is not None
    assert (domain.base_dn, domain.controller) == (samba.base_dn, samba.tls_name)


def test_a_certificate_for_a_name_is_accepted_at_an_address_when_the_name_is_set(samba: SambaDomain) -> None:
    with ActiveDirectory(_settings(samba, tls_name=samba.tls_name)) as directory:
        assert directory.server == f"{samba.address}:636"


def test_upn_domain_login_and_distinguished_name_all_sign_in(
    samba: SambaDomain, account: str, office: Office
) -> None:
    login = f"reader.{office.name.lower()}"[:20]
    for user in (f"{login}@{REALM.lower()}", f"CORP\\{login}", account):
        with ActiveDirectory(_settings(samba, user=user, password=PASSWORD)) as directory:
            assert directory.check_exists(account) == account


def test_a_login_alone_gets_the_domain_of_the_controller(
    samba: SambaDomain, office: Office, account: str
) -> None:
    login = f"reader.{office.name.lower()}"[:20]
    with ActiveDirectory(_settings(samba, user=login, password=PASSWORD)) as directory:
        assert account.endswith(directory.domain().base_dn)


def test_ldaps_at_the_port_without_it_says_which_of_the_two_to_change(
    samba: SambaDomain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(lambda message, search: done(message)) as controller:
        monkeypatch.setattr(
            "services.collector.connection._PLAIN_PORT", int(controller.address.rpartition(":")[2])
        )
        error = _refusal(_settings(samba, servers=[controller.address]))
    assert "does not speak LDAPS" in error.message
    assert "'starttls'" in error.message


def test_the_controller_refuses_a_password_in_the_clear_and_we_say_what_to_do(samba: SambaDomain) -> None:
    error = _refusal(_settings(samba, security="plain", allow_plain=True))
    assert isinstance(error, EncryptionRequired)
    assert "Set directory.security to ldaps or starttls" in error.message


def test_plain_that_was_not_allowed_sends_nothing() -> None:
    with scripted(lambda message, search: done(message)) as controller:
        forbidden = plain_settings(controller).model_copy(update={"allow_plain": False})
        assert isinstance(_refusal(forbidden), EncryptionRequired)
        assert controller.binds == []


def test_a_wrong_password_is_said_as_such(samba: SambaDomain, account: str) -> None:
    error = _refusal(_settings(samba, user=account, password="Wrong.4711"))
    assert isinstance(error, BadCredentials)
    assert f"the password of {account} is wrong" in error.message


def test_an_unknown_user_is_a_matter_of_user_and_password(samba: SambaDomain) -> None:
    error = _refusal(_settings(samba, user=f"nobody@{REALM.lower()}"))
    assert isinstance(error, BadCredentials)
    assert "Check both" in error.message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"userAccountControl": "514"}, "is disabled. Enable it"),
        (
            {"accountExpires": str(filetime(datetime.now(UTC) - timedelta(days=1)))},
            "has expired. Change its expiry",
        ),
        ({"pwdLastSet": "0"}, "must change the password at the next logon"),
    ],
)
def test_an_account_that_may_not_sign_in_says_why(
    samba: SambaDomain, account: str, office: Office, changes: dict[str, str], said: str
) -> None:
    office.change(account, **changes)
    error = _refusal(_settings(samba, user=account, password=PASSWORD))
    assert type(error) is AccountNotUsable
    assert error.code == "account_not_usable"
    assert said in error.message
    assert account in error.message


def _bad_attempts(connection: ldap3.Connection, dn: str) -> int:
    connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["badPwdCount"])
    assert connection.response
    return int(connection.response[0]["raw_attributes"]["badPwdCount"][0])


def test_credentials_that_one_controller_refuses_are_not_shown_to_the_next_and_a_locked_account_is_said(
    own_samba: SambaDomain,
) -> None:
    with own_samba.administrator() as connection:
        office = Office(own_samba, connection, "Lock")
        dn = office.hire(office.root, "locked")
        connection.extend.microsoft.modify_password(dn, PASSWORD)
        office.change(dn, userAccountControl="512")
        office.change(own_samba.base_dn, lockoutThreshold="3", lockOutObservationWindow="-18000000000")
        twice = [own_samba.address, f"{own_samba.address}:636"]
        settings = _settings(own_samba, servers=twice, user=dn, password="Wrong.4711")
        for attempt in (1, 2, 3):
            assert isinstance(_refusal(settings), BadCredentials)
            assert _bad_attempts(connection, dn) == attempt
    locked = _refusal(settings.model_copy(update={"password": SecretStr(PASSWORD)}))
    assert isinstance(locked, AccountNotUsable)
    assert "is locked. Unlock it" in locked.message


_NTLM = {"authentication": "ntlm", "user": "CORP\\Administrator"}


def _reads(domain: SambaDomain, **changes: object) -> bool:
    with ActiveDirectory(_settings(domain, **_NTLM, **changes)) as directory:
        assert directory.domain().base_dn == domain.base_dn
        return directory.check_exists(domain.base_dn) == domain.base_dn


def test_ntlm_seals_whatever_goes_over_a_connection_without_tls(samba: SambaDomain) -> None:
    # As it comes, Samba takes neither passwords nor requests on such a connection that are not signed.
    assert _reads(samba, security="plain", allow_plain=True)


def test_ntlm_signs_in_over_tls_where_the_controller_takes_it_there(own_samba: SambaDomain) -> None:
    refused = _refusal(_settings(own_samba, **_NTLM))
    assert isinstance(refused, ConfigurationError)
    assert "'allow_sasl_over_tls'. Choose directory.authentication 'simple'" in refused.message
    own_samba.stop()
    own_samba.options["ldap server require strong auth"] = "allow_sasl_over_tls"
    own_samba.start()
    for security in ("ldaps", "starttls"):
        assert _reads(own_samba, security=security)
        wrong = _refusal(_settings(own_samba, security=security, password="Wrong.4711", **_NTLM))
        assert isinstance(wrong, BadCredentials)


def test_ntlm_tells_the_controller_to_which_certificate_it_speaks(samba: SambaDomain) -> None:
    context = ssl.create_default_context(cadata=samba.ca_certificate)
    with (
        socket.create_connection((samba.address, 636), timeout=60) as raw,
        context.wrap_socket(raw, server_hostname=samba.tls_name) as wrapped,
    ):
        told = ntlm.channel_bindings(wrapped).application_data
        certificate = wrapped.getpeercert(binary_form=True)
    assert certificate is not None
    assert told == b"tls-server-end-point:" + hashlib.sha256(certificate).digest()


def test_a_controller_that_answers_ntlm_with_something_else_is_explained() -> None:
    with scripted(lambda message, search: done(message)) as controller:
        error = _refusal(plain_settings(controller, **_NTLM))
    assert isinstance(error, DirectoryUnavailable)
    assert "the controller does not accept NTLM: choose directory.authentication 'simple'" in error.message


def test_ntlm_wants_the_domain_before_the_name(samba: SambaDomain) -> None:
    error = _refusal(_settings(samba, authentication="ntlm"))
    assert isinstance(error, SettingsInvalid)
    assert "DOMAIN\\name" in error.message


@pytest.mark.parametrize("changes", [{"user": ""}, {"password": ""}])
def test_an_account_that_was_not_given_is_asked_for(samba: SambaDomain, changes: dict[str, str]) -> None:
    with (
        pytest.raises(SettingsInvalid, match="The account for reading the directory is missing"),
        ActiveDirectory(_settings(samba, **changes)),
    ):
        pytest.fail("signed in")


def test_no_controller_at_all_is_said() -> None:
    with (
        pytest.raises(SettingsInvalid, match="No domain controller is configured"),
        ActiveDirectory(DirectorySettings()),
    ):
        pytest.fail("signed in")
