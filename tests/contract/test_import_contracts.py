"""The import contracts really fail: each forbidden import, tried in a copy of the code, breaks the check."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _check(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache"],
        cwd=folder,
        # Of the copy, not as it is installed.
        env={**os.environ, "PYTHONPATH": str(folder / "services/relay")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code and its contracts, to be spoilt."""
    folder = tmp_path_factory.mktemp("code")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("services", "shared"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_contracts_hold(copy: Path) -> None:
    done = _check(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("shared/errors.py", "import services.api", "shared imports no service"),
        ("services/api/__init__.py", "import services.collector", "services never import each other"),
        ("services/collector/__init__.py", "import services.sandbox", "never import the sandbox or the cli"),
        ("services/api/__init__.py", "import ldap3", "ldap3 lives in the collector"),
        ("services/cli/__init__.py", "import httpx", "httpx lives in the relay client"),
        ("services/reconciler/planner.py", "import celery", "know no framework"),
        ("shared/domain/person.py", "import pydantic", "know no framework"),
        ("shared/work/transitions.py", "import shared.worker.context", "know no framework"),
        ("services/relay/rollcall_relay/files.py", "import shared.errors", "the relay stands alone"),
        ("services/cli/__init__.py", "import rollcall_relay", "nothing of Rollcall imports the relay"),
        (
            "services/relay_client/xapi/odata.py",
            "import services.relay_client.execution.decide",
            "the relay client",
        ),
        (
            "services/relay_client/xapi/odata.py",
            "import services.relay_client.archiving.relay",
            "the relay client",
        ),
        (
            "services/relay_client/archiving/relay.py",
            "import services.relay_client.execution.steps",
            "the relay client",
        ),
        (
            "services/relay_client/execution/pace.py",
            "import services.relay_client.snapshot",
            "the relay client",
        ),
        ("shared/work/moves.py", "import services.collector", "shared imports no service"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / file
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        done = _check(copy)
    finally:
        path.write_text(before)
    assert done.returncode != 0
    broken = [said for said in done.stdout.splitlines() if "BROKEN" in said]
    assert any(contract in said for said in broken), done.stdout
