"""The language a person reads: English in the code, others from catalogues (gettext) in ``shared/locales``.

The console's templates are marked as they are loaded (``services/api/console/marking.py``). Texts of Python are either
declared (labels of settings, names of states) or a ``phrase`` with named parameters. Where nobody has chosen a
language, and in whatever a program reads, everything is English.
"""

import gettext as catalogues
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeVar

FOLDER = Path(__file__).parent / "locales"
ENGLISH = "en"
# What each language calls itself: nobody looks for his own under a foreign name.
NAMES = {ENGLISH: "English", "de": "Deutsch"}

# One text of a catalogue with what it is in the language: a keyword and lines in quotes.
_PART = re.compile(r'^(msgid|msgid_plural|msgstr(?:\[(\d+)\])?) ((?:".*"\n?)+)', re.MULTILINE)

_Piece = TypeVar("_Piece")

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


class Sentence(str):
    """A text of ours in English that knows its template and parameters, so that it can be shown in another language.

    It is a ``str`` wherever one is wanted. ``+`` and ``format`` keep what it knows; other methods of ``str`` give its
    English alone.
    """

    __slots__ = ("parameters", "template")
    template: str
    parameters: Mapping[str, Any]

    def __new__(cls, template: str, parameters: Mapping[str, Any]) -> Self:
        made = super().__new__(cls, template.format(**parameters) if parameters else template)
        made.template = template
        made.parameters = parameters
        return made

    def __getnewargs__(self) -> tuple[str, Mapping[str, Any]]:  # type: ignore[override]
        return self.template, self.parameters

    def __add__(self, other: str) -> str:
        return listed([self, other], "") if other else self

    def __radd__(self, other: str) -> str:
        return listed([other, self], "") if other else self

    def format(self, *_values: object, **parameters: object) -> "Sentence":
        """The sentence with its parameters, for a template that is kept in a table."""
        return Sentence(self.template, parameters)

    def shown(self) -> str:
        """The text in the language of whoever reads it; in English where the translation does not fit."""
        text = gettext(self.template)
        try:
            return (
                text.format(**{name: _within(value) for name, value in self.parameters.items()})
                if self.parameters
                else text
            )
        except (KeyError, IndexError, ValueError):
            return str(self)


class Plural(str):
    """A word in the form that goes with a number."""

    __slots__ = ("many", "number", "one")
    one: str
    many: str
    number: int

    def __new__(cls, one: str, many: str, count: int) -> Self:
        made = super().__new__(cls, one if count == 1 else many)
        made.one, made.many, made.number = one, many, count
        return made

    def __getnewargs__(self) -> tuple[str, str, int]:  # type: ignore[override]
        return self.one, self.many, self.number

    def shown(self) -> str:
        """The form that the language of whoever reads it has for the number."""
        return ngettext(self.one, self.many, self.number)


class _Number(int):
    """A number within a sentence: grouped as its language does where the sentence asks for groups."""

    def __format__(self, specification: str) -> str:
        return digits(self) if specification == "," else super().__format__(specification)


def phrase(text: str, /, **parameters: Any) -> str:
    """A sentence with parameters by name: ``phrase("Run {run} ended.", run=7)``."""
    return Sentence(text, parameters)


def template(text: str) -> str:
    """A template that is given its parameters elsewhere: marks it for the catalogue."""
    return text


def declared(text: str) -> str:
    """A text without parameters."""
    return Sentence(text, {})


def named(code: str) -> str:
    """A code of ours as words: ``disable_extension`` is "disable extension"."""
    return declared(code.replace("_", " "))


def counted(count: int, one: str, many: str) -> str:
    """So many of something."""
    return phrase("{count:,} {what}", count=count, what=Plural(one, many, count))


def listed(texts: Iterable[str], between: str = ", ") -> str:
    """Several texts as one, each shown in the language of whoever reads it."""
    known = {f"text_{number}": text for number, text in enumerate(texts)}
    return Sentence(between.join(f"{{{name}}}" for name in known), known)


def enumerated(names: Iterable[str]) -> str:
    """Names as a sentence has them: "Anna", "Anna and Bob", "Anna, Bob and Carla"; empty without any."""
    *most, last = [*names] or [""]
    return phrase("{names} and {last_name}", names=listed(most), last_name=last) if most else last


def replaced(text: str, parts: Iterable[str], by: str) -> str:
    """The text with these parts replaced; of a sentence within its parameters, so that it stays a sentence."""
    if isinstance(text, Sentence):
        changed = {
            name: replaced(value, parts, by) if isinstance(value, str) else value
            for name, value in text.parameters.items()
        }
        return Sentence(text.template, changed)
    for part in parts:
        text = text.replace(part, by) if part else text
    return text


def shown(value: Any) -> Any:
    """A text of ours in the language of whoever reads it, anything else as it is."""
    return value.shown() if isinstance(value, Sentence | Plural) else value


def digits(number: int) -> str:
    """A whole number with its digits in groups, as the language of whoever reads it has them."""
    # Translated as the same number with the language's own sign between the groups.
    between = gettext("1,000").strip("01")
    return int.__format__(number, ",").replace(",", between)


def _within(value: Any) -> Any:
    return _Number(value) if isinstance(value, int) and not isinstance(value, bool) else shown(value)


def stored(text: str) -> Mapping[str, Any] | None:
    """Template and parameters of a sentence as JSON; ``None`` for any other text."""
    return _encoded(text) if isinstance(text, Sentence) and text.parameters else None


def sentences_in(value: Any) -> dict[str, Any]:
    """What the sentences within a JSON value are made of, each by its English: to be kept or sent beside it."""
    found: dict[str, Any] = {}
    if isinstance(value, Mapping):
        for item in value.values():
            found |= sentences_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            found |= sentences_in(item)
    elif isinstance(value, Sentence):
        found[str(value)] = _encoded(value)
    return found


def restored(value: Any, known: Mapping[str, Any]) -> Any:
    """The JSON value with its texts as the sentences they were before."""
    if isinstance(value, Mapping):
        return {name: restored(item, known) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [restored(item, known) for item in value]
    return read_back(value, known[value]) if isinstance(value, str) and value in known else value


def read_back(text: str, known: Mapping[str, Any] | None) -> str:
    """The sentence that was stored; the text itself, as older versions stored it, where there is nothing more."""
    if not known:
        return text if "{" in text else declared(text)
    try:
        found = _decoded(known)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return text
    return found if str(found) == text else text


def _encoded(value: Any) -> Any:
    if isinstance(value, Sentence):
        return {
            "text": value.template,
            "with": {name: _encoded(part) for name, part in value.parameters.items()},
        }
    if isinstance(value, Plural):
        return {"one": value.one, "many": value.many, "count": value.number}
    return value if isinstance(value, int | float | bool | None) else str(value)


def _decoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "one" in value:
            return Plural(value["one"], value["many"], value["count"])
        return Sentence(value["text"], {name: _decoded(part) for name, part in value["with"].items()})
    return value


def gettext(text: str) -> str:
    """The text in the language that is spoken; as it is where the catalogue does not have it."""
    if not text:
        return text
    return _catalogue().gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """As ``gettext``, of the form that the language has for so many."""
    return _catalogue().ngettext(one, many, count)


def current() -> str:
    """The language that is spoken, as HTML names it."""
    return _spoken.get().replace("_", "-")


@contextmanager
def spoken(language: str) -> Iterator[None]:
    """Speak a language for a while; English where there is no catalogue of it."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def each_spoken(language: str, pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    """The pieces, each made while the language is spoken: whoever takes them may be another thread."""
    made = iter(pieces)
    while True:
        with spoken(language):
            try:
                piece = next(made)
            except StopIteration:
                return
        yield piece


def best_of(accepted: str) -> str:
    """The first language of an ``Accept-Language`` header that there is a catalogue of; else English."""
    for item in accepted.split(",")[:20]:
        tag = item.split(";")[0].strip().replace("-", "_")
        for name in (tag, tag.split("_")[0]):
            if name == ENGLISH or (name.isidentifier() and _load(FOLDER, name) is not None):
                return name
    return ENGLISH


def known() -> tuple[str, ...]:
    """The languages that can be chosen: English, and those that there is a catalogue of."""
    return tuple(name for name in NAMES if name == ENGLISH or _load(FOLDER, name) is not None)


def _catalogue() -> catalogues.NullTranslations:
    return _load(FOLDER, _spoken.get()) or _load_none()


@lru_cache(maxsize=1)
def _load_none() -> catalogues.NullTranslations:
    return catalogues.NullTranslations()


@lru_cache(maxsize=64)
def _load(folder: Path, language: str) -> catalogues.NullTranslations | None:
    if language == ENGLISH or not folder.is_dir():
        return None
    try:
        return _Translations((folder / f"{language}.po").read_text(encoding="utf-8"))
    except OSError:
        return None


class _Translations(catalogues.NullTranslations):
    """A catalogue as translators write it (PO): small enough to be read at first use, so nothing is to be compiled."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._texts: dict[tuple[str, int], str] = {}
        for entry in source.split("\n\n"):
            if "\n#, fuzzy" not in f"\n{entry}":
                self._take(entry)
        rule = re.search(r"plural=([^;]+);", self._texts.pop(("", 0), ""))
        self._form = catalogues.c2py(rule[1] if rule else "n != 1")

    def _take(self, entry: str) -> None:
        text = ""
        for keyword, form, lines in _PART.findall(entry):
            # What PO escapes within quotes is escaped so in JSON.
            said = "".join(json.loads(line) for line in lines.splitlines())
            if keyword == "msgid":
                text = said
            elif keyword != "msgid_plural" and said:
                self._texts[text, int(form or 0)] = said

    def gettext(self, message: str) -> str:
        """The text, or what it is in English."""
        return self._texts.get((message, 0), message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The form for so many, or that of English."""
        return self._texts.get((msgid1, self._form(n)), msgid1 if n == 1 else msgid2)
