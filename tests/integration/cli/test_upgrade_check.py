"""``rollcall upgrade-check``: the file or address that it asks, and the file that the console looks at."""

from pathlib import Path

import pytest

from shared.distribution import installed_version
from tests.integration.cli.conftest import Terminal

NEWER = '{"version": "99.1", "notes": "https://example.com/99.1"}'


def test_it_says_whether_there_is_a_newer_version(
    rollcall: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = rollcall("upgrade-check")
    assert asked.code == 2
    assert "ROLLCALL_NEWEST_RELEASE" in asked.notes
    fetched, looked_at = tmp_path / "fetched.json", tmp_path / "newest.json"
    monkeypatch.setenv("ROLLCALL_NEWEST_RELEASE", str(looked_at))
    fetched.write_text(NEWER)
    newer = rollcall("upgrade-check", str(fetched))
    assert newer.code == 3
    assert "Rollcall 99.1 is available" in newer.notes
    # The console looks at this one, as does the command without a place.
    assert looked_at.read_text() == NEWER
    assert looked_at.stat().st_mode & 0o777 == 0o644
    assert rollcall("upgrade-check", "--json").json["newest"] == "99.1"
    looked_at.write_text(f'{{"version": "{installed_version()}"}}')
    assert rollcall("upgrade-check").code == 0
