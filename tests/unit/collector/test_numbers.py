"""The rule that finds an extension number, and the document that explains it to administrators."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collector.numbers import NumberOptions, read_number, read_numbers

DOCUMENT = Path(__file__).parents[3] / "docs" / "numbers.md"
INSTALLED = NumberOptions()
SECTIONS = {
    "Examples with the default settings": INSTALLED,
    "Examples with `last_digits` 3": NumberOptions(last_digits=3),
}
MARKS = ("x", "X", "ext", "EXT.", "ext:", "Extension ", "extension: ", "#", ";ext=", "x = ")
digits = st.text("0123456789", min_size=2, max_size=5)


def _examples() -> list[tuple[str, str, str]]:
    """(section, value, what the document promises) of every row of the tables of examples."""
    found = []
    section = ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        row = re.fullmatch(r"\| `(.*?)` \| `?(\w+)`? \| .+ \|", line)
        if row and section in SECTIONS:
            found.append((section, row[1], row[2]))
    return found


def test_the_document_has_its_examples() -> None:
    # The tables of the other chapters (settings, errors) hold no examples.
    chapters = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = [
        row
        for chapter in chapters
        if chapter.partition("\n")[0] in SECTIONS
        for row in chapter.splitlines()
        if row.startswith("| `")
    ]
    assert len(_examples()) == len(rows) > 30
    assert {section for section, _, _ in _examples()} == set(SECTIONS)


@pytest.mark.parametrize(("section", "value", "promised"), _examples())
def test_every_example_of_the_document_is_true(section: str, value: str, promised: str) -> None:
    reading = read_number(value, SECTIONS[section])
    if promised == "none":
        assert (reading.number, reading.problem) == (None, None)
    elif promised == "problem":
        assert reading.number is None
        assert reading.problem
    else:
        assert (reading.number, reading.problem) == (promised, None)


def test_the_document_names_the_installed_settings() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"| `number_rule.min_digits` | {INSTALLED.min_digits} |" in text
    assert f"| `number_rule.max_digits` | {INSTALLED.max_digits} |" in text
    assert INSTALLED.last_digits is None
    assert "| `number_rule.last_digits` | off |" in text


@given(
    number=digits,
    mark=st.sampled_from(MARKS),
    front=st.sampled_from(["", "+1 801 555 0123 ", "+49 (0)30 901820, ", "(801) 555-0123", "Tel. ", "; "]),
)
def test_a_marked_number_is_found_alone_and_behind_a_full_phone_number(
    number: str, mark: str, front: str
) -> None:
    assert read_number(f"{front}{mark}{number}", INSTALLED).number == number


@pytest.mark.parametrize("front", ["204 ", "0171/5 ", "Room 4 ", "x205 ", "Fax ", "(801) ", "Reception "])
def test_a_marked_number_behind_anything_else_is_a_problem(front: str) -> None:
    reading = read_number(f"{front}x204", INSTALLED)
    assert reading.number is None
    assert reading.problem


@given(number=digits, invisible=st.sampled_from(["\u202a", "\u202c", "\u200e", "\u200b", "\ufeff", "\u00ad"]))
def test_invisible_marks_change_nothing(number: str, invisible: str) -> None:
    assert read_number(f"{invisible}{number}{invisible}", INSTALLED).number == number
    assert read_number(f"+1 801 5550123 {invisible}x{number}{invisible}", INSTALLED).number == number


@pytest.mark.parametrize("value", ["fax204", "index204", "Büx204", "mailbox 204", "text204"])
def test_a_letter_before_the_word_makes_it_another_word(value: str) -> None:
    assert read_number(value, INSTALLED).number is None


@given(text=st.text(max_size=60), last=st.none() | st.integers(2, 5))
def test_any_text_gives_a_number_of_the_allowed_length_or_says_why_not(text: str, last: int | None) -> None:
    options = NumberOptions(last_digits=last)
    reading = read_number(text, options)
    if reading.number is not None:
        assert re.fullmatch(r"[0-9]{2,5}", reading.number)
        assert reading.problem is None
    elif reading.text:
        assert reading.problem
    else:
        assert reading.problem is None


@given(text=st.text("0123456789 x#ext.-+/()", max_size=60))
def test_every_digit_of_a_number_stood_in_the_text_in_that_order(text: str) -> None:
    number = read_number(text, NumberOptions(last_digits=4)).number
    assert number is None or number in re.sub(r"[^0-9]", "", text)


@given(
    texts=st.lists(st.sampled_from(["204", "x204", "+1 801 555 0123", "reception", "", "205"]), max_size=5)
)
def test_the_order_of_several_values_does_not_matter(texts: list[str]) -> None:
    assert read_numbers(texts, INSTALLED) == read_numbers(texts[::-1], INSTALLED)


def test_values_without_a_number_do_not_matter_beside_one_with_a_number() -> None:
    reading = read_numbers(["+1 801 555 0123", "x204", "reception", "204"], INSTALLED)
    assert (reading.number, reading.problem) == ("204", None)
    assert reading.text == "+1 801 555 0123; 204; reception; x204"


def test_two_different_numbers_are_a_problem_that_names_both() -> None:
    reading = read_numbers(["205", "x204"], INSTALLED)
    assert reading.number is None
    assert "204, 205" in (reading.problem or "")


@pytest.mark.parametrize(
    ("options", "said"),
    [(NumberOptions(3, 3), "3 digits"), (NumberOptions(3, 5), "3 to 5 digits")],
)
def test_a_problem_says_which_lengths_are_allowed(options: NumberOptions, said: str) -> None:
    assert said in (read_number("x20", options).problem or "")


def test_a_long_value_is_shown_short() -> None:
    assert len(read_number("a" * 5000, INSTALLED).problem or "") < 200


def test_a_value_of_megabytes_leaves_little_behind() -> None:
    reading = read_numbers(["+49 30 " * 500_000, "7" * 2_000_000], INSTALLED)
    assert reading.number is None
    assert len(reading.text) + len(reading.problem or "") < 1000


@pytest.mark.parametrize(
    "value", ["x " * 20_000, "#" * 20_000 + "a", "x" + "1" * 20_000 + "a", "ext" * 20_000]
)
@pytest.mark.timeout(5)
def test_a_hostile_value_takes_no_time(value: str) -> None:
    assert read_number(value, INSTALLED).number is None
