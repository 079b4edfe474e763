"""A new rule takes the files that CONTRIBUTING.md lists, no others, and is then seen wherever settings are."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
TREES = ("services", "shared", "tests", "docs")
LABEL, HELP = "Phone lost", "The person has lost the phone."
PLANNERS_FIELD = "    when_phone_lost: Outcome = Outcome.KEEP\n"
DECLARATION = f"""
    when_phone_lost: Outcome = setting(
        RULE.when_phone_lost, "{LABEL}", "{HELP}", LEAVERS
    )
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code, its tests and its pages, to be changed."""
    made = tmp_path / "copy"
    for tree in TREES:
        shutil.copytree(ROOT / tree, made / tree, ignore=shutil.ignore_patterns("__pycache__", "images"))
    return made


def _run(copy: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _add_the_rule(copy: Path) -> None:
    planner = copy / "shared/domain/rules.py"
    text = planner.read_text(encoding="utf-8")
    place = "    name_limit: int = 50\n"
    assert place in text
    planner.write_text(text.replace(place, PLANNERS_FIELD + place), encoding="utf-8")
    with (copy / "shared/settings/sections/rules.py").open("a", encoding="utf-8") as file:
        file.write(DECLARATION)
    page = _run(copy, "-m", "services.cli.main", "settings", "describe")
    (copy / "docs/settings.md").write_text(page, encoding="utf-8")
    with (copy / "docs/rules.md").open("a", encoding="utf-8") as file:
        file.write("| has lost the phone | `when_phone_lost` | `keep` |\n")


def _changed(copy: Path) -> set[str]:
    files = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    return {
        str(path)
        for path in files
        if not (ROOT / path).exists() or (ROOT / path).read_bytes() != (copy / path).read_bytes()
    }


def _listed() -> set[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    chapter = text.partition("## How to add a setting")[2].partition("\n## ")[0]
    return set(re.findall(r"^\d\. `([^`]+)`:", chapter, re.MULTILINE))


def test_a_new_rule_takes_the_files_that_are_listed_and_is_seen_everywhere(
    copy: Path, tmp_path: Path
) -> None:
    _add_the_rule(copy)
    assert _changed(copy) == _listed()
    seen: dict[str, Any] = json.loads(
        _run(copy, "-m", "tests.support.made_up_rule", str(tmp_path / "data")).splitlines()[-1]
    )
    assert seen["code"] == str(copy)
    assert LABEL in seen["form"]
    assert HELP in seen["form"]
    assert LABEL in seen["wizard"]
    assert f"{LABEL}Keep → Delete" in " ".join(seen["history"].split())
    assert f"Please correct: {LABEL}." in " ".join(seen["refused"].split())
    assert f"{LABEL} (when_phone_lost): Choose one of" in seen["message"]
    assert (seen["openapi"]["title"], seen["openapi"]["description"]) == (LABEL, HELP)
    assert seen["openapi"]["default"] == "keep"
    assert (seen["api"], seen["exported"], seen["planner"]) == ("delete", "delete", "delete")
    assert f"| `when_phone_lost` | {LABEL} | `keep` | {HELP} Choices: `delete`: Delete;" in seen["page"]
