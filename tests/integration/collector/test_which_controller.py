"""Which controller answers and what it has of the others: from the stand-in, from none at all, from what is none."""

import random
import socket
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import ldap3
import pytest

from services.collector.active_directory import ActiveDirectory
from services.collector.advice import advice_on
from services.collector.controller import ended, reading_of
from services.collector.questions import test_directory as ask_directory
from services.collector.reader import Reader
from services.collector.root_dse import check_own_port
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.directory.messages import Message, SearchRequest
from shared.database.tables import SnapshotPart, WatchRow
from shared.domain.memory import Memory
from shared.domain.reading import Freshness, Reading, is_at_least_as_fresh
from shared.errors import GlobalCatalogPort, NotActiveDirectory
from shared.runs.controllers import remember
from shared.settings.documents import DirectorySettings
from tests.integration.collector.collecting import Collecting, sandbox_settings
from tests.integration.collector.scripted import done, entry, plain_settings, scripted
from tests.support.samba import SambaDomain

NAMES = {"defaultNamingContext": "DC=x", "schemaNamingContext": "CN=Schema,DC=x"}


def _read(running: RunningDirectory) -> Reading:
    with ActiveDirectory(
        DirectorySettings.model_validate(sandbox_settings(running, receive_timeout_seconds=20))
    ) as directory:
        return ended(directory, reading_of(directory))


def test_the_stand_in_says_who_it_is_and_what_it_knows_of_the_other() -> None:
    company = build_company(4)
    with RunningDirectory(company, host_name="dc1") as first:
        before = _read(first)
        replica = company.replica()
        with RunningDirectory(replica, host_name="dc2") as second:
            assert is_at_least_as_fresh(_read(second), before) is Freshness.PROVEN
            company.modify(company.people()[0].dn, {"mobile": "1"})
            after = _read(first)
            assert is_at_least_as_fresh(after, before) is Freshness.PROVEN
            assert is_at_least_as_fresh(_read(second), after) is Freshness.BEHIND
            assert is_at_least_as_fresh(after, _read(second)) is Freshness.UNKNOWN
            replica.learn(company)
            assert is_at_least_as_fresh(_read(second), after) is Freshness.PROVEN
    assert before.service.startswith("CN=NTDS Settings,CN=DC1,CN=Servers,")
    assert before.usn == before.usn_after == company.highest_usn - 1


def _root(**more: str) -> Callable[[Message, SearchRequest], bytes]:
    return lambda message, search: (b"" if search.base else entry(message, "", NAMES | more)) + done(message)


def test_a_directory_that_shows_none_of_it_is_known_by_its_address() -> None:
    with (
        scripted(_root()) as controller,
        ActiveDirectory(plain_settings(controller)) as directory,
    ):
        reading = ended(directory, reading_of(directory))
    assert (reading.invocation_id, reading.service, reading.usn, reading.knows) == ("", "", None, {})
    assert reading.source == controller.address


def test_a_directory_whose_settings_entry_may_not_be_read_is_known_by_its_service() -> None:
    with (
        scripted(_root(dsServiceName="CN=NTDS Settings,CN=DC1", highestCommittedUSN="7")) as controller,
        ActiveDirectory(plain_settings(controller)) as directory,
    ):
        reading = reading_of(directory)
    assert (reading.invocation_id, reading.source, reading.usn) == ("", "cn=ntds settings,cn=dc1", 7)


@pytest.mark.parametrize(
    ("capability", "is_read_only"),
    [("1.2.840.113556.1.4.1920", True), ("1.2.840.113556.1.4.1670", False)],
)
def test_a_read_only_controller_is_known(capability: str, is_read_only: bool) -> None:
    able = _root(supportedCapabilities=["1.2.840.113556.1.4.800", capability])  # type: ignore[arg-type]
    with scripted(able) as controller, ActiveDirectory(plain_settings(controller)) as directory:
        domain = directory.domain()
        assert domain.is_read_only is reading_of(directory).is_read_only is is_read_only
        told = [item for item in advice_on(directory, domain, datetime.now(UTC)) if "is a read-only" in item]
    assert len(told) == is_read_only


_OTHERS = {
    "AD LDS": ({"supportedCapabilities": ["1.2.840.113556.1.4.1851"], **NAMES}, "but AD LDS, which does not hold"),
    "another kind": ({"namingContexts": "dc=x"}, "but an LDAP server of another kind, which"),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(_OTHERS))
def test_another_ldap_server_is_refused_with_the_reason_by_runs_and_by_test(
    site: Collecting, kind: str
) -> None:
    shown, said = _OTHERS[kind]
    with scripted(lambda message, search: entry(message, "", shown) + done(message)) as controller:  # type: ignore[arg-type]
        site.configure(plain_settings(controller).model_dump(mode="json") | {
            "units": [{"dn": "OU=Sales,DC=x"}], "password": "secret",
        })  # fmt: skip
        (part,) = site.read()
        with pytest.raises(NotActiveDirectory, match=said):
            ask_directory(site.context, {"site_id": "default"})
    assert part.error_code == "not_active_directory"
    assert said in (part.error_message or "")


@pytest.mark.parametrize(("port", "is_global_catalog"), [(636, False), (3269, True)])
def test_the_global_catalog_is_known_at_whatever_port_it_was_forwarded_to(
    samba: SambaDomain, port: int, is_global_catalog: bool
) -> None:
    server = ldap3.Server(samba.address, port=port, use_ssl=True, get_info=ldap3.NONE)
    connection = ldap3.Connection(server, samba.user, samba.password, auto_bind=ldap3.AUTO_BIND_NO_TLS)
    reader = Reader(connection, "dc1.corp.example:10636", samba.user, 20)
    refused = pytest.raises(GlobalCatalogPort, match="answers as the Global Catalog")
    try:
        with refused if is_global_catalog else nullcontext():
            check_own_port(reader, "dc1.corp.example:10636")
    finally:
        reader.close()
        connection.unbind()


def test_every_session_asks_whether_it_is_the_global_catalog() -> None:
    def answer(message: Message, search: SearchRequest) -> bytes:
        above_all = not search.base and search.scope == 2
        return entry(message, "DC=x" if above_all else "", NAMES) + done(message)

    with (
        scripted(answer) as controller,
        ActiveDirectory(plain_settings(controller)) as directory,
        pytest.raises(GlobalCatalogPort),
    ):
        directory.domain()


class _DomainName:
    """Name servers that answer a domain's name with the addresses of its controllers, in any order."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = list(hosts)
        self._ask, self._dice = socket.getaddrinfo, random.Random(1)

    def __call__(self, host: Any, port: Any, *more: Any, **options: Any) -> list[Any]:
        if host != "corp.test":
            return list(self._ask(host, port, *more, **options))
        self._dice.shuffle(self.hosts)
        return [found for item in self.hosts for found in self._ask(item, port, *more, **options)]


def _watch(site: Collecting, server: str, host: str) -> None:
    """A full reading is needed of what this controller is watched for."""
    with site.context.database.begin() as session:
        session.merge(
            WatchRow(site_id="default", directory="", state="live", server=server, host=host, needs_full_reading="An OU was moved.")
        )  # fmt: skip


def _hosts(parts: list[SnapshotPart]) -> set[str]:
    assert [part.state for part in parts] == ["complete"] * len(parts), [part.error_message for part in parts]
    return {part.proof["controller"]["host"] for part in parts}


def test_a_domains_name_leads_all_units_of_a_run_to_one_controller_and_the_next_run_back_to_it(
    site: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = build_company(8)
    units = [*company.units]
    with (
        RunningDirectory(company) as first,
        RunningDirectory(company, first.port, host="127.0.0.2") as second,
    ):
        monkeypatch.setattr(socket, "getaddrinfo", _DomainName("127.0.0.1", "127.0.0.2"))
        settings = sandbox_settings(
            first,
            units,
            servers=[f"corp.test:{first.port}"],
            ca_certificate=first.ca_certificate + second.ca_certificate,
            tls_name=first.tls_name,
        )
        site.configure(settings)
        for _time in range(3):
            assert len(_hosts(site.read())) == 1
        last = site.read()
        (used,) = _hosts(last)
        with site.context.database.begin() as session:
            reading = Reading.from_document(last[0].proof["controller"])
            remember(session, "default", Memory().accepting((reading,), "x"))
        for _time in range(3):
            assert _hosts(site.read()) == {used}
        # Of the watch, whatever was read from before: it goes on with its controller, and the run that it asks for goes there.
        for host in ("127.0.0.1", "127.0.0.2"):
            _watch(site, f"corp.test:{first.port}", host)
            assert _hosts(site.read()) == {host}
        _watch(site, "", "")
        (first if used == "127.0.0.1" else second).stop()
        # The other one answers in its place, for all units again.
        assert _hosts(site.read()) == {"127.0.0.1", "127.0.0.2"} - {used}
