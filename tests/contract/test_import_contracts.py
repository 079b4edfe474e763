"""The import contracts really fail: forbidden imports, planted in a copy of the code, each break their contract."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What is planted: where, what is imported there, and the contract that must name it.
FORBIDDEN = (
    ("shared.errors", "services.api", "shared imports no service"),
    ("shared.work.moves", "services.collector", "shared imports no service"),
    ("services.api", "services.collector", "services never import each other"),
    ("services.collector", "services.sandbox", "never import the sandbox or the cli"),
    ("services.api", "ldap3", "ldap3 lives in the collector"),
    ("services.cli", "dns", "ldap3 lives in the collector"),
    ("services.cli.exit_codes", "services.collector.reader", "ldap3 lives in the collector"),
    ("services.cli", "httpx", "httpx lives in the relay client"),
    ("services.reconciler.planner", "celery", "know no framework"),
    ("shared.domain.person", "pydantic", "know no framework"),
    ("shared.work.transitions", "shared.worker.context", "know no framework"),
    ("rollcall_relay.files", "shared.errors", "the relay stands alone"),
    ("services.cli", "rollcall_relay", "nothing of Rollcall imports the relay"),
    ("services.relay_client.xapi.odata", "services.relay_client.execution.decide", "the relay client"),
    ("services.relay_client.xapi.odata", "services.relay_client.archiving.relay", "the relay client"),
    ("services.relay_client.archiving.relay", "services.relay_client.execution.steps", "the relay client"),
    ("services.relay_client.execution.adaptive_concurrency", "services.relay_client.snapshot", "the relay client"),
    ("shared.database.engine", "shared.settings.store", "the floors of shared"),
    ("shared.encryption", "shared.settings.fields", "the floors of shared"),
    ("shared.worker.app", "shared.runs.start", "the floors of shared"),
    ("shared.work.leases", "shared.runs.history", "the floors of shared"),
    ("services.api.web.known", "services.api.access.tokens", "the floors of the api"),
    ("services.api.console.words", "services.api.log.queries", "the floors of the api"),
    ("services.api.sites.schemas", "services.api.runs.schemas", "the floors of the api"),
    ("services.api.runs.following", "services.api.people.use_cases.welcome", "the floors of the api"),
    ("services.api.log.use_cases.pdf", "services.api.log.routes", "routes and pages, use cases, queries"),
    ("services.api.runs.pages", "services.api.runs.routes.runs", "routes and pages, use cases, queries"),
    ("services.api.runs.queries.plans", "services.api.runs.use_cases.runs", "routes and pages, use cases, queries"),
)  # fmt: skip


def _check(folder: Path) -> str:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-cache"],
        cwd=folder,
        # Of the copy, not as it is installed; and no line is folded.
        env={**os.environ, "PYTHONPATH": str(folder / "services/relay"), "COLUMNS": "500"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code and its contracts, to be spoilt."""
    folder = tmp_path_factory.mktemp("code")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("services", "shared"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def reports(copy: Path) -> tuple[str, str]:
    """What the check says of the code as it is, and with all that is forbidden planted at once."""
    before = _check(copy)
    for module, imported, _contract in FORBIDDEN:
        path = _file_of(copy, module)
        path.write_text(f"{path.read_text()}\nimport {imported}\n")
    return before, _check(copy)


def _file_of(folder: Path, module: str) -> Path:
    root = folder / "services/relay" if module.startswith("rollcall_relay") else folder
    path = root / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_the_contracts_hold(reports: tuple[str, str]) -> None:
    before, _after = reports
    assert " 0 broken." in before, before


@pytest.mark.parametrize(("module", "imported", "contract"), FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(
    reports: tuple[str, str], module: str, imported: str, contract: str
) -> None:
    _before, after = reports
    headings_and_texts = re.split(r"^(.+)\n-+$", after.partition("Broken contracts")[2], flags=re.MULTILINE)[
        1:
    ]
    under = dict(zip(headings_and_texts[::2], headings_and_texts[1::2], strict=True))
    assert any(contract in name and f" {module} -> {imported} " in text for name, text in under.items()), (
        after
    )
