"""Signing in, TLS, pages and the root entry: the sandbox directory does as a real domain controller does."""

from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import (
    LDAPInvalidCredentialsResult,
    LDAPOperationsErrorResult,
    LDAPSocketOpenError,
    LDAPStartTLSError,
    LDAPStrongerAuthRequiredResult,
    LDAPUnwillingToPerformResult,
)

from services.sandbox.directory.certificate import make_certificate
from tests.integration.sandbox.ldap_client import connect
from tests.integration.sandbox.twins import (
    PASSWORD,
    PEOPLE,
    ROOT,
    Twin,
    Twins,
    dn_of,
    entries,
    same,
    shape,
    sub_code,
)

pytestmark = [pytest.mark.samba, pytest.mark.xdist_group("samba twins")]

PAGED = "1.2.840.113556.1.4.319"


@pytest.mark.parametrize(
    "user",
    ["ann@corp.example.test", "CORP\\ann", "corp\\ANN", dn_of("ann"), "ANN@CORP.EXAMPLE.TEST"],
)
def test_an_account_binds_by_any_of_its_names(twins: Twins, user: str) -> None:
    for twin in twins:
        with twin.connect(user, PASSWORD) as connection:
            assert connection.bound, twin.name


@pytest.mark.parametrize(
    ("user", "password", "code"),
    [
        ("ann@corp.example.test", "wrong", "52e"),
        ("bob@corp.example.test", PASSWORD, "533"),
        ("bob@corp.example.test", "wrong", "52e"),
        ("zoe@corp.example.test", PASSWORD, "701"),
        ("max@corp.example.test", PASSWORD, "773"),
    ],
)
def test_a_refused_bind_says_why(twins: Twins, user: str, password: str, code: str) -> None:
    def why(twin: Twin) -> str:
        with pytest.raises(LDAPInvalidCredentialsResult) as refused, twin.connect(user, password):
            pass
        return sub_code(refused.value)

    assert same(twins, why) == code


def test_pages_hold_every_entry_once(twins: Twins) -> None:
    def pages(twin: Twin) -> tuple[list[int], Any]:
        sizes, together, cookie = [], [], None
        with twin.connect() as connection:
            while True:
                connection.search(
                    PEOPLE, "(objectClass=user)", paged_size=8, paged_cookie=cookie, attributes=["cn"]
                )
                found = entries(connection.response)
                sizes.append(len(found))
                together += found
                cookie = connection.result["controls"][PAGED]["value"]["cookie"]
                if not cookie:
                    return sizes, shape(together)

    sizes, found = same(twins, pages)
    assert (sizes, len(found)) == ([8, 8, 8, 6], 30)


def test_a_cookie_is_good_on_its_own_connection_only(twins: Twins) -> None:
    for twin in twins:
        with twin.connect() as first, twin.connect() as second:
            first.search(PEOPLE, "(objectClass=user)", paged_size=8, attributes=["cn"])
            cookie = first.result["controls"][PAGED]["value"]["cookie"]
            with pytest.raises(LDAPUnwillingToPerformResult):
                second.search(
                    PEOPLE, "(objectClass=user)", paged_size=8, paged_cookie=cookie, attributes=["cn"]
                )


def test_a_critical_control_that_is_not_there_is_refused(twins: Twins) -> None:
    controls = [("1.2.3.4.5.6.7", True, None)]
    assert same(twins, lambda twin: twin.ask(ROOT, "(objectClass=*)", controls=controls)) == 12


def test_whoever_is_not_bound_sees_the_root_entry_only(twins: Twins) -> None:
    for twin in twins:
        with connect(twin.url, ca=twin.ca, bind=False) as connection:
            connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["defaultNamingContext"])
            assert shape(connection.response)[()]["defaultNamingContext"]
            with pytest.raises(LDAPOperationsErrorResult):
                connection.search(ROOT, "(objectClass=*)", attributes=["cn"])


def test_the_root_entry_tells_the_same(twins: Twins) -> None:
    contexts = (
        "defaultNamingContext", "rootDomainNamingContext", "configurationNamingContext", "schemaNamingContext",
        "supportedCapabilities",
    )  # fmt: skip
    others = (
        "dnsHostName",
        "dsServiceName",
        "serverName",
        "highestCommittedUSN",
        "currentTime",
        "supportedControl",
    )

    def told(twin: Twin) -> Any:
        (values,) = twin.ask("", "(objectClass=*)", ldap3.BASE, contexts).values()
        # Samba lists one capability that is about its own age.
        return values | {
            "supportedCapabilities": [one for one in values["supportedCapabilities"] if one.endswith(".800")]
        }

    assert len(same(twins, told)) == 5
    for twin in twins:
        (values,) = twin.ask("", "(objectClass=*)", ldap3.BASE, others).values()
        assert set(values) == set(others)
        assert int(values["highestCommittedUSN"][0]) > 0
        assert PAGED in values["supportedControl"]


def test_a_plain_bind_is_refused_and_starttls_makes_it_good(twins: Twins) -> None:
    for twin in twins:
        with pytest.raises(LDAPStrongerAuthRequiredResult), connect(twin.plain_url, twin.user, twin.password):
            pass
        with connect(
            twin.plain_url, twin.user, twin.password, ca=twin.plain_ca, start_tls=True
        ) as connection:
            connection.search(ROOT, "(objectClass=*)", ldap3.BASE, attributes=["ou"])
            assert shape(connection.response)
            assert connection.tls_started


@pytest.mark.parametrize("start_tls", [False, True])
def test_a_client_that_knows_another_authority_does_not_connect(twins: Twins, start_tls: bool) -> None:
    stranger = make_certificate("dc.other.test").ca
    for twin in twins:
        url = twin.plain_url if start_tls else twin.url
        with (
            pytest.raises((LDAPSocketOpenError, LDAPStartTLSError)) as refused,
            connect(url, twin.user, twin.password, ca=stranger, start_tls=start_tls),
        ):
            pass
        assert "CERTIFICATE_VERIFY_FAILED" in str(refused.value)
