"""A migrated deployment without workers, and the API and the command line at it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.api.operations.use_cases import backup_file
from tests.integration.api.conftest import client, context, ready
from tests.integration.cli.conftest import Answer, Terminal, configured, ends, rollcall
from tests.support.databases import database_url

__all__ = ["client", "configured", "context", "ends", "ready", "rollcall"]

PASSPHRASE = "a long enough passphrase"
RunRollcall = Callable[..., Answer]


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a try of a backup's passphrase cost a hundredth; what a real one costs is shown with the file's own tests."""
    monkeypatch.setitem(backup_file._SCRYPT, "n", 2**10)


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    """The file that holds the passphrase of the backups."""
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    return path


@pytest.fixture
def terminal_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Terminal]:
    """A terminal at another deployment, by the name of its data folder; the one before must be done with."""

    def _open(name: str) -> Terminal:
        monkeypatch.setenv("ROLLCALL_DATABASE_URL", database_url(tmp_path / name))
        return Terminal(tmp_path / name, capsys)

    return _open
