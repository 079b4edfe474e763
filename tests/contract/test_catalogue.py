"""The catalogue of texts: it is current, and whoever translates sees what each value is."""

import re

from services.api.console.marking import marked, messages
from tests.support.catalogue import FILE, catalogue, written


def test_the_catalogue_holds_the_texts_there_are() -> None:
    assert FILE.read_bytes() == written(catalogue()), "Run `make catalogue`."


def test_every_parameter_of_a_message_has_a_name() -> None:
    found = [text for message in catalogue() for text in _forms(message.id)]
    assert len(found) > 700
    assert [
        text for text in found if re.search(r"(?<!%)%(?![%(])\S|\{\}|\{[0-9]", text) and text != "%"
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


def _forms(message: object) -> list[str]:
    return (
        [str(form) for form in message]
        if isinstance(message, list | tuple)
        else [str(message)]
        if message
        else []
    )
