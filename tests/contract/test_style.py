"""Words that must not come back (docs/style.md): in strings of the product, pages of the console, and documents."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT = re.compile(
    r"\b(?:(?:in|into) step\b(?! \d)|mend(?:s|ed|ing)?|(?<!')stands|stood|anew|(?<!at )both ends|bec[ao]mes? of"
    r"|(?:carry|carried|carries) out|(?:goes|go|going) on by itself|gone for good|good once|still going"
    r"|keep it as it is|looks? at the plan|make it\b(?=\.?$)|(?:make|made|makes) (?:an? )?(?:account|token|manager|site)"
    r"|(?:nobody|whoever) stands|at your side|any more|kept for ever|is no (?:backup|number|extension)|put it back)\b|\bso many (?:minutes|days)\b",
    re.IGNORECASE,
)
CODE = ("services", "shared")
# What somebody reads who changes the code, and what was stored or is a pattern for what others say.
LEFT_OUT = ("migrations/versions/",)
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *(ROOT / "docs").glob("*.md"),
]


def _docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield id(first.value)


def strings_of(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string that is not a docstring; of an f-string its text with … for values."""
    tree = ast.parse(source)
    passed = set(_docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= {id(inner) for part in node.values for inner in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, node.value


def unwanted(text: str) -> list[str]:
    """The words of a text that must not come back."""
    return [found[0] for found in NOT.finditer(text)]


def helps_of(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of what ``--help`` shows of the commands in a module: the docstrings of its public functions."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.lineno, ast.get_docstring(node) or ""


def _read() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "services" / "cli").glob("*_commands.py")):
        for line, text in helps_of(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(ROOT).as_posix()}:{line}", text
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if not any(part in place for part in LEFT_OUT):
                for line, text in strings_of(path.read_text(encoding="utf-8")):
                    yield f"{place}:{line}", text
        for suffix in ("html", "js"):
            for path in sorted((ROOT / folder).rglob(f"*.{suffix}")):
                text = re.sub(
                    r"(?s)\{#.*?#\}|^\s*//[^\n]*|\bname=\"[^\"]*\"", "", path.read_text(encoding="utf-8")
                )
                yield path.relative_to(ROOT).as_posix(), text
    for path in DOCUMENTS:
        if path.name != "style.md":
            for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                yield f"{path.relative_to(ROOT).as_posix()}:{number}", text


def test_nothing_that_a_person_reads_has_a_word_that_must_not_come_back() -> None:
    read = list(_read())
    assert len(read) > 5000
    assert [(place, words) for place, text in read if (words := unwanted(text))] == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('raise Error("Everything is in step.")', ["in step"]),
        ('say(f"Run {run.id} is still going. Mend it.")', ["still going", "Mend"]),
        ('LABEL = {"x": "Keep it as it is"}', ["Keep it as it is"]),
        ('say("What " "became of it")', ["became of"]),
        ('def f():\n    """What both ends show."""', []),
        ('say("See step 2, as in step 3.")', []),
    ],
)
def test_a_word_is_found_where_a_person_reads_it(source: str, words: list[str]) -> None:
    assert [word for _line, text in strings_of(source) for word in unwanted(text)] == words
