"""What is installed on the phone system's host: a wheel that stands alone, and a service that systemd accepts."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OF_THE_HOST = {"cryptography", "psycopg", "starlette", "uvicorn", "anyio"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The relay's package, built as `make relay` builds it."""
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(["sh", "deploy/relay/build.sh", sys.executable, str(target)], cwd=ROOT, check=True)
    (built,) = target.glob("*.whl")
    return built


def test_the_package_holds_the_relay_and_nothing_else_of_rollcall(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folders = {Path(name).parts[0] for name in archive.namelist() if name.endswith(".py")}
    assert folders == {"rollcall_relay"}


def test_the_package_runs_where_nothing_else_of_rollcall_is(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "relay.toml").write_text(f'state_folder = "{tmp_path / "state"}"\n')
    (tmp_path / "state").mkdir()
    said = subprocess.run(
        [sys.executable, "-m", "rollcall_relay", "--settings", "relay.toml", "pair"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site"), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("Public key: ")


def test_whatever_it_imports_is_named_by_its_package() -> None:
    named = tomllib.loads((ROOT / "services/relay/pyproject.toml").read_text())["project"]["dependencies"]
    assert {name.partition(">")[0].partition("[")[0] for name in named} <= OF_THE_HOST
    pinned = (ROOT / "requirements/relay.txt").read_text()
    imported = set()
    for path in (ROOT / "services/relay/rollcall_relay").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"rollcall_relay"}
    assert foreign <= OF_THE_HOST
    assert all(f"{name}==" in pinned for name in foreign)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (package systemd)")
def test_systemd_accepts_the_service(tmp_path: Path) -> None:
    text = (ROOT / "deploy/relay/rollcall-relay.service").read_text()
    unit = tmp_path / "rollcall-relay.service"
    # Its user and program are there only on a phone system's host.
    unit.write_text(
        text.replace("/opt/rollcall-relay/bin/rollcall-relay", "/bin/true").replace("=phonesystem", "=daemon")
    )
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    about_it = [line for line in verified.stderr.splitlines() if "rollcall-relay" in line]
    assert (about_it, verified.returncode) == ([], 0)
