"""``make catalogue``: the texts that a translation needs, as ``shared/locales/rollcall.pot``, from templates and code,
and every language's catalogue with the texts there are: a new one empty, for whoever translates.

Templates are marked by ``services/api/console/marking.py``; in code texts are arguments of ``phrase``, ``declared``,
``gettext`` and ``counted``, or belong to a declaration: a setting, a group, a choice, the words of the console.
"""

import ast
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from services.api.console.marking import messages
from services.api.console.words import FIELDS
from shared.database.tables import RunKind, RunState
from shared.domain.command import CommandKind, CommandState
from shared.domain.plan import FindingCode
from shared.settings.documents import Section

ROOT = Path(__file__).parents[2]
FILE = ROOT / "shared/locales/rollcall.pot"
# Which arguments of a call are texts; ``None``: all that are.
_CALLS: dict[str, tuple[int, ...] | None] = {
    "declared": (0,),
    "gettext": (0,),
    "phrase": (0,),
    "template": (0,),
    "ErrorWords": (0,),
    "setting": (1, 2),
    "Group": (0,),
    "Step": (1,),
    "Tab": (1, 5),
    "Words": None,
}
_FORMS = {"counted": (1, 2), "Plural": (0, 1)}
# What ``named`` makes words of.
_CODES = (CommandKind, CommandState, FIELDS, FindingCode, RunKind, RunState, Section)

Message = str | tuple[str, str]


def catalogue() -> Catalog:
    """Every message with the files it is in."""
    found = Catalog(project="rollcall", charset="utf-8", fuzzy=False)
    for path in sorted((ROOT / "services/api").glob("*/templates/*.html")):
        _add(found, path, messages(path.read_text(encoding="utf-8")))
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                _add(found, path, _of_code(ast.parse(path.read_text(encoding="utf-8"))))
    codes = (str(code).replace("_", " ") for known in _CODES for code in known)
    _add(found, ROOT / "shared/language.py", codes)
    return found


def written(catalog: Catalog) -> bytes:
    """The catalogue as a file, the same for the same messages."""
    file = BytesIO()
    write_po(
        file, catalog, omit_header=True, sort_output=True, no_location=False, include_lineno=False, width=100
    )
    return file.getvalue()


def translated(language: str) -> Catalog:
    """A language's catalogue as it is in ``shared/locales``."""
    with (FILE.parent / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def brought_up(language: str, texts: Catalog) -> bytes:
    """The language's catalogue as a file with the texts there are: what it has of them stays, the rest is empty."""
    before = translated(language)
    after = Catalog(language, header_comment="# See CONTRIBUTING.md, A language.", fuzzy=False)
    for message in texts:
        if message.id:
            known = before.get(message.id if isinstance(message.id, str) else message.id[0])
            if known is not None and known.id == message.id:
                after.add(message.id, known.string, flags=known.flags)
            else:
                after.add(message.id)
    file = BytesIO()
    write_po(file, after, omit_header=False, sort_output=True, no_location=True, width=100)
    # Neither who wrote it, nor when and with what, says anything of what is in it.
    return re.sub(
        rb'^"(?:Project|Report|Last|Language-Team|Generated|\w+-\w+-Date)\b.*\n',
        b"",
        file.getvalue(),
        flags=re.M,
    )


def languages() -> list[str]:
    """The languages there are catalogues of."""
    return sorted(path.stem for path in FILE.parent.glob("*.po"))


def _add(catalog: Catalog, path: Path, found: Iterator[Message]) -> None:
    for message in found:
        catalog.add(message, locations=[(path.relative_to(ROOT).as_posix(), 0)])


def _of_code(tree: ast.Module) -> Iterator[Message]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.ClassDef) and any(_name(base) == "Choice" for base in node.bases):
            for line in node.body:
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Tuple):
                    yield from _texts(line.value.elts[1])
        elif isinstance(node, ast.ClassDef) and any(_name(base) == "Document" for base in node.bases):
            yield " ".join((ast.get_docstring(node) or "").split())


def _of_call(node: ast.Call) -> Iterator[Message]:
    name = _name(node.func)
    if name in _CALLS:
        places = _CALLS[name]
        for place, argument in enumerate(node.args):
            if places is None or place in places:
                yield from _texts(argument)
        for keyword in node.keywords:
            if (name, keyword.arg) in {("setting", "unit"), ("Tab", "intro")}:
                yield from _texts(keyword.value)
    elif name in _FORMS:
        one, many = (node.args[place] if place < len(node.args) else None for place in _FORMS[name])
        if isinstance(one, ast.Constant) and isinstance(many, ast.Constant):
            yield str(one.value), str(many.value)


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    found_now = catalogue()
    FILE.write_bytes(written(found_now))
    for each in languages():
        made = brought_up(each, found_now)
        (FILE.parent / f"{each}.po").write_bytes(made)
