"""What the sandbox directory does as Windows does and Samba does not, and what is its own: its limits and its changes.

From Microsoft's documentation, for there is no Windows here to ask.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import (
    LDAPAuthMethodNotSupportedResult,
    LDAPInsufficientAccessRightsResult,
    LDAPInvalidCredentialsResult,
    LDAPNoSuchObjectResult,
    LDAPOperationsErrorResult,
    LDAPProtocolErrorResult,
    LDAPUnwillingToPerformResult,
)

from services.sandbox.directory import Directory, RunningDirectory
from tests.integration.sandbox.ldap_client import connect
from tests.integration.sandbox.twins import entries, sub_code

PEOPLE = 1600
PASSWORD = "Pass-Word.4711"


@pytest.fixture(scope="module")
def directory() -> Directory:
    """More people in one unit and one group than Windows gives at once."""
    made = Directory()
    unit = made.add_unit("Many")
    dns = [
        made.add(f"CN=Person {i},{unit}", {"objectClass": "user", "sAMAccountName": f"p{i}"}).dn
        for i in range(PEOPLE)
    ]
    made.add_group("Everybody", dns)
    made.set_password(dns[0], PASSWORD)
    made.set_password(dns[1], PASSWORD)
    made.modify(dns[1], {"lockoutTime": 133_500_000_000_000_000})
    return made


@pytest.fixture(scope="module")
def server(directory: Directory) -> Iterator[RunningDirectory]:
    """It is served without TLS, plain binds allowed."""
    with RunningDirectory(directory, tls=False, allow_plain=True) as running:
        yield running


@pytest.fixture
def connection(server: RunningDirectory) -> Iterator[ldap3.Connection]:
    """A bound connection."""
    with connect(server.url, server.user, server.password) as made:
        yield made


def _refused_bind(server: RunningDirectory, user: str, password: str) -> str:
    with pytest.raises(LDAPInvalidCredentialsResult) as refused, connect(server.url, user, password):
        pass
    return sub_code(refused.value)


def test_an_unknown_account_is_told_from_a_wrong_password(server: RunningDirectory) -> None:
    assert _refused_bind(server, "nobody@corp.example.test", PASSWORD) == "525"
    assert _refused_bind(server, "OTHER\\p0", PASSWORD) == "525"
    assert _refused_bind(server, "p0", PASSWORD) == "525"
    assert _refused_bind(server, "p0@corp.example.test", "wrong") == "52e"


def test_a_locked_account_is_locked_whatever_the_password(server: RunningDirectory) -> None:
    assert _refused_bind(server, "CORP\\p1", PASSWORD) == "775"
    assert _refused_bind(server, "CORP\\p1", "wrong") == "775"


def test_a_search_without_pages_gives_a_thousand_entries_and_says_that_there_are_more(
    connection: ldap3.Connection, directory: Directory
) -> None:
    connection.raise_exceptions = False
    for asked, given in ((0, 1000), (10, 10)):
        connection.search(directory.base_dn, "(objectClass=user)", attributes=["cn"], size_limit=asked)
        assert connection.result["description"] == "sizeLimitExceeded"
        assert len(entries(connection.response)) == given


def test_a_page_holds_no_more_than_a_thousand_entries(
    connection: ldap3.Connection, directory: Directory
) -> None:
    connection.search(directory.units[0], "(objectClass=user)", attributes=["cn"], paged_size=5000)
    assert len(entries(connection.response)) == 1000
    found = connection.extend.standard.paged_search(
        directory.units[0], "(objectClass=user)", attributes=["cn"], paged_size=5000, generator=False
    )
    assert len({entry["dn"] for entry in entries(found)}) == PEOPLE


def test_a_connection_keeps_ten_unfinished_searches(
    connection: ldap3.Connection, directory: Directory
) -> None:
    oid, cookies = "1.2.840.113556.1.4.319", []
    for _ in range(11):
        connection.search(directory.units[0], "(objectClass=user)", attributes=["cn"], paged_size=100)
        cookies.append(connection.result["controls"][oid]["value"]["cookie"])

    def goes_on(cookie: bytes) -> bool:
        try:
            connection.search(
                directory.units[0],
                "(objectClass=user)",
                attributes=["cn"],
                paged_size=100,
                paged_cookie=cookie,
            )
        except LDAPUnwillingToPerformResult:
            return False
        return len(entries(connection.response)) == 100

    assert [goes_on(cookie) for cookie in cookies] == [False, *[True] * 10]
    assert not goes_on(cookies[-1]), "a cookie is used up"


def test_many_members_come_in_ranges(connection: ldap3.Connection, directory: Directory) -> None:
    group = f"CN=Everybody,{directory.users_dn}"

    def asked(attribute: str) -> dict[str, int]:
        connection.search(group, "(objectClass=*)", ldap3.BASE, attributes=[attribute])
        (entry,) = entries(connection.response)
        return {name: len(values) for name, values in entry["raw_attributes"].items() if values}

    connection.auto_range = False
    assert asked("member") == {"member;range=0-1499": 1500}
    assert asked("member;range=1500-*") == {"member;range=1500-*": 100}
    assert asked("member;range=10-19") == {"member;range=10-19": 10}
    assert asked("member;range=9999-*") == {}
    connection.auto_range = True
    assert asked("member") == {"member": PEOPLE}


def test_an_unknown_base_names_its_lowest_ancestor_that_exists(
    connection: ldap3.Connection, directory: Directory
) -> None:
    for base, nearest in (
        (f"CN=Nobody,OU=Nowhere,{directory.units[0]}", directory.units[0]),
        ("DC=other,DC=test", ""),
    ):
        with pytest.raises(LDAPNoSuchObjectResult) as refused:
            connection.search(base, "(objectClass=*)", attributes=["cn"])
        assert refused.value.dn == nearest


def test_nothing_can_be_written_over_the_wire(connection: ldap3.Connection, directory: Directory) -> None:
    person = f"CN=Person 5,{directory.units[0]}"
    # ldap3 names no types for what writes.
    writer: Any = connection
    for write in (
        partial(writer.delete, person),
        partial(writer.modify, person, {"mail": [(ldap3.MODIFY_REPLACE, ["x@x.test"])]}),
        partial(writer.add, f"CN=New,{directory.units[0]}", "user"),
        partial(writer.modify_dn, person, "CN=Other"),
        partial(writer.compare, person, "cn", "Person 5"),
    ):
        with pytest.raises(LDAPInsufficientAccessRightsResult):
            write()
    assert directory.get(person).text("cn") == "Person 5"


def test_other_ways_to_sign_in_and_other_operations_are_refused_in_words(server: RunningDirectory) -> None:
    with connect(server.url, bind=False) as connection:
        with pytest.raises(LDAPAuthMethodNotSupportedResult):
            connection.rebind(
                "x", "x", authentication=ldap3.SASL, sasl_mechanism="PLAIN", sasl_credentials=(None, "x", "x")
            )
        with pytest.raises(LDAPProtocolErrorResult):
            connection.extend.standard.who_am_i()


def test_a_bind_without_a_name_binds_nobody(server: RunningDirectory, directory: Directory) -> None:
    with connect(server.url) as connection, pytest.raises(LDAPOperationsErrorResult):
        connection.search(directory.base_dn, "(objectClass=*)", attributes=["cn"])


def test_a_refused_bind_ends_what_was_allowed_before(server: RunningDirectory, directory: Directory) -> None:
    with connect(server.url, server.user, server.password) as connection:
        with pytest.raises(LDAPInvalidCredentialsResult):
            connection.rebind(server.user, "wrong")
        with pytest.raises(LDAPOperationsErrorResult):
            connection.search(directory.base_dn, "(objectClass=*)", attributes=["cn"])


def test_tls_is_begun_once(server: RunningDirectory) -> None:
    with connect(server.url, ca=server.ca_certificate, start_tls=True, bind=False) as connection:
        assert connection.server.tls is not None
        connection.tls_started = False
        with pytest.raises(LDAPOperationsErrorResult):
            connection.start_tls()


def test_a_change_is_seen_by_the_next_search(connection: ldap3.Connection, directory: Directory) -> None:
    unit = directory.units[0]
    dn = directory.add(f"CN=Early,{unit}", {"objectClass": "user", "mail": "early@x.test"}).dn

    def found(wanted: str) -> list[str]:
        connection.search(unit, wanted, attributes=["uSNChanged"])
        return [entry["dn"] for entry in entries(connection.response)]

    first = directory.highest_usn
    assert found("(mail=early@x.test)") == [dn]
    renamed = directory.rename(dn, "Late, Very")
    assert found("(mail=early@x.test)") == [renamed] == [f"CN=Late\\, Very,{unit}"]
    assert found(f"(uSNChanged>={first + 1})") == [renamed]
    directory.disable(renamed)
    assert found("(userAccountControl:1.2.840.113556.1.4.803:=2)") == [renamed]
    directory.delete(renamed)
    assert found("(mail=early@x.test)") == []
