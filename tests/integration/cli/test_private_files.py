"""What Rollcall stores belongs to the user it runs as, whatever that user's umask is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.main import main
from shared.private_files import private_folder


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_data_folder_and_all_in_it_are_for_their_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert main(["--data", str(data), "site", "list"]) == 0
    assert _mode(data) == 0o700
    assert {path.name: _mode(path) for path in data.iterdir()} == {
        path.name: 0o600 for path in data.iterdir()
    }
    # Whoever called the command has the umask back.
    assert os.umask(0) == 0


def test_a_folder_that_others_could_enter_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    private_folder(data)
    assert _mode(data) == 0o700


def test_a_folder_that_everybody_writes_to_is_not_ours_to_close(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    private_folder(shared)
    assert _mode(shared) == 0o777
