"""Pairing with the relay and testing it, as an administrator types it."""

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Terminal, settings_file
from tests.integration.relay.peer import ServedRelay
from tests.integration.relay.phones import Phones


@pytest.fixture
def rollcall(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal at a deployment that has no settings yet."""
    return Terminal(tmp_path / "data", capsys)


def test_apply_settings_pair_and_test(
    rollcall: Terminal, relay: ServedRelay, phones: Phones, tmp_path: Path
) -> None:
    unset = rollcall("relay", "pair", relay.code)
    assert unset.code != 0
    assert "relay.host and relay.public_key" in unset.notes

    section = {"host": "127.0.0.1", "port": relay.port, "public_key": relay.public_key}
    assert rollcall("settings", "apply", str(settings_file(tmp_path, {"relay": section}))).code == 0
    early = rollcall("test", "relay")
    assert early.code != 0
    assert "`rollcall relay pair`" in early.output + early.notes

    paired = rollcall("relay", "pair", relay.code)
    assert paired.code == 0
    assert f"Paired with the relay 127.0.0.1:{relay.port}" in paired.notes
    tested = rollcall("test", "relay", "--json")
    assert tested.code == 0
    assert tested.json["relay"]["recordings_folder"] == str(phones.recordings)

    phones.sql("DROP TABLE recordings CASCADE")
    broken = rollcall("test", "relay")
    assert broken.code != 0
    assert "✗ relay" in broken.output
    assert "! " in broken.output
