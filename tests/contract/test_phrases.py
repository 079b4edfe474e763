"""Every sentence that people read can be said in their language: it is a ``phrase``, or one of the other texts of the catalogue."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What programs read or administrators of the host: the API, its description, the command line, metrics, other programs.
ENGLISH = (
    "services/cli/",
    "services/sandbox/",
    "services/relay/",
    "services/api/web/",
    "services/api/app.py",
    "services/api/access/bearer.py",
    "services/api/access/openid/",
    "services/api/access/setup_link.py",
    "services/api/operations/use_cases/metrics",
    # Said to whoever writes a page, as the process starts.
    "services/api/console/scope.py",
    # Comments of a stream of events, and statements of SQL.
    "services/api/runs/streaming.py",
    "shared/database/error_sentences.py",
    "services/api/operations/use_cases/diagnostics.py",
    "/schemas",
    "/routes",
    "shared/database/migrations/",
    # What the code of the product has said of itself, for those who change it.
    "shared/domain/carried.py",
    "shared/mapping/functions.py",
    "shared/process_settings.py",
    "shared/worker/",
    "shared/ber.py",
)
_CATALOGUE = {
    "phrase", "declared", "template", "counted", "Plural", "gettext", "setting", "Group", "Step", "Tab", "Words", "ErrorWords",
}  # fmt: skip
_OF_PROGRAMS = {
    "AssertionError", "Field", "HTTPException", "KeyError", "NotImplementedError", "Query", "Response", "RuntimeError", "TypeError",
    "debug", "error", "exception", "info", "warning",
}  # fmt: skip
_SENTENCE = re.compile(r"^[“'…A-Z0-9][^\n]* \S+ [^\n]*[.:]$")


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def sentences(node: ast.AST, around: ast.AST | None = None) -> Iterator[tuple[int, str]]:
    """Line and text of each sentence that no translation can reach; values within it as …"""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and _name(node.func) in _CATALOGUE | _OF_PROGRAMS:
        for keyword in node.keywords:
            # What a tab says above its fields belongs to its declaration.
            if keyword.arg != "intro":
                yield from sentences(keyword.value)
        return
    if isinstance(node, ast.ClassDef) and any(_name(base) == "Choice" for base in node.bases):
        return
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from sentences(child, node)
        return
    if _SENTENCE.match(text) and not isinstance(around, ast.Compare):
        yield node.lineno, text


def test_a_sentence_that_people_read_is_a_phrase() -> None:
    found = [
        (f"{place}:{line}", text)
        for folder in ("services", "shared")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(part in (place := path.relative_to(ROOT).as_posix()) for part in ENGLISH)
        for line, text in sentences(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise NotFound(f"There is no run {run}.")', ["There is no run …."]),
        (
            'say("Nothing was changed." if done else phrase("Run {run} ended.", run=1))',
            ["Nothing was changed."],
        ),
        ('raise NotFound(phrase("There is no run {run}.", run=7))', []),
        ('phrase("Run {run}: {why}", run=1, why=f"It was {how} before.")', ["It was … before."]),
        ('def f():\n    """It says what it does."""\n    log.warning("It is not there.")', []),
    ],
)
def test_a_sentence_is_found_wherever_it_is(source: str, found: list[str]) -> None:
    assert [text for _line, text in sentences(ast.parse(source))] == found


_LITERAL_OF_SCRIPT = re.compile(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`')
_SELECTOR = re.compile(r"[#>\[=:]")
_WORDS = re.compile(r"(?<![\w./-])[A-Za-z][a-z]+(?![\w/-])")
# A pragma, classes of CSS, and the product's name.
_NO_TEXTS = {"use strict", "help of", "… Rollcall"}


def texts_of_script(source: str) -> Iterator[str]:
    """Each literal of a script that reads like words, values within it as …"""
    bare = re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)
    for found in _LITERAL_OF_SCRIPT.findall(bare):
        text = re.sub(r"\$\{[^}]*\}", "…", found[1:-1])
        words = [] if _SELECTOR.search(text) or text in _NO_TEXTS else _WORDS.findall(text)
        if len(words) > 1 or any(word[0].isupper() for word in words):
            yield text


def test_a_script_of_the_console_holds_no_text_but_is_given_its_texts_by_its_page() -> None:
    scripts = sorted((ROOT / "services/api").rglob("static/*.js"))
    assert len(scripts) > 5
    found = [(path.name, text) for path in scripts for text in texts_of_script(path.read_text("utf-8"))]
    assert found == []


def test_a_text_that_a_script_reads_is_given_by_every_page_with_that_script() -> None:
    pages = {path: path.read_text("utf-8") for path in (ROOT / "services/api").glob("*/templates/*.html")}
    for script in (ROOT / "services/api").rglob("static/*.js"):
        read = re.search(r"const \{ (.*) \} = document\.currentScript\.dataset;", script.read_text("utf-8"))
        names = read[1].split(", ") if read else []
        wanted = {"data-" + re.sub("([A-Z])", r"-\1", name).lower() for name in names}
        for path, page in pages.items():
            for tag in re.findall(rf"<script [^>]*'{script.name}'[^>]*>", page):
                assert set(re.findall(r"data-text-\w+", tag)) == wanted, path.name


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('said.textContent = "Working…";', ["Working…"]),
        ("label = `${done} of ${total} commands`;", ["… of … commands"]),
        ('set("aria-label", "All rows of this page");', ["All rows of this page"]),
        ('row = find("ol.rows > li:last-child input"); // Not a text.\n// "Nor this one."', []),
    ],
)
def test_a_text_of_a_script_is_found(source: str, found: list[str]) -> None:
    assert list(texts_of_script(source)) == found
