"""What is written for administrators keeps up with the code."""

import re
from pathlib import Path

from services.cli.settings_table import describe
from shared.process_settings import PREFIX, ProcessSettings, load
from shared.settings.documents import SECTION_MODELS

ROOT = Path(__file__).parents[3]


def test_the_page_of_settings_is_what_describe_prints() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == describe(), "Run: .venv/bin/rollcall settings describe > docs/settings.md"


def test_every_setting_says_what_it_means() -> None:
    rows = re.findall(r"^\| `(.*?)` \| (.*?) \| .*? \| (.*?) \|$", describe(), re.MULTILINE)
    assert len(rows) >= sum(len(model.model_fields) for model in SECTION_MODELS.values())
    assert [name for name, label, meaning in rows if not (label and meaning)] == []


def test_the_readme_and_the_example_name_every_process_setting() -> None:
    variables = {PREFIX + name.upper() for name in ProcessSettings.model_fields}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(ROLLCALL_\w+)` \|", readme, re.MULTILINE)) == variables
    example = (ROOT / "deploy/env.example").read_text(encoding="utf-8")
    assert {
        name if name in variables else name.removesuffix("_FILE")
        for name in re.findall(r"^#? ?(ROLLCALL_\w+)=", example, re.MULTILINE)
    } == variables


def test_the_example_environment_is_that_of_the_defaults() -> None:
    text = (ROOT / "deploy/env.example").read_text(encoding="utf-8")
    environment = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    assert load(environment) == ProcessSettings()


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"
