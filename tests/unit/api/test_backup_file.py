"""The file of a backup: it opens with its passphrase exactly as it was written, or not at all."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.api.operations.use_cases import backup_file
from shared.errors import BackupUnusable, Conflict, SettingsInvalid, StorageUnavailable

PASSPHRASE = "correct horse battery"
REAL = dict(backup_file._SCRYPT)
CONTENT = {"names": ["Åsa", "[bold]", "\N{GRINNING FACE}"], "none": None}


@pytest.fixture(autouse=True, scope="module")
def _cheap_passphrases() -> Iterator[None]:
    """Let a try of a passphrase cost a hundredth. Of the whole module, for Hypothesis."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backup_file._SCRYPT, "n", 2**10)
        yield


@cache
def _good() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "backup"
        backup_file.write(path, CONTENT, PASSPHRASE)
        return path.read_bytes()


def _read(content: bytes, passphrase: str = PASSPHRASE) -> object:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "backup"
        path.write_bytes(content)
        return backup_file.read(path, passphrase)[1]


def test_what_was_written_is_read() -> None:
    assert _read(_good()) == CONTENT


def test_a_try_of_a_passphrase_costs_what_attackers_cannot_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    # 128 MiB and a third of a second each.
    monkeypatch.setitem(backup_file._SCRYPT, "n", 2**17)
    assert REAL == backup_file._SCRYPT
    with TemporaryDirectory() as folder:
        path = Path(folder) / "backup"
        backup_file.write(path, CONTENT, PASSPHRASE)
        assert backup_file.read(path, PASSPHRASE)[1] == CONTENT


def test_the_file_shows_nothing_of_its_content() -> None:
    line, _newline, sealed = _good().partition(b"\n")
    assert set(json.loads(line)) == {"format", "version", "rollcall", "made_at", "salt", "nonce"}
    assert b"names" not in sealed
    assert "Åsa".encode() not in sealed


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(BackupUnusable, match="passphrase is wrong"):
        _read(_good(), PASSPHRASE + " ")


@settings(max_examples=100)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@example(place=0.0, bit=0)
@example(place=0.999999, bit=7)
def test_a_file_with_one_bit_changed_is_refused(place: float, bit: int) -> None:
    spoilt = bytearray(_good())
    spoilt[int(place * len(spoilt))] ^= 1 << bit
    with pytest.raises(BackupUnusable, match="Nothing was changed"):
        _read(bytes(spoilt))


@settings(max_examples=50)
@given(st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_off_is_refused(kept: float) -> None:
    with pytest.raises(BackupUnusable, match="Nothing was changed"):
        _read(_good()[: int(kept * len(_good()))])


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"{}\n", b"PK\x03\x04", b'{"format": "other"}\n', b"\xff" * 2000]
)
def test_what_is_no_backup_is_called_so(content: bytes) -> None:
    with pytest.raises(BackupUnusable, match="is not a Rollcall backup"):
        _read(content)


def test_a_backup_of_a_newer_format_says_so() -> None:
    line, _newline, sealed = _good().partition(b"\n")
    newer = json.dumps(json.loads(line) | {"version": 2, "rollcall": "9.1"}).encode()
    with pytest.raises(BackupUnusable, match="newer format"):
        _read(newer + b"\n" + sealed)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="12 characters"):
        backup_file.write(tmp_path / "b", CONTENT, "short")
    assert not list(tmp_path.iterdir())


def test_a_file_is_overwritten_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_text("precious")
    with pytest.raises(Conflict):
        backup_file.write(path, CONTENT, PASSPHRASE)
    assert path.read_text() == "precious"
    backup_file.write(path, CONTENT, PASSPHRASE, overwrite=True)
    assert backup_file.read(path, PASSPHRASE)[1] == CONTENT
    assert [item.name for item in tmp_path.iterdir()] == ["b"]
    assert path.stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="absent"):
        backup_file.write(tmp_path / "absent" / "b", CONTENT, PASSPHRASE)
