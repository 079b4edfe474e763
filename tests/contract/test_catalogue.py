"""The catalogue of texts: it is current, and whoever translates sees what each value is."""

import ast
import re
from collections.abc import Iterator
from string import Formatter

from services.api.console.marking import marked, messages
from tests.support.catalogue import FILE, ROOT, catalogue, written


def test_the_catalogue_holds_the_texts_there_are() -> None:
    assert FILE.read_bytes() == written(catalogue()), "Run `make catalogue`."


def test_every_parameter_of_a_message_has_a_name() -> None:
    found = [text for message in catalogue() for text in _forms(message.id)]
    assert len(found) > 700
    assert [
        text
        for text in found
        if re.search(r"\{\}|\{[0-9]|\{\w*:%", text)
        or ("{" not in text and re.search(r"(?<!%)%(?![%(])\S", text))
    ] == []


def test_a_message_holds_a_whole_sentence_with_its_values() -> None:
    source = (
        '<p title="Read {{ name }}">Last <strong>read</strong> {{ words.ago(part.read_at) }}, 5 % left.</p>'
    )
    assert list(messages(source)) == ["Read %(name)s", "Last <strong>read</strong> %(read_at)s, 5 %% left."]


def test_texts_of_expressions_are_marked_and_values_are_not() -> None:
    source = '{% if state == "Done" %}{{ badge("Left out", "warn") }}{% endif %}<td class="small quiet">{{ name }}</td>'
    assert marked(source) == source.replace('"Left out"', '_("Left out")')
    assert list(messages('{{ words.counted(n, "row waits", "rows wait") }}')) == [("row waits", "rows wait")]


def test_a_phrase_is_given_the_parameters_that_its_text_names_and_no_others() -> None:
    found = list(phrases())
    assert len(found) > 700
    assert [(place, text) for place, text, given in found if set(_named(text)) != given] == []


def _named(text: str) -> Iterator[str]:
    return (name for _text, name, _spec, _how in Formatter().parse(text) if name is not None)


def phrases() -> Iterator[tuple[str, str, set[str]]]:
    """Place, text and names of parameters of every ``phrase`` with a text of its own."""
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "phrase"):
                    continue
                text = node.args[0]
                if isinstance(text, ast.Constant) and node.keywords:
                    names = {keyword.arg for keyword in node.keywords if keyword.arg}
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", str(text.value), names


def _forms(message: object) -> list[str]:
    return (
        [str(form) for form in message]
        if isinstance(message, list | tuple)
        else [str(message)]
        if message
        else []
    )
