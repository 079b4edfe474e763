"""An error nobody thought of: one sentence, and its traceback where it can be found again."""

import json
from pathlib import Path

import pytest

from services.cli import admin_commands
from services.cli.main import main


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A command that fails as no command should."""

    def migrate() -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(admin_commands, "migrate", migrate)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return ["--data", str(tmp_path), "migrate"]


def test_a_person_is_told_of_a_file(
    broken: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(broken) == 1
    (kept,) = tmp_path.glob("rollcall-error-*.txt")
    assert "nobody thought of this" in kept.read_text(encoding="utf-8")
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "Traceback" not in said


def test_in_a_container_it_is_in_the_log(
    broken: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROLLCALL_LOG_FORMAT", "json")
    assert main(broken) == 1
    assert list(tmp_path.glob("rollcall-error-*")) == []
    logged, said = capsys.readouterr().err.splitlines()[:2]
    line = json.loads(logged)
    assert (line["event"], line["level"]) == ("unexpected", "error")
    assert "nobody thought of this" in line["exception"]
    assert "The details are in the log" in said
