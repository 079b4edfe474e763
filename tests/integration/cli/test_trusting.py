"""``rollcall test --show-certificate`` and ``--trust``."""

import io
from pathlib import Path

import pytest

from services.cli.exit_codes import FAILED
from tests.integration.cli.conftest import Ends, Terminal, settings_file


@pytest.fixture
def untrusting(rollcall: Terminal, ends: Ends, tmp_path: Path) -> Terminal:
    """A terminal at a deployment that does not know who signed the controller's certificate."""
    directory = {"ca_certificate": "", "tls_name": "", "servers": [f"localhost:{ends.directory.port}"]}
    assert (
        rollcall("settings", "apply", str(settings_file(tmp_path, ends.settings(directory=directory)))).code
        == 0
    )
    return rollcall


def test_a_certificate_is_shown_and_trusted_by_its_fingerprint(
    untrusting: Terminal, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = untrusting("test", "directory", "--show-certificate", "--json")
    assert shown.code == FAILED
    (certificate,) = shown.json["directory"]["certificates"]
    assert "localhost" in certificate["names"]
    assert certificate["sha256"] in untrusting("test", "directory", "--show-certificate").output
    assert untrusting("test", "directory", "--trust", "AB:CD").code != 0
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ends.directory.password}\n"))
    trusted = untrusting("test", "directory", "--trust", certificate["sha256"].lower())
    assert trusted.code == 0, trusted.notes
    assert "✓ directory" in trusted.output


def test_the_certificate_of_another_directory_is_trusted_by_its_name(
    untrusting: Terminal, ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ends.settings(
        directory={"ca_certificate": "", "tls_name": "", "servers": [f"localhost:{ends.directory.port}"]}
    )["directory"] | {"name": "emea.example", "units": []}
    file = str(settings_file(tmp_path, {"directories": {"others": [other]}}))
    assert untrusting("settings", "apply", file).code == 0
    one = ("test", "--directory", "emea.example")
    shown = untrusting(*one, "--show-certificate", "--json")
    assert list(shown.json) == ["directory emea.example"]
    (certificate,) = shown.json["directory emea.example"]["certificates"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ends.directory.password}\n"))
    assert untrusting(*one, "--trust", certificate["sha256"]).code == 0
    # Of this one alone.
    assert untrusting("test", "directory").code == FAILED
    unknown = untrusting("test", "--directory", "apac.example", "--json")
    assert unknown.json["directory apac.example"]["code"] == "not_found"


def test_what_has_no_certificate_is_none_to_be_trusted(rollcall: Terminal) -> None:
    refused = rollcall("test", "relay", "--trust", "AB:CD")
    assert refused.code != 0
    assert "directory or phone-system" in refused.notes
