"""Which release is the newest: what the file must say, and which versions are newer."""

from pathlib import Path

import pytest

from shared import releases
from shared.errors import SettingsInvalid


@pytest.mark.parametrize(
    ("installed", "told", "is_newer"),
    [
        ("0.1.0", "0.1.1", True), ("0.9.0", "0.10.0", True), ("0.1.0", "0.1.0", False), ("0.2.0", "0.1.9", False),
        ("0.2.0rc1", "0.2.1", True), ("1.0", "1.0.1", True), ("1.0", "1.0.0", False), ("1.0.0", "1.0", False),
    ],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(
    monkeypatch: pytest.MonkeyPatch, installed: str, told: str, is_newer: bool
) -> None:
    monkeypatch.setattr(releases, "installed_version", lambda: installed)
    assert releases.Release(told, "").is_newer is is_newer


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 2}', '{"version": "new"}', '{"version": "0.2.0", "notes": "javascript:alert(1)"}', '{"version": "0.2.0", "notes": 1}'],
)  # fmt: skip
def test_what_names_no_release_is_refused_and_gives_no_notice(tmp_path: Path, text: str) -> None:
    file = tmp_path / "newest.json"
    file.write_text(text)
    with pytest.raises(SettingsInvalid, match="does not name a release"):
        releases.read_release(str(file))
    assert releases.known_release(file) is None


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"[" * 60_000], ids=["not UTF-8", "nested deeply"])
def test_a_file_that_no_reader_understands_gives_no_notice_and_a_plain_refusal(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "newest.json"
    file.write_bytes(content)
    assert releases.known_release(file) is None
    with pytest.raises(SettingsInvalid):
        releases.read_release(str(file))


def test_without_a_file_there_is_no_notice(tmp_path: Path) -> None:
    assert releases.known_release(None) is None
    assert releases.known_release(tmp_path / "none") is None
    with pytest.raises(SettingsInvalid, match="its address does not begin with https://"):
        releases.read_release("http://127.0.0.1/newest.json")
    for place in (str(tmp_path / "none"), "https://127.0.0.1:1/newest.json"):
        with pytest.raises(SettingsInvalid, match="cannot be read"):
            releases.read_release(place)
