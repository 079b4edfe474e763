"""``make dist``: both wheels, what they are made of, and under which licences."""

import email
import email.message
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shared.distribution import DISTRIBUTION, install_with, installed_version

ROOT = Path(__file__).parents[2]
# Built once, whoever asks for it.
pytestmark = pytest.mark.xdist_group("dist")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that `make dist` fills, and what it prints."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        ["sh", "deploy/dist/build.sh", sys.executable, str(folder)],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def dist(built: tuple[Path, str]) -> Path:
    """The folder that `make dist` fills."""
    return built[0]


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    """Package and version of everything that runs in production."""
    text = (ROOT / "requirements/production.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def _wheel(dist: Path, distribution: str) -> Path:
    (wheel,) = dist.glob(f"{distribution.replace('-', '_')}-*.whl")
    return wheel


def _files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_the_list_of_materials_names_what_runs_in_production_with_its_hashes(
    dist: Path, pins: dict[str, str]
) -> None:
    listed = json.loads((dist / "rollcall-sync.cdx.json").read_text(encoding="utf-8"))
    assert listed["bomFormat"] == "CycloneDX"
    assert {part["name"]: part["version"] for part in listed["components"]} == pins
    assert all(part["externalReferences"][0]["hashes"] for part in listed["components"])
    assert listed["metadata"]["component"]["name"] == DISTRIBUTION


def test_every_package_has_its_licence(dist: Path, pins: dict[str, str]) -> None:
    lines = (dist / "licences.txt").read_text(encoding="utf-8").splitlines()
    told = dict(line.split(": ", 1) for line in lines)
    assert set(told) == {f"{name} {version}" for name, version in pins.items()}
    assert "not told by the package" not in told.values()


def test_the_wheels_hold_the_programs_and_no_tests(dist: Path) -> None:
    folders = {name.partition("/")[0] for name in _files(_wheel(dist, DISTRIBUTION))}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"services", "shared"}


def test_the_wheel_carries_the_templates_of_every_feature_of_the_console(dist: Path) -> None:
    files = _files(_wheel(dist, DISTRIBUTION))
    carried = {name for name in files if "/templates/" in name}
    assert carried == {str(file.relative_to(ROOT)) for file in ROOT.glob("services/api/*/templates/*.html")}


def test_the_wheel_carries_the_help_with_its_pictures(dist: Path) -> None:
    files = _files(_wheel(dist, DISTRIBUTION))
    carried = {name.removeprefix("services/api/help/") for name in files if "/help/docs/" in name}
    docs = ROOT / "docs"
    shown = [
        *docs.glob("*.md"),
        *docs.glob("de/*.md"),
        *docs.glob("images/*.png"),
        *docs.glob("images/*.svg"),
    ]
    assert carried == {str(file.relative_to(ROOT)) for file in shown}


def test_no_file_belongs_to_both_wheels(dist: Path) -> None:
    sync, relay = (_wheel(dist, name) for name in (DISTRIBUTION, "rollcall-relay"))
    assert _files(sync) & _files(relay) == set()
    programs = {}
    for wheel in (sync, relay):
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
            programs[wheel] = set(re.findall(r"^([\w-]+) =", archive.read(name).decode(), re.MULTILINE))
    assert (programs[sync], programs[relay]) == ({"rollcall"}, {"rollcall-relay"})


def test_each_wheel_runs_alone_and_after_the_other_is_removed(built: tuple[Path, str]) -> None:
    tried = re.findall(r"^(rollcall-\w+) (\S+)$", built[1], re.MULTILINE)
    version = installed_version()
    assert tried == [
        ("rollcall-relay", version), (DISTRIBUTION, version), (DISTRIBUTION, version), ("rollcall-relay", version),
    ]  # fmt: skip


def test_a_wheel_that_does_not_run_ends_the_build(dist: Path, tmp_path: Path) -> None:
    relay = _wheel(dist, "rollcall-relay")
    for wheel in dist.glob("*.whl"):
        shutil.copy(wheel, tmp_path)
    with zipfile.ZipFile(relay) as whole, zipfile.ZipFile(tmp_path / relay.name, "w") as spoilt:
        for entry in whole.infolist():
            if entry.filename != "rollcall_relay/settings.py":
                spoilt.writestr(entry, whole.read(entry))
    done = subprocess.run(
        [sys.executable, "deploy/dist/try_wheels.py", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert re.search(r"rollcall-relay --version ends with 1\.(?s:.*)rollcall_relay\.settings", done.stderr)


@pytest.mark.parametrize("distribution", [DISTRIBUTION, "rollcall-relay"])
def test_a_wheel_says_who_made_it_and_for_what(dist: Path, distribution: str) -> None:
    wheel = _wheel(dist, distribution)
    told = _metadata(wheel)
    assert told["Name"] == distribution
    assert told["Author"]
    assert told["License-Expression"] == "Apache-2.0"
    # There is no public address yet, and one that leads nowhere must not get onto an index.
    assert ".example" not in " ".join(told.get_all("Project-URL", []))
    assert "Typing :: Typed" in told.get_all("Classifier", [])
    assert str(told.get_payload()).strip(), "It has no page of its own."
    assert [name for name in _files(wheel) if name.endswith("/py.typed")]


def test_no_text_installs_the_program_of_somebody_else() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file() or path == Path(__file__) or path.suffix in (".png", ".ico", ".db"):
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{name}: {match[0]}" for match in _STRANGER.finditer(text)]
    assert found == []


_STRANGER = re.compile(
    r"(?:\bpipx?|\buv(?: tool)?) (?:install|add|run)\b[^\n]*?[\s'\"`]rollcall(?![\w./:-])[^\n]*"
    r"|\brollcall\[(?=[a-z])[^\n]*|\bversion\(['\"]rollcall['\"]\)"
)
"""Whatever fetches `rollcall`, or asks for it; `rollcall-sync`, `rollcall_relay-….whl` and `/opt/rollcall/` are ours."""


@pytest.mark.parametrize(
    ("line", "is_strange"),
    [
        ("pip install 'rollcall[postgresql]'", True),
        ("pip install rollcall", True),
        ("Run `pipx install rollcall`.", True),
        ("pip install --upgrade rollcall", True),
        ("needs the extra (rollcall[kerberos])", True),
        ('version("rollcall")', True),
        (install_with("postgresql"), False),
        ("/opt/rollcall/bin/pip install --no-deps .", False),
        ("/opt/rollcall-relay/bin/pip install --no-deps rollcall_relay-*.whl", False),
        ("pip uninstall rollcall", False),
    ],
)
def test_the_other_program_is_recognized(line: str, is_strange: bool) -> None:
    assert bool(_STRANGER.search(line)) is is_strange
