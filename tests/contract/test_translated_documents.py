"""Pages of docs/ in other languages say what the English ones say: heading by heading, with the console's own words."""

import re
from pathlib import Path

import pytest

from services.api.help.contents import FOR_DEVELOPERS, TRANSLATED
from shared import language

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    pytest.param(code, page.stem, id=f"{code}/{page.stem}")
    for code in TRANSLATED
    for page in sorted((DOCS / code).glob("*.md"))
]
# What its readers read in English anyway: its heading is enough.
_ONLY_ENGLISH = "For developers"


def _sections(text: str) -> list[tuple[str, str]]:
    """Each heading, with its level, and what stands below it."""
    found = re.split(r"^(#+ .+)$", text, flags=re.MULTILINE)
    return list(zip(found[1::2], found[2::2], strict=True))


def _frame(heading: str, body: str) -> dict[str, object]:
    """What does not depend on the language: level, rows of tables, items, pictures, links, commands and settings."""
    return {
        "level": heading.index(" "),
        "rows": len(re.findall(r"^\|", body, re.MULTILINE)),
        "items": len(re.findall(r"^(?:\*|\d+\.) ", body, re.MULTILINE)),
        "pictures": re.findall(r"\((?:\.\./)?(images/[^)]+)\)", body),
        "links": sorted(re.findall(r"\]\((?:\.\./)?([a-z-]+\.md[^)]*)\)", body)),
        "code": sorted(re.findall(r"```\w*\n.*?```|`[^`]+`", body, re.DOTALL)),
    }


@pytest.mark.parametrize(("code", "name"), PAGES)
def test_a_page_in_another_language_has_every_section_of_the_english_one(code: str, name: str) -> None:
    english = _sections((DOCS / f"{name}.md").read_text(encoding="utf-8"))
    other = _sections((DOCS / code / f"{name}.md").read_text(encoding="utf-8"))
    levels = [heading.index(" ") for heading, _ in english]
    assert [heading.index(" ") for heading, _ in other] == levels, [heading for heading, _ in english]
    differing = {
        heading: (_frame(heading, body), _frame(*there))
        for (heading, body), there in zip(english, other, strict=True)
        if _ONLY_ENGLISH not in heading and _frame(heading, body) != _frame(*there)
    }
    assert differing == {}


@pytest.mark.parametrize(("code", "name"), PAGES)
def test_a_page_in_another_language_names_what_is_on_the_screen_as_the_console_does(
    code: str, name: str
) -> None:
    english = (DOCS / f"{name}.md").read_text(encoding="utf-8").partition(_ONLY_ENGLISH)[0]
    other = (DOCS / code / f"{name}.md").read_text(encoding="utf-8")
    with language.spoken(code):
        labels = {
            label: language.gettext(label)
            for label in re.findall(r"(?<![*\w])\*{1,2}([A-Z][^*\n]+?)\*{1,2}(?![*\w])", english)
        }
    assert {label: said for label, said in labels.items() if said != label and f"*{said}*" not in other} == {}


@pytest.mark.parametrize("code", TRANSLATED)
def test_only_pages_of_the_help_are_translated(code: str) -> None:
    translated = {page.stem for page in (DOCS / code).glob("*.md")}
    assert {"quick-start", "faq", "console"} <= translated
    assert translated <= {page.stem for page in DOCS.glob("*.md")} - {*FOR_DEVELOPERS}
