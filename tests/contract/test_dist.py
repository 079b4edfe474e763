"""``make dist``: both wheels, what they are made of, and under which licences."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Built once, whoever asks for it.
pytestmark = pytest.mark.xdist_group("dist")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make dist` fills."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        ["sh", "deploy/dist/build.sh", sys.executable, str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    """Package and version of everything that runs in production."""
    text = (ROOT / "requirements/production.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def test_the_list_of_materials_names_what_runs_in_production_with_its_hashes(
    dist: Path, pins: dict[str, str]
) -> None:
    listed = json.loads((dist / "rollcall.cdx.json").read_text(encoding="utf-8"))
    assert listed["bomFormat"] == "CycloneDX"
    assert {part["name"]: part["version"] for part in listed["components"]} == pins
    assert all(part["externalReferences"][0]["hashes"] for part in listed["components"])
    assert listed["metadata"]["component"]["name"] == "rollcall"


def test_every_package_has_its_licence(dist: Path, pins: dict[str, str]) -> None:
    lines = (dist / "licences.txt").read_text(encoding="utf-8").splitlines()
    told = dict(line.split(": ", 1) for line in lines)
    assert set(told) == {f"{name} {version}" for name, version in pins.items()}
    assert "not told by the package" not in told.values()


def test_the_wheels_hold_the_programs_and_no_tests(dist: Path) -> None:
    (rollcall,) = dist.glob("rollcall-*.whl")
    with zipfile.ZipFile(rollcall) as archive:
        folders = {name.partition("/")[0] for name in archive.namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"services", "shared"}
    assert list(dist.glob("rollcall_relay-*.whl"))
