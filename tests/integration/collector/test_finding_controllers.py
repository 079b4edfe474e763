"""The controllers of a domain by its name: which are found, in what order, and which of them is stayed with."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.collector import discovery
from services.collector.active_directory import ActiveDirectory
from services.collector.discovery import candidates
from shared.errors import AddressUnknown, CertificateRejected
from shared.settings.documents import DirectorySettings
from tests.support.name_server import NameServer, name_server
from tests.support.samba import REALM, SambaDomain

DOMAIN = REALM.lower()
EVERYWHERE = f"_ldap._tcp.dc._msdcs.{DOMAIN}"
AT_HOME = f"_ldap._tcp.Berlin._sites.dc._msdcs.{DOMAIN}".lower()
# Nothing listens there.
NOWHERE = "127.255.255.254"


def _settings(names: NameServer, domain: SambaDomain | None = None, **changes: Any) -> DirectorySettings:
    values: dict[str, Any] = {
        "servers": [DOMAIN],
        "name_servers": [names.address],
        "ca_certificate": domain.ca_certificate if domain else "",
        "user": domain.user if domain else "u",
        "password": domain.password if domain else "p",
        "connect_timeout_seconds": 20,
        "receive_timeout_seconds": 20,
    }
    return DirectorySettings.model_validate(values | changes)


def _record(priority: int, weight: int, host: str, port: int = 389) -> str:
    return f"{priority} {weight} {port} {host}.{DOMAIN}."


def _order(settings: DirectorySettings) -> list[str]:
    return [str(item.address).removesuffix(f".{DOMAIN}:636") for item in candidates(settings)]


def test_the_sites_own_controllers_come_first_then_by_priority_and_weight_each_once() -> None:
    everywhere = [
        _record(0, 10, "light"),
        _record(5, 900, "last"),
        _record(0, 100, "heavy"),
        _record(0, 100, "Near"),
    ]
    records = {
        f"{EVERYWHERE} SRV": everywhere,
        f"{AT_HOME} SRV": [_record(0, 100, "near"), _record(1, 1, "by")],
    }
    with name_server(records) as names:
        assert _order(_settings(names, site="Berlin")) == ["near", "by", "heavy", "light", "last"]
        assert _order(_settings(names)) == ["heavy", "near", "light", "last"]


def test_those_of_the_settings_keep_their_place_and_a_name_with_a_port_is_a_host() -> None:
    with name_server({f"{EVERYWHERE} SRV": [_record(0, 1, "found")]}) as names:
        servers = ["first.other.example", DOMAIN, f"{DOMAIN}:636", f"found.{DOMAIN}", "192.0.2.1"]
        found = [str(item.address) for item in candidates(_settings(names, servers=servers))]
    assert found == ["first.other.example:636", f"found.{DOMAIN}:636", f"{DOMAIN}:636", "192.0.2.1:636"]


@pytest.mark.parametrize(("security", "port"), [("ldaps", 636), ("starttls", 3890)])
def test_the_port_is_that_of_the_record_and_636_for_ldaps(security: str, port: int) -> None:
    with name_server({f"{EVERYWHERE} SRV": [_record(0, 1, "dc1", 3890)]}) as names:
        (found,) = candidates(_settings(names, security=security))
    assert found.address.port == port


def test_name_servers_that_fall_silent_take_away_no_controller_and_are_asked_again() -> None:
    with name_server({f"{EVERYWHERE} SRV": [_record(0, 1, "dc1")], f"dc1.{DOMAIN} A": [NOWHERE]}) as names:
        settings = _settings(names)
        hasty = settings.model_copy(update={"connect_timeout_seconds": 0.3})
        names.is_silent = True
        assert [str(item.address) for item in candidates(hasty)] == [f"{DOMAIN}:636"]
        discovery.expire()
        names.is_silent = False
        before = candidates(settings)
        names.is_silent = True
        discovery.expire()
        assert candidates(hasty) == before


def test_a_domain_that_does_not_exist_is_said() -> None:
    with (
        name_server({}) as names,
        pytest.raises(AddressUnknown, match=DOMAIN),
        ActiveDirectory(_settings(names)),
    ):
        pytest.fail("signed in")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Samba makes sockets below it, whose names may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="dc2-") as folder:
        yield Path(folder)


@pytest.mark.samba
class TestRealControllers:
    """With Samba's domain controllers behind the names."""

    def test_a_dead_one_is_passed_over_the_certificate_is_for_the_one_found_and_the_site_is_learnt(
        self, samba: SambaDomain
    ) -> None:
        records = {
            f"{EVERYWHERE} SRV": [_record(0, 900, "dead"), _record(0, 1, "dc1")],
            f"dead.{DOMAIN} A": [NOWHERE],
            f"dc1.{DOMAIN} A": [samba.address],
        }
        with name_server(records) as names:
            settings = _settings(names, samba)
            with ActiveDirectory(settings) as directory:
                assert directory.server == f"dc1.{DOMAIN}:636"
                assert [item.server for item in directory.passed_over] == [f"dead.{DOMAIN}:636"]
            _order(settings)
        of_site = f"_ldap._tcp.default-first-site-name._sites.dc._msdcs.{DOMAIN} SRV"
        assert of_site in names.asked

    def test_a_certificate_for_another_controller_is_refused(self, samba: SambaDomain) -> None:
        records = {f"{EVERYWHERE} SRV": [_record(0, 1, "dc9")], f"dc9.{DOMAIN} A": [samba.address]}
        with (
            name_server(records) as names,
            pytest.raises(CertificateRejected, match=f"It is not for 'dc9.{DOMAIN}'"),
            ActiveDirectory(_settings(names, samba)),
        ):
            pytest.fail("signed in")

    def test_the_nearest_is_stayed_with_as_long_as_it_answers_and_gone_back_to(
        self, own_samba: SambaDomain, short_folder: Path
    ) -> None:
        own_samba.stop()
        second = own_samba.replica(short_folder)
        second.tls_name = f"dc2.{DOMAIN}"
        second.start()
        own_samba.start()
        try:
            records = {
                f"{EVERYWHERE} SRV": [_record(0, 100, "dc1"), _record(0, 50, "dc2")],
                f"dc1.{DOMAIN} A": [own_samba.address],
                f"dc2.{DOMAIN} A": [second.address],
            }
            with name_server(records) as names:
                both = own_samba.ca_certificate + second.ca_certificate
                settings = _settings(names, own_samba, ca_certificate=both)
                seen = [_answering(settings), _answering(settings)]
                own_samba.stop()
                seen += [_answering(settings), _answering(settings)]
                own_samba.start()
                seen.append(_answering(settings))
        finally:
            second.kill()
        assert [name.partition(".")[0] for name in seen] == ["dc1", "dc1", "dc2", "dc2", "dc1"]


def _answering(settings: DirectorySettings) -> str:
    with ActiveDirectory(settings) as directory:
        directory.domain()
        return directory.server
