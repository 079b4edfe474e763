"""Domains that allow as little as Windows can be told to: what works there, and the one sentence where it does not."""

import pytest

from services.collector import directory_accounts
from services.collector.active_directory import ActiveDirectory
from services.collector.advice import password_advice
from shared.errors import (
    AccountNotUsable,
    BadCredentials,
    ConfigurationError,
    DirectoryUnavailable,
    EncryptionRequired,
    RollcallError,
)
from shared.settings.documents import DirectorySettings
from tests.support.office import Office
from tests.support.samba import SambaDomain

pytestmark = pytest.mark.samba
PASSWORD = "Own-Password.0815"


def _settings(domain: SambaDomain, **changes: object) -> DirectorySettings:
    values: dict[str, object] = {
        "servers": [domain.address],
        "ca_certificate": domain.ca_certificate,
        "user": domain.user,
        "password": domain.password,
        "connect_timeout_seconds": 30,
        "receive_timeout_seconds": 30,
    }
    return DirectorySettings.model_validate(values | changes)


def _refusal(settings: DirectorySettings) -> RollcallError:
    with pytest.raises(RollcallError) as caught, ActiveDirectory(settings):
        pytest.fail("signed in")
    return caught.value


@pytest.mark.parametrize("security", ["ldaps", "starttls"])
def test_tls_1_2_alone_is_enough_and_less_is_refused(own_samba: SambaDomain, security: str) -> None:
    settings = _settings(own_samba, security=security)
    for version, is_enough in (("1.2", True), ("1.1", False)):
        own_samba.stop()
        own_samba.options["tls priority"] = f"LEGACY:-VERS-ALL:+VERS-TLS{version}"
        own_samba.start()
        if is_enough:
            with ActiveDirectory(settings) as directory:
                assert directory.domain().base_dn == own_samba.base_dn
        else:
            error = _refusal(settings)
            # It depends on how OpenSSL was built whether the controller hangs up or answers with what it has.
            assert isinstance(error, (DirectoryUnavailable, ConfigurationError))
            assert "it offers no TLS 1.2 or newer" in error.message


def test_ntlm_that_is_disabled_is_said_and_passwords_over_tls_sign_in_all_the_same(
    own_samba: SambaDomain,
) -> None:
    own_samba.stop()
    own_samba.options |= {"ntlm auth": "disabled", "ldap server require strong auth": "yes"}
    own_samba.start()
    for security in ("ldaps", "starttls"):
        with ActiveDirectory(_settings(own_samba, security=security)) as directory:
            assert directory.domain().base_dn == own_samba.base_dn
    for changes in ({"security": "ldaps"}, {"security": "plain", "allow_plain": True}):
        error = _refusal(_settings(own_samba, authentication="ntlm", user="CORP\\Administrator", **changes))
        assert isinstance(error, ConfigurationError)
        assert "NTLM is disabled there. Choose directory.authentication 'simple'" in error.message
    # Signing is required: what is neither encrypted nor sealed is not taken, and said as such.
    clear = _refusal(_settings(own_samba, security="plain", allow_plain=True))
    assert isinstance(clear, EncryptionRequired)
    assert "only over an encrypted connection" in clear.message


def test_a_fine_grained_policy_counts_for_the_account_that_reads(own_samba: SambaDomain) -> None:
    container = f"CN=Password Settings Container,CN=System,{own_samba.base_dn}"
    with own_samba.administrator() as connection:
        office = Office(own_samba, connection, "Strict")
        account = office.hire(office.root, "reader")
        connection.extend.microsoft.modify_password(account, PASSWORD)
        office.change(account, userAccountControl="512")
        days = 864_000_000_000
        connection.add(  # type: ignore[no-untyped-call]
            f"CN=Strict,{container}",
            "msDS-PasswordSettings",
            {
                "msDS-PasswordSettingsPrecedence": "1",
                "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
                "msDS-PasswordHistoryLength": "0",
                "msDS-PasswordComplexityEnabled": "TRUE",
                "msDS-MinimumPasswordLength": "8",
                "msDS-MinimumPasswordAge": "0",
                "msDS-MaximumPasswordAge": str(-5 * days),
                "msDS-LockoutThreshold": "2",
                "msDS-LockoutObservationWindow": str(-days),
                "msDS-LockoutDuration": str(-days),
                "msDS-PSOAppliesTo": account,
            },
        )
    settings = _settings(own_samba, user=account, password=PASSWORD)
    with ActiveDirectory(settings) as directory:
        (said,) = password_advice(directory)
    assert f"The password of {account} expires on " in said
    login = f"reader.{office.name.lower()}"
    # Whoever may not read the policy is told the domain's, which locks nobody here.
    for reader, threshold in ((_settings(own_samba), 2), (settings, 0)):
        assert directory_accounts.find(reader, [], name=login)["lockout_threshold"] == threshold
    wrong = _settings(own_samba, user=account, password="Wrong.4711")
    for _attempt in range(2):
        assert isinstance(_refusal(wrong), BadCredentials)
    locked = _refusal(settings)
    assert isinstance(locked, AccountNotUsable)
    assert "is locked" in locked.message


def test_a_password_that_does_not_expire_soon_is_not_told_of(samba: SambaDomain) -> None:
    with ActiveDirectory(_settings(samba)) as directory:
        assert password_advice(directory) == []
