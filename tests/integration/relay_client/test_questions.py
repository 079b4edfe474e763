"""Short questions: can this phone system be worked with, and if not, exactly why not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from services.relay_client import questions
from services.sandbox.directory.certificate import make_certificate
from services.sandbox.phone_system import PhoneSystemOptions
from shared.errors import (
    AddressUnknown,
    BadCredentials,
    CertificateRejected,
    InsufficientRights,
    PhoneSystemBusy,
    PhoneSystemUnavailable,
    RollcallError,
)
from shared.worker.questions import seal
from tests.integration.relay_client.between import Answer, Between, Forward, Passing, between
from tests.integration.relay_client.conftest import Bench

# It has all that Rollcall asks for, so that nothing is warned of.
_newest = pytest.mark.parametrize("release", ["20.0.10"])


def _ask(bench: Bench, **changes: Any) -> dict[str, Any]:
    """As the console does: with settings that are not saved yet."""
    sealed = seal(bench.settings(**changes), bench.context.encryption)
    return questions.test_phone_system(bench.context, {"settings": sealed})


@pytest.fixture
def proxy(bench: Bench) -> Iterator[Between]:
    """Something in front of the phone system that may answer in its place."""
    with between(bench.base_url) as made:
        yield made


@_newest
def test_a_good_connection_tells_version_licence_and_departments(bench: Bench) -> None:
    answer = questions.test_phone_system(bench.context, {"site_id": "default"})
    assert answer.pop("seconds") >= 0
    assert answer == {
        "address": bench.base_url,
        "version": bench.phone_system.options.version,
        "certificate_until": None,
        "used_extensions": 10,
        "max_extensions": 100_000,
        "is_limit_known": True,
        "departments": 1,
        "warnings": [],
    }


@pytest.mark.parametrize("options", [PhoneSystemOptions(extensions=10, max_extensions=10)])
def test_a_licence_without_a_free_extension_is_warned_of(bench: Bench) -> None:
    (warning,) = _ask(bench)["warnings"]
    assert "All 10 licensed extensions are in use" in warning


@_newest
@pytest.mark.parametrize("version", ["18.0.9.20", ""])
def test_another_version_than_the_one_that_is_known_is_warned_of(
    proxy: Between, bench: Bench, version: str
) -> None:
    def _otherwise(passing: Passing, forward: Forward) -> Answer:
        answer = forward()
        return Answer(answer.status, answer.body, {"X-3CX-Version": version} if version else {})

    proxy.handling = _otherwise
    (warning,) = _ask(bench, base_url=proxy.base_url)["warnings"]
    assert f"version {version or '(none)'}" in warning


@_newest
def test_a_wrong_secret_is_refused_even_while_a_good_token_is_known(bench: Bench) -> None:
    assert _ask(bench)["warnings"] == []
    asked = bench.phone_system._sandbox.token_requests
    with pytest.raises(BadCredentials, match="Integrations > API"):
        _ask(bench, client_secret="wrong")
    assert bench.phone_system._sandbox.token_requests == asked + 1
    assert _ask(bench)["warnings"] == []


def test_a_key_made_anew_in_3cx_is_noticed_although_the_old_token_still_works(bench: Bench) -> None:
    _ask(bench)
    sandbox = bench.phone_system._sandbox
    sandbox.options = PhoneSystemOptions(extensions=10, client_secret="made anew")
    with pytest.raises(BadCredentials):
        _ask(bench)
    assert _ask(bench, client_secret="made anew")["version"]


def test_an_unknown_client_is_refused(bench: Bench) -> None:
    with pytest.raises(BadCredentials, match="client ID or its key"):
        _ask(bench, client_id="nobody")


class TestRole:
    """An API client with the role of an ordinary user."""

    @pytest.fixture
    def options(self) -> PhoneSystemOptions:
        return PhoneSystemOptions(role="users")

    def test_too_low_a_role_is_said_with_what_to_do(self, bench: Bench) -> None:
        with pytest.raises(InsufficientRights, match="role System Owner"):
            _ask(bench)


def test_a_port_nobody_listens_on_is_said(bench: Bench) -> None:
    with pytest.raises(PhoneSystemUnavailable, match=r"127\.0\.0\.1:9 cannot be reached .* firewall"):
        _ask(bench, base_url="http://127.0.0.1:9")


def test_a_port_that_speaks_no_tls_is_said(bench: Bench) -> None:
    with pytest.raises(PhoneSystemUnavailable, match=r"No secure connection to .*443 or 5001"):
        _ask(bench, base_url=bench.base_url.replace("http:", "https:"))


def test_a_certificate_is_accepted_by_the_authority_given_and_by_no_other(bench: Bench) -> None:
    certificate, other = make_certificate("pbx.example.test"), make_certificate("pbx.example.test")
    with between(bench.base_url, certificate) as proxy:
        assert _ask(bench, base_url=proxy.base_url, ca_certificate=certificate.ca)["used_extensions"] == 10
        for ca in ("", other.ca):
            with pytest.raises(CertificateRejected, match=r"is not accepted: .* “CA certificate”"):
                _ask(bench, base_url=proxy.base_url, ca_certificate=ca)


@_newest
def test_a_certificate_that_ends_soon_and_a_clock_that_is_wrong_are_told_in_time(bench: Bench) -> None:
    certificate = make_certificate("pbx.example.test", validity=timedelta(days=10, minutes=1))
    ahead = datetime.now(UTC) + timedelta(minutes=7, seconds=5)
    with between(bench.base_url, certificate) as proxy:
        proxy.handling = lambda _passing, forward: replace(
            forward(), headers={"X-3CX-Version": "20.0.6", "Date": format_datetime(ahead, usegmt=True)}
        )
        answer = _ask(bench, base_url=proxy.base_url, ca_certificate=certificate.ca)
    assert answer["certificate_until"] == f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}"
    assert [warning.partition(" of ")[0] for warning in answer["warnings"]] == [
        "The certificate",
        "The clock",
    ]
    assert f"ends on {answer['certificate_until']}. Renew it" in answer["warnings"][0]
    assert "seconds ahead of that of Rollcall's host" in answer["warnings"][1]


def test_a_certificate_for_another_name_is_refused(bench: Bench) -> None:
    certificate = make_certificate("pbx.example.test", addresses=())
    with (
        between(bench.base_url, certificate) as proxy,
        pytest.raises(CertificateRejected, match="not valid for"),
    ):
        _ask(
            bench,
            base_url=proxy.base_url.replace("localhost", "127.0.0.1"),
            ca_certificate=certificate.ca,
        )


@pytest.mark.parametrize(
    "given", ["not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_ca_certificate_that_is_none_is_said(bench: Bench, given: str) -> None:
    with pytest.raises(CertificateRejected, match="PEM"):
        _ask(bench, ca_certificate=given)


SOMETHING_ELSE: dict[str, tuple[Answer, type[RollcallError], str]] = {
    "a web site": (Answer(200, b"<html>Welcome</html>"), AddressUnknown, "not as a 3CX V20"),
    "a web site without such a page": (
        Answer(404, b"<html>Not found</html>"),
        AddressUnknown,
        "not as a 3CX V20",
    ),
    "another API": (Answer(200, b'{"access": "granted"}'), AddressUnknown, "not as a 3CX V20"),
    "a redirect": (
        Answer(302, b"", {"Location": "https://x.test/login"}),
        AddressUnknown,
        "redirected the request",
    ),
    "a proxy in trouble": (Answer(502, b"<html>Bad gateway</html>"), PhoneSystemUnavailable, "answered 502"),
    "a refusal of this address": (Answer(403), InsufficientRights, "blacklist"),
    "too busy": (Answer(429, b"", {"Retry-After": "30"}), PhoneSystemBusy, "slow down"),
}


@pytest.mark.parametrize("case", SOMETHING_ELSE)
def test_whatever_else_answers_there_is_told_apart(bench: Bench, proxy: Between, case: str) -> None:
    answer, expected, said = SOMETHING_ELSE[case]
    proxy.handling = lambda _passing, _forward: answer
    with pytest.raises(expected, match=said) as caught:
        _ask(bench, base_url=proxy.base_url)
    assert "Welcome" not in caught.value.message
    assert caught.value.message.endswith(".")


def test_a_3cx_without_the_configuration_api_is_told_apart(bench: Bench, proxy: Between) -> None:
    proxy.handling = lambda passing, forward: forward() if passing.path == "/connect/token" else Answer(404)
    with pytest.raises(AddressUnknown, match="licence includes the API"):
        _ask(bench, base_url=proxy.base_url)


def test_the_test_of_a_connection_does_not_end_a_run_that_is_using_it(bench: Bench) -> None:
    with bench.xapi() as working:
        working.about()
        _ask(bench)
        assert len(working.extensions()) == 10


def test_departments_to_choose_from_are_in_the_order_of_their_names(bench: Bench) -> None:
    bench.phone_system.state.add_group({"Name": "sales"})
    bench.phone_system.state.add_group({"Name": "Archive"})
    listed = questions.list_departments(bench.context, {"site_id": "default"})
    assert [item["name"] for item in listed] == ["Archive", "DEFAULT", "sales"]


def test_extensions_to_choose_from_are_in_the_order_of_their_numbers(bench: Bench) -> None:
    bench.phone_system.state.add_user({"Number": "1000", "FirstName": "Long"})
    bench.phone_system.state.add_user({"Number": "99", "FirstName": "Short", "LastName": "Number"})
    listed = questions.list_extensions(bench.context, {"site_id": "default"})
    assert listed[0] == {"number": "99", "name": "Short Number"}
    assert [item["number"] for item in listed] == ["99", *map(str, range(100, 110)), "1000"]
