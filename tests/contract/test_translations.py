"""Every catalogue of another language is whole, and each text in it fits the English one."""

import re
from collections import Counter

import pytest

from shared import language
from tests.support.catalogue import FILE, brought_up, catalogue, languages, translated

_KEPT = re.compile(r"%%|%\(\w+\)s|\{[^{}]*\}|</?\w+[^>]*>|`[^`]*`")


def test_german_is_one_of_the_languages() -> None:
    assert "de" in languages()


@pytest.mark.parametrize("name", languages())
def test_a_language_has_the_texts_there_are(name: str) -> None:
    assert (FILE.parent / f"{name}.po").read_bytes() == brought_up(name, catalogue()), "Run `make catalogue`."


@pytest.mark.parametrize("name", languages())
def test_no_text_is_untranslated_or_fuzzy(name: str) -> None:
    assert [
        message.id
        for message in translated(name)
        if message.id and (message.fuzzy or not all(_forms(message.string)))
    ] == []


@pytest.mark.parametrize("name", languages())
def test_a_translation_has_the_values_the_markup_and_the_outer_blanks_of_the_english(name: str) -> None:
    assert [
        (english, said)
        for message in translated(name)
        if message.id
        for english, said in zip(_forms(message.id), _forms(message.string), strict=True)
        if _frame(english) != _frame(said)
    ] == []


def test_a_catalogue_is_read_as_translators_write_it() -> None:
    with language.spoken("de"):
        assert language.gettext("Extension") == "Nebenstelle"
        assert [language.ngettext("row", "rows", count) for count in (0, 1, 2)] == [
            "Zeilen",
            "Zeile",
            "Zeilen",
        ]
        assert language.digits(1234567) == "1.234.567"
        assert language.gettext("A text that nobody has") == "A text that nobody has"


def test_a_fuzzy_text_is_shown_in_english() -> None:
    source = (
        '#, fuzzy\nmsgid "Save"\nmsgstr "Retten"\n\nmsgid "One \\"quoted\\" "\n"text"\nmsgstr "Ein „Text“"\n'
    )
    read = language._Translations(source)
    assert (read.gettext("Save"), read.gettext('One "quoted" text')) == ("Save", "Ein „Text“")


def _forms(text: object) -> list[str]:
    return [str(form) for form in text] if isinstance(text, list | tuple) else [str(text)]


def _frame(text: str) -> tuple[str, str, Counter[str]]:
    inner = text.strip()
    before, after = text.split(inner, 1) if inner else (text, "")
    return before, after, Counter(_KEPT.findall(text))
