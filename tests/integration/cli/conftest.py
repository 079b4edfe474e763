"""The command line as a person uses it, against a small company and a sandbox phone system."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.main import main
from services.sandbox.directory import Company, RunningDirectory, build_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from tests.support.databases import Kind, database_url, session_kind

PEOPLE = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command gave."""

    code: int
    output: str
    notes: str

    @property
    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.output)


class Terminal:
    """Runs commands in this process on a data folder of its own."""

    def __init__(self, data: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capture = capture

    def __call__(self, *arguments: str) -> Answer:
        """One command."""
        self._capture.readouterr()
        code = main(["--data", str(self.data), *arguments])
        captured = self._capture.readouterr()
        return Answer(code, captured.out, captured.err)


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends, and the settings that reach them."""

    company: Company
    directory: RunningDirectory
    phone_system: RunningPhoneSystem

    def settings(self, **changes: dict[str, Any]) -> dict[str, Any]:
        """The sections of a settings file, with values of some sections replaced."""
        sections: dict[str, dict[str, Any]] = {
            "directory": {
                "servers": [self.directory.url.partition("//")[2]],
                "ca_certificate": self.directory.ca_certificate,
                "tls_name": self.directory.tls_name,
                "user": self.directory.user,
                "password": self.directory.password,
                "units": [{"dn": unit} for unit in self.directory.units],
            },
            "phone_system": {
                "base_url": self.phone_system.base_url,
                "client_id": self.phone_system.client_id,
                "client_secret": self.phone_system.client_secret,
            },
        }
        return {
            name: sections.get(name, {}) | changes.get(name, {})
            for name in [*sections, *(changes.keys() - sections.keys())]
        }


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A company and a phone system that does not know it yet."""
    company = build_company(PEOPLE)
    with (
        RunningPhoneSystem(PhoneSystemOptions(extensions=3)) as phone_system,
        RunningDirectory(company) as directory,
    ):
        yield Ends(company, directory, phone_system)


@pytest.fixture
def rollcall(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal at a deployment that has no settings yet."""
    data = tmp_path / "data"
    if session_kind() is not Kind.SQLITE:
        monkeypatch.setenv("ROLLCALL_DATABASE_URL", database_url(data))
    return Terminal(data, capsys)


@pytest.fixture
def configured(rollcall: Terminal, ends: Ends, tmp_path: Path) -> Terminal:
    """A terminal at a deployment that knows both ends."""
    assert rollcall("settings", "apply", str(settings_file(tmp_path, ends.settings()))).code == 0
    return rollcall


def settings_file(folder: Path, sections: Any) -> Path:
    """A settings file with these sections."""
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return path
