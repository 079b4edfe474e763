"""docs/architecture.md and what hangs together with it: the drawings are of their texts, the words are explained."""

import re
from pathlib import Path

import pytest

from shared.worker.queues import TAKEN_ALONG, Queue

ROOT = Path(__file__).parents[2]
DRAWINGS = sorted((ROOT / "docs/drawings").glob("*.dot"))


@pytest.mark.parametrize("text", DRAWINGS, ids=lambda path: path.stem)
def test_a_drawing_shows_what_its_text_says(text: Path) -> None:
    drawn = (ROOT / f"docs/images/{text.stem}.svg").read_text(encoding="utf-8")
    shown = set(re.findall(r"<text [^>]*>([^<]+)</text>", drawn))
    labels = re.findall(r'label="([^"]+)"', text.read_text(encoding="utf-8"))
    assert shown == {line.replace("'", "&#39;") for label in labels for line in label.split(r"\n")}
    assert "prefers-color-scheme:dark" in drawn


def test_every_queue_is_drawn_with_its_worker() -> None:
    drawn = (ROOT / "docs/images/processes.svg").read_text(encoding="utf-8")
    for queue in Queue:
        assert f">{queue.value}<" in drawn
        assert f">worker {queue.value}<" in drawn or queue in TAKEN_ALONG.values()


def test_every_folder_of_services_has_its_row() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "services").glob("*/__init__.py")} | {"relay"}
    assert set(re.findall(r"^\| `services/(\w+)`", page, re.MULTILINE)) == folders


def test_the_glossary_explains_each_word_once_in_order() -> None:
    page = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)[1:]
    assert words == sorted(set(words), key=str.lower)
    assert len(words) > 40


def test_the_checks_before_a_commit_are_those_of_make_check() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    code = re.search(r"^CODE := (.+)$", makefile, re.MULTILINE)
    assert code is not None
    check = makefile.partition("\ncheck:")[2].partition("$(MAKE)")[0]
    asked = re.findall(r"\$\(BIN\)/(.+)", check)
    entries = re.findall(r"entry: \.venv/bin/([^,]+),", hooks)
    assert entries == [line.replace("$(CODE)", code[1]) for line in asked]
