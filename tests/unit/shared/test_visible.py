"""What is there is shown: controls, escape sequences and invisible marks; and nothing that people write is."""

import pytest

from shared.values.text import isolated, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Anna \x1b[31mBerg", "Anna \\x1b[31mBerg"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\r\nb\tc\x00\x7f", "a\\x0d\\x0ab\\x09c\\x00\\x7f"),
        ("Anna\u202egreB", "Anna\\u202egreB"),
        ("\u2067a\u2069", "\\u2067a\\u2069"),
        ("An\u200bna\ufeff", "An\\u200bna\\ufeff"),
        ("An\u200dna", "An\\u200dna"),
        ("a\u2028b", "a\\u2028b"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    ["Anna Berg", "Jürgen Ærø", "دانش‌آموز", "👨‍👩‍👧 family ❤️", "עדי", "田中", "100 % [x]", ""],
)
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == text


def test_lines_stay_where_they_are_wanted() -> None:
    assert visible("a\nb\x1b", "\n") == "a\nb\\x1b"


def test_right_to_left_keeps_to_itself_and_everything_else_is_as_it_was() -> None:
    assert isolated("עדי") == "\u2068עדי\u2069"
    for text in ("Anna 204", "Jürgen", ""):
        assert isolated(text) == text
