"""The sandbox's command makes a host that the relay recognises and can work on."""

import argparse
import json
from pathlib import Path

import pytest

from rollcall_relay.settings import Settings
from services.sandbox.relay_data import command
from tests.integration.relay.cluster import Cluster
from tests.integration.relay.phones import Phones


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser.add_subparsers())
    options = parser.parse_args(["relay-data", *arguments])
    code: int = options.run(options)
    return code


def test_what_it_made_can_be_archived(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conninfo, instance = cluster.cleared_database(), tmp_path / "Instance1"
    assert (
        _run(["--folder", str(instance), "--database", conninfo, "--voicemails", "4", "--recordings", "5"])
        == 0
    )
    made = json.loads(capsys.readouterr().out)
    phones = Phones(tmp_path, conninfo, Settings())
    answer = phones.operate("archive-0001", kind="archive", number=made["extensions"][0], to=made["archive"])
    assert (answer["verified"], answer["voicemails"]["items"], answer["recordings"]["items"]) == (True, 4, 5)
    assert _run(["--folder", str(instance), "--database", conninfo]) == 2
    assert "Name a new folder" in capsys.readouterr().err


def test_the_same_seed_makes_the_same_bytes(cluster: Cluster, tmp_path: Path) -> None:
    accounts = []
    for name in ("one", "two"):
        conninfo = cluster.cleared_database()
        assert (
            _run(["--folder", str(tmp_path / name / "Instance1"), "--database", conninfo, "--seed", "7"]) == 0
        )
        accounts.append(Phones(tmp_path / name, conninfo).account())
    assert accounts[0] == accounts[1]
