"""A certificate that nobody vouches for is shown, compared, and trusted by its fingerprint alone, at both ends."""

import hashlib
import ssl
from collections.abc import Iterator

import pytest

from services.api.settings.use_cases.sections import read_section, replace_section
from services.cli.deployment import workers
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.directory.certificate import make_certificate
from services.sandbox.phone_system import RunningPhoneSystem
from shared.settings.documents import Section
from shared.worker.context import Context
from tests.integration.console.browser import Page
from tests.integration.console.conftest import Open
from tests.integration.relay_client.between import between

pytestmark = pytest.mark.usefixtures("people", "ready")


@pytest.fixture
def directory(context: Context) -> Iterator[RunningDirectory]:
    """A directory whose certificate is signed by an authority of its own."""
    with RunningDirectory(build_company(4)) as running, workers(context):
        values, version = read_section(context, "default", Section.DIRECTORY)
        units = {"units": [{"dn": unit} for unit in running.units]}
        replace_section(context, "default", Section.DIRECTORY, values | units, "test", version)
        yield running


def _fingerprint(pem: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()


def _shown(page: Page) -> list[str]:
    """The fingerprints that can be trusted, in order."""
    offered = [value for form in page.forms for name, value in form.buttons if name == "action"]
    return [value.removeprefix("trust:") for value in offered if value.startswith("trust:")]


def _filled(directory: RunningDirectory) -> dict[str, str | list[str] | None]:
    return {
        "servers": f"localhost:{directory.port}",
        "user": directory.user,
        "password": directory.password,
        "ca_certificate": "",
        "tls_name": "",
    }


def test_exactly_this_certificate_is_trusted_after_it_was_compared(
    context: Context, browser: Open, directory: RunningDirectory
) -> None:
    mary = browser("mary")
    page = mary.get("/console/settings/directory")
    page = mary.send(page, "/directory", _filled(directory), ("action", "test"))
    assert page.mistakes == []
    (shown,) = _shown(page)
    assert shown in page.text
    assert "Trust exactly this certificate" in page.text
    page = mary.send(page, "/directory", button=("action", f"trust:{shown}"))
    assert "Connection successful" in page.text
    (pem,) = page.form("/directory").filled({})["ca_certificate"]
    assert _fingerprint(pem) == shown.replace(":", "")
    # Nothing is saved before somebody saves it.
    assert context.site_settings("default").settings.directory.ca_certificate == ""
    mary.send(page, "/directory")
    assert context.site_settings("default").settings.directory.ca_certificate.strip() == pem.strip()


def test_another_certificate_than_the_one_compared_is_not_trusted(
    browser: Open, directory: RunningDirectory
) -> None:
    mary = browser("mary")
    page = mary.get("/console/settings/directory")
    page = mary.send(page, "/directory", _filled(directory), ("action", "test"))
    (compared,) = _shown(page)
    with RunningDirectory(build_company(4)) as other:
        page = mary.send(
            page, "/directory", {"servers": f"localhost:{other.port}"}, ("action", f"trust:{compared}")
        )
    assert "another certificate than the one you compared" in page.text
    assert page.form("/directory").filled({})["ca_certificate"] == [""]
    (shown,) = _shown(page)
    assert shown != compared


def test_a_certificate_for_another_name_is_no_question_of_trust(
    browser: Open, directory: RunningDirectory
) -> None:
    mary = browser("mary")
    filled = _filled(directory) | {"ca_certificate": directory.ca_certificate, "tls_name": "dc9.corp.example"}
    page = mary.send(mary.get("/console/settings/directory"), "/directory", filled, ("action", "test"))
    assert "It is not for" in page.text
    assert _shown(page) == []


def test_the_authority_of_a_phone_system_is_trusted_where_it_is_shown(
    context: Context, browser: Open, phone_system: RunningPhoneSystem
) -> None:
    certificate = make_certificate("pbx.example.test")
    filled: dict[str, str | list[str] | None] = {
        "client_id": phone_system.client_id,
        "client_secret": phone_system.client_secret,
    }
    with between(phone_system.base_url, certificate) as proxy:
        filled["base_url"] = proxy.base_url
        mary = browser("mary")
        page = mary.get("/console/settings/phone-system")
        page = mary.send(page, "/phone-system", filled, ("action", "test"))
        shown = _shown(page)
        assert shown
        page = mary.send(page, "/phone-system", button=("action", f"trust:{shown[-1]}"))
        assert "Connection successful" in page.text
        mary.send(page, "/phone-system")
    stored = context.site_settings("default").settings.phone_system.ca_certificate
    assert _fingerprint(stored.strip()) == shown[-1].replace(":", "")
