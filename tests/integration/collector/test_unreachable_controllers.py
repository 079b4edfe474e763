"""Hosts that cannot be reached or cannot prove who they are, and the second controller that takes over."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.collector.active_directory import ActiveDirectory
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.directory.certificate import make_certificate
from services.sandbox.directory.results import Result
from shared.errors import (
    AddressUnknown,
    BadCredentials,
    CertificateRejected,
    DirectoryUnavailable,
    RollcallError,
)
from shared.settings.documents import DirectorySettings
from tests.integration.collector.collecting import sandbox_settings
from tests.integration.collector.scripted import done, plain_settings, scripted
from tests.support.tls import tls_host

CLOSED = "127.0.0.1:9"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningDirectory]:
    """A sandbox directory that works."""
    with RunningDirectory(build_company(8)) as directory:
        yield directory


def _settings(running: RunningDirectory, **changes: object) -> DirectorySettings:
    return DirectorySettings.model_validate(
        sandbox_settings(running) | {"connect_timeout_seconds": 1} | changes
    )


def _failure(settings: DirectorySettings) -> RollcallError:
    with pytest.raises(RollcallError) as caught, ActiveDirectory(settings):
        pytest.fail("signed in")
    return caught.value


@contextmanager
def _silent_host() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=5) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_unknown_host_is_named(running: RunningDirectory) -> None:
    error = _failure(_settings(running, servers=["nowhere.invalid"]))
    assert type(error) is AddressUnknown
    assert "nowhere.invalid:636" in error.message
    assert "DNS" in error.message


def test_a_refused_port_is_said(running: RunningDirectory) -> None:
    error = _failure(_settings(running, servers=[CLOSED]))
    assert type(error) is DirectoryUnavailable
    assert CLOSED in error.message
    assert "refused" in error.message


@pytest.mark.parametrize("security", ["ldaps", "starttls"])
@pytest.mark.timeout(20)
def test_a_silent_host_is_given_up_in_time(running: RunningDirectory, security: str) -> None:
    with _silent_host() as address:
        error = _failure(_settings(running, servers=[address], security=security))
    assert type(error) is DirectoryUnavailable
    assert "timed out" in error.message
    assert address in error.message


def test_a_port_that_speaks_no_tls_is_unavailable_and_not_a_crash(running: RunningDirectory) -> None:
    with scripted(lambda message, search: done(message)) as controller:
        error = _failure(_settings(running, servers=[controller.address]))
    assert type(error) is DirectoryUnavailable


def test_an_untrusted_certificate_is_shown_with_names_issuer_and_expiry(running: RunningDirectory) -> None:
    error = _failure(_settings(running, ca_certificate=make_certificate("other").ca))
    assert type(error) is CertificateRejected
    assert (
        f"for {running.tls_name}, localhost, 127.0.0.1, issued by CN=Rollcall sandbox authority"
        in error.message
    )
    assert "valid until 20" in error.message
    assert "Put the certificate of the CA that signed it into directory.ca_certificate" in error.message


@pytest.mark.parametrize("tls", [True, False])
def test_a_certificate_for_another_name_is_shown_with_its_names(tls: bool) -> None:
    with RunningDirectory(build_company(4), tls=tls) as other:
        security = "ldaps" if tls else "starttls"
        error = _failure(_settings(other, tls_name="dc9.corp.example", security=security))
    assert type(error) is CertificateRejected
    assert f"for {other.tls_name}, localhost" in error.message
    assert "It is not for 'dc9.corp.example'" in error.message
    assert "directory.tls_name" in error.message


def test_an_expired_certificate_says_when_it_expired(tmp_path: Path) -> None:
    expired = datetime.now(UTC) - timedelta(days=2)
    with tls_host(tmp_path, expired) as (address, ca):
        error = _failure(DirectorySettings.model_validate(
            {"servers": [address], "ca_certificate": ca, "user": "u", "password": "p"}
        ))  # fmt: skip
    assert type(error) is CertificateRejected
    assert f"expired {expired:%Y-%m-%d %H:%M} UTC" in error.message
    assert "Renew the controller's certificate" in error.message


@pytest.mark.parametrize("first", [CLOSED, "nowhere.invalid"])
def test_the_second_controller_takes_over_and_the_first_is_told_of(
    running: RunningDirectory, first: str
) -> None:
    with ActiveDirectory(_settings(running, servers=[first, f"127.0.0.1:{running.port}"])) as directory:
        assert directory.domain().base_dn == running.base_dn
    (passed_over,) = directory.passed_over
    assert first in passed_over.error.message


def test_a_second_attempt_begins_with_the_second_controller(running: RunningDirectory) -> None:
    settings = _settings(running, servers=[CLOSED, f"127.0.0.1:{running.port}"])
    with ActiveDirectory(settings, start=1) as directory:
        assert directory.passed_over == []


def test_when_all_fail_the_message_tells_of_each_and_what_may_pass_decides(running: RunningDirectory) -> None:
    error = _failure(_settings(running, servers=["nowhere.invalid", CLOSED, "gone.invalid"]))
    assert type(error) is DirectoryUnavailable
    for server in ("nowhere.invalid", CLOSED, "gone.invalid"):
        assert server in error.message


def test_credentials_refused_by_the_first_are_never_sent_to_the_second() -> None:
    with (
        scripted(lambda message, search: done(message)) as first,
        scripted(lambda message, search: done(message)) as second,
    ):
        first.bind_result = Result(
            49, "80090308: LdapErr: comment: AcceptSecurityContext error, data 52e, v4563"
        )
        assert type(_failure(plain_settings(first, second))) is BadCredentials
        assert (len(first.binds), second.binds) == (1, [])


def test_nothing_is_sent_to_a_controller_whose_certificate_is_refused(tmp_path: Path) -> None:
    received: list[bytes] = []
    with tls_host(tmp_path, datetime.now(UTC) + timedelta(days=2), received) as (address, _):
        wrong = make_certificate("other").ca
        _failure(DirectorySettings.model_validate(
            {"servers": [address], "ca_certificate": wrong, "user": "u", "password": "p"}
        ))  # fmt: skip
    assert received == []
