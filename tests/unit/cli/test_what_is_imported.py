"""A command imports what it needs, because a person waits for it: most of the start is the import of libraries."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import deployment_settings

_REPORT = """
import json, sys
from services.cli.main import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted({*sys.modules, *(name.partition(".")[0] for name in sys.modules)})]))
"""
_SERVING = {
    "alembic",
    "fastapi",
    "uvicorn",
    "starlette",
    "jinja2",
    "ldap3",
    "httpx",
    "flower",
    "fpdf",
    "xlsxwriter",
}
# What costs as much as the database itself, and only those need who change something.
_ONLY_READING = {"celery.app", "kombu", "shared.settings.documents", "shared.settings.store"}


def _imported(*arguments: str) -> set[str]:
    """The modules and packages that a process has imported when the command has ended well."""
    done = subprocess.run(
        [sys.executable, "-c", _REPORT, *arguments], capture_output=True, text=True, check=True
    )
    code, packages = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return set(packages)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]], ids=" ".join)
def test_what_says_something_of_the_program_alone_imports_no_library(arguments: list[str]) -> None:
    assert not _imported(*arguments) & {*_SERVING, "celery", "pydantic", "rich", "sqlalchemy", "structlog"}


def test_printing_what_can_be_set_needs_no_server() -> None:
    assert not _imported("settings", "describe") & _SERVING


@pytest.mark.sqlite_only("the other processes know only the data folder")
@pytest.mark.parametrize(
    ("command", "spared"),
    [
        ("log", _ONLY_READING),
        ("people", _ONLY_READING),
        ("audit", _ONLY_READING),
        ("runs", {"celery.app"}),
        ("settings export", {"celery.app"}),
    ],
)
def test_looking_at_the_database_needs_no_server_no_queues_and_no_migration(
    tmp_path: Path, command: str, spared: set[str]
) -> None:
    deployment_settings(tmp_path)
    assert not _imported("--data", str(tmp_path), *command.split()) & (_SERVING | spared)


def test_the_process_that_makes_a_file_of_the_log_needs_neither_queues_nor_settings() -> None:
    program = "import sys, services.api.log.use_cases.export_process; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {*_SERVING, "celery", "pydantic", "shared.settings"}
