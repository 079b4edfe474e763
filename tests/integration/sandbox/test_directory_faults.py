"""The ways in which the sandbox directory can be told to fail."""

import socket
from collections.abc import Iterator

import ldap3
import pytest
from ldap3.core.exceptions import (
    LDAPBusyResult,
    LDAPException,
    LDAPSessionTerminatedByServerError,
    LDAPSocketReceiveError,
    LDAPUnavailableResult,
)

from services.sandbox.directory import Company, RunningDirectory, build_company
from tests.integration.sandbox.ldap_client import connect
from tests.integration.sandbox.twins import entries

PEOPLE = 60
WANTED = "(&(objectCategory=person)(objectClass=user)(mail=*))"


@pytest.fixture(scope="module")
def company() -> Company:
    """Sixty people in four departments."""
    return build_company(PEOPLE)


@pytest.fixture
def server(company: Company) -> Iterator[RunningDirectory]:
    """A server of its own for each test."""
    with RunningDirectory(company, tls=False, allow_plain=True) as running:
        yield running


def _read(server: RunningDirectory, *, receive_timeout: int = 20) -> Iterator[str]:
    """The names of all people, page by page."""
    with connect(server.url, server.user, server.password, receive_timeout=receive_timeout) as connection:
        for entry in connection.extend.standard.paged_search(
            server.base_dn, WANTED, attributes=["cn"], paged_size=20, generator=True
        ):
            if entry["type"] == "searchResEntry":
                yield entry["dn"]


def test_a_server_may_die_between_pages(server: RunningDirectory) -> None:
    server.faults.die_after(30, times=1)
    with pytest.raises(LDAPSessionTerminatedByServerError):
        list(_read(server))
    assert len(set(_read(server))) == PEOPLE, "it is well again"


def test_what_was_sent_before_it_died_was_seen(server: RunningDirectory) -> None:
    server.faults.die_after(20)
    found: list[str] = []
    with pytest.raises(LDAPSessionTerminatedByServerError):
        for dn in _read(server):
            found.append(dn)
    assert len(found) in (0, 20)
    with pytest.raises(LDAPSessionTerminatedByServerError):
        list(_read(server))
    server.faults.clear()
    assert len(list(_read(server))) == PEOPLE


def test_a_server_may_fall_silent(server: RunningDirectory) -> None:
    server.faults.freeze_after(30, times=1)
    with pytest.raises(LDAPSocketReceiveError):
        list(_read(server, receive_timeout=1))
    assert len(list(_read(server))) == PEOPLE


def test_a_server_may_answer_that_nobody_is_there(server: RunningDirectory) -> None:
    server.faults.answer_empty(times=1)
    assert list(_read(server)) == []
    assert len(list(_read(server))) == PEOPLE


@pytest.mark.parametrize(("code", "error"), [(51, LDAPBusyResult), (52, LDAPUnavailableResult)])
@pytest.mark.parametrize("page", [1, 3])
def test_a_page_may_fail_with_a_result(
    server: RunningDirectory, page: int, code: int, error: type[LDAPException]
) -> None:
    server.faults.fail_page(page, code, times=1)
    found: list[str] = []
    with pytest.raises(error):
        for dn in _read(server):
            found.append(dn)
    assert len(found) == (page - 1) * 20
    assert len(list(_read(server))) == PEOPLE


def test_of_two_servers_of_one_domain_one_may_fail(company: Company, server: RunningDirectory) -> None:
    with RunningDirectory(company, tls=False, allow_plain=True, host_name="dc2") as other:
        server.faults.die_after(0)
        with pytest.raises(LDAPSessionTerminatedByServerError):
            list(_read(server))
        assert len(list(_read(other))) == PEOPLE
        with connect(other.url, bind=False) as connection:
            connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["dnsHostName"])
            assert entries(connection.response)[0]["raw_attributes"]["dnsHostName"] == [
                b"dc2.corp.example.test"
            ]


def test_a_server_that_will_die_can_still_be_reached_and_signed_in_to(server: RunningDirectory) -> None:
    server.faults.die_after(0)
    with connect(server.url, server.user, server.password) as connection:
        connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["defaultNamingContext"])
        assert entries(connection.response)


def test_a_stopped_server_refuses_and_comes_back_at_the_same_port(server: RunningDirectory) -> None:
    url = server.url
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    server.start()
    assert server.url == url
    assert len(list(_read(server))) == PEOPLE
