"""Sentences: text wherever one is wanted, and known well enough to be said in another language."""

import copy
import pickle
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from shared import language
from shared.language import (
    counted,
    declared,
    listed,
    named,
    phrase,
    read_back,
    restored,
    sentences_in,
    shown,
    spoken,
    stored,
)

GERMAN: dict[str | tuple[str, ...], str | tuple[str, ...]] = {
    "Run {run} ended: {what}.": "Lauf {run} beendet: {what}.",
    ("person", "people"): ("Person", "Personen"),
    " Try again.": " Noch einmal.",
    "Save": "Speichern",
    "disable extension": "Nebenstelle abschalten",
    "Broken {thing}.": "Kaputt: {anything}.",
}
ENDED = phrase("Run {run} ended: {what}.", run=7, what=counted(2, "person", "people"))


@pytest.fixture(autouse=True)
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some German, for those who ask for it."""
    made = Catalog(locale="de")
    for text, said in GERMAN.items():
        made.add(text, said)
    with (tmp_path / "de.po").open("wb") as file:
        write_po(file, made)
    monkeypatch.setattr(language, "FOLDER", tmp_path)


def in_german(text: str) -> str:
    with spoken("de"):
        return str(shown(text))


def test_a_sentence_is_its_english_and_is_shown_with_all_that_is_within_it_in_the_language_spoken() -> None:
    assert ENDED == "Run 7 ended: 2 people."
    assert shown(ENDED) == "Run 7 ended: 2 people."
    assert in_german(ENDED) == "Lauf 7 beendet: 2 Personen."


@pytest.mark.parametrize(
    "text",
    [
        ENDED + declared(" Try again."),
        listed([ENDED, declared(" Try again.")], ""),
        copy.deepcopy(ENDED) + declared(" Try again."),
        pickle.loads(pickle.dumps(ENDED)) + declared(" Try again."),
        phrase("{what}{then}", what=ENDED, then=declared(" Try again.")),
    ],
)
def test_what_is_joined_copied_or_sent_to_another_process_stays_a_sentence(text: str) -> None:
    assert text == "Run 7 ended: 2 people. Try again."
    assert in_german(text) == "Lauf 7 beendet: 2 Personen. Noch einmal."
    assert in_german("(1) " + text) == "(1) Lauf 7 beendet: 2 Personen. Noch einmal."


def test_a_template_of_a_table_gets_its_values_later() -> None:
    assert in_german(declared("Run {run} ended: {what}.").format(run=1, what="x")) == "Lauf 1 beendet: x."


def test_a_translation_that_names_other_values_is_not_used() -> None:
    assert in_german(phrase("Broken {thing}.", thing=1)) == "Broken 1."


def test_what_was_stored_is_read_back_and_older_text_is_kept_as_it_is() -> None:
    assert in_german(read_back(str(ENDED), stored(ENDED))) == "Lauf 7 beendet: 2 Personen."
    assert in_german(read_back("Save", None)) == "Speichern"
    assert in_german(read_back("As {older} wrote.", None)) == "As {older} wrote."
    # Written over by an older version, which leaves the column beside it as it was.
    assert in_german(read_back("Something else.", stored(ENDED))) == "Something else."


def test_sentences_travel_beside_a_json_value_and_data_that_reads_like_a_text_of_ours_stays_data() -> None:
    value = {"message": ENDED, "warnings": [declared("Save")], "names": ["person"], "count": 2}
    again = restored({**value, "message": str(ENDED), "warnings": ["Save"]}, sentences_in(value))
    assert again == value
    assert [in_german(text) for text in (again["message"], again["warnings"][0], again["names"][0])] == [
        "Lauf 7 beendet: 2 Personen.",
        "Speichern",
        "person",
    ]
    assert restored({"ou": "Save"}, {}) == {"ou": "Save"}
    with spoken("de"):
        assert shown(restored({"ou": "Save"}, {})["ou"]) == "Save"


def test_a_code_is_shown_as_words_and_a_counted_word_may_stand_alone() -> None:
    told = phrase("{what}: {who}", what=named("disable_extension"), who=named("person"))
    assert told == "disable extension: person"
    assert in_german(told) == "Nebenstelle abschalten: Person"
    assert in_german(read_back(told, stored(told))) == "Nebenstelle abschalten: Person"
