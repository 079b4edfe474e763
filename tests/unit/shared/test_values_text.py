"""Text is cleaned in one place: what nobody can see goes, what people see stays."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.values.text import MOST_CHARACTERS, as_seen, clean

UNSEEN = [
    *map(chr, range(0x200B, 0x2010)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2060, 0x2070)),
]
UNSEEN += ["\u00ad", "\ufeff", "\u034f", "\u061c", "\u3164", "\u115f", "\ufe0f", "\U000e0041"]


@pytest.mark.parametrize("mark", UNSEEN, ids=[f"U+{ord(mark):04X}" for mark in UNSEEN])
def test_what_is_invisible_goes_wherever_it_stands(mark: str) -> None:
    for text in (f"{mark}Anna", f"An{mark}na", f"Anna{mark}"):
        assert clean(text) == as_seen(text) == "Anna"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("  Anna \t Berg\r\n", "Anna Berg"),
        ("Anna\u00a0Berg\u2003\u3000\u2800x", "Anna Berg x"),
        ("An\x00na\x1b[31m Berg\x85", "Anna[31m Berg"),
        ("Mu\u0308ller", "Müller"),
        ("\u212bngstro\u0308m", "Ångström"),
        ("Zoë O’Connor", "Zoë O’Connor"),
        ("a\ud800b", "a\ufffdb"),
    ],
)
def test_a_text_becomes_one_line_in_one_spelling(text: str, seen: str) -> None:
    assert clean(text) == seen


@pytest.mark.parametrize("text", ["👩‍💻", "❤️", "می‌خواهم", "क्‍ष", "葛󠄀城"])
def test_marks_that_change_what_is_seen_stay(text: str) -> None:
    assert clean(text) == unicodedata.normalize("NFC", text)
    assert as_seen(text) == as_seen(as_seen(text))


@given(st.text(max_size=40))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once == unicodedata.normalize("NFC", once)
    assert as_seen(as_seen(text)) == as_seen(text)


@given(st.text(max_size=30))
def test_texts_that_look_equal_are_equal(text: str) -> None:
    assert as_seen(unicodedata.normalize("NFD", text)) == as_seen(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("text", ["a" * 3_000_000, "\u200b" * 3_000_000, "u\u0308 " * 1_000_000])
@pytest.mark.timeout(5)
def test_megabytes_become_a_short_text_at_once(text: str) -> None:
    assert len(clean(text)) <= MOST_CHARACTERS
