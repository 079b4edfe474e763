"""A settings file is understood wholly, or refused with the key that is wrong."""

from pathlib import Path

import pytest

from rollcall_relay.__main__ import main
from rollcall_relay.errors import RelayError
from rollcall_relay.settings import Settings, load_settings


def test_what_is_given_counts_and_the_rest_has_its_default(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('port = 9000\nstore_folder = "/mnt/archive"\nsettle_seconds = 3\nreserve_mib = 1\n')
    settings = load_settings(file)
    assert settings == Settings(port=9000, store_folder="/mnt/archive", settle_seconds=3.0, reserve_mib=1)
    assert settings.reserve_bytes == 1024 * 1024


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("prot = 8801", "'prot' is no setting"), ("port = '8801'", "'port' must be of the kind int"),
        ("port = true", "'port' must be"), ("port = 70000", "at most 65535"), ("quota_mib = -1", "negative"),
        ("store_folder = 'relative'", "absolute"), ("port = ", "cannot be used"), ("[a]\nb = 1", "'a' is no setting"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(
    tmp_path: Path, text: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(text)
    with pytest.raises(RelayError, match=word):
        load_settings(file)
    assert main(["--settings", str(file), "backups"]) == 1
    assert str(file) in capsys.readouterr().err


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(RelayError, match="does not exist"):
        load_settings(tmp_path / "none.toml")
