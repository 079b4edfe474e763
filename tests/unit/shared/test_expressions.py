"""Expressions that people type are matched in linear time, in all scripts, and refused in words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.values.expression import Expression, UnsupportedExpression


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (r"^(Room|Lobby)\b", ["Room 1", "lobby"], ["Rooms", "The Lobby"]),
        (r"\bÜmit\b", ["ümit Berg", "Anna Ümit"], ["Ümitler", "xÜmit"]),
        (r"^\w+ \d+$", ["Küche 12", "Зал ٣"], ["Küche", "a-b 1"]),
        (r"^svc[-_ ]", ["SVC_backup", "svc backup"], ["svcbackup"]),
        ("^Mu\u0308ller", ["Müller", "MU\u0308LLER"], ["Muller"]),
        ("^Anna$", ["An\u200bna"], ["Annabel"]),
        (r"(?P<kind>Room|Lobby)", ["Room"], ["Hall"]),
        (r"Café|K[aä]se", ["CAFÉ", "käse"], ["Cafe"]),
    ],
)
def test_expressions_match_as_people_expect(pattern: str, inside: list[str], outside: list[str]) -> None:
    expression = Expression(pattern)
    assert [text for text in [*inside, *outside] if expression.is_in(text)] == inside


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(?=a)", "look-ahead and look-behind are not supported"),
        ("(?<!a)b", "look-ahead and look-behind are not supported"),
        (r"(a)\1", "backreferences are not supported"),
        (r"(?P<x>a)(?P=x)", "unrecognized flag"),
        ("(", "unclosed group"),
        ("*", "repetition operator missing expression"),
        ("[z-a]", "invalid character class range"),
        ("(a{1000}){1000}", "too large"),
        (r"[\w&&[a-z]]", "sets within sets"),
        (r"\<a\>", "not supported"),
    ],
)
def test_what_cannot_be_matched_is_refused_with_the_reason(pattern: str, said: str) -> None:
    with pytest.raises(UnsupportedExpression, match=said.replace("(", r"\(")):
        Expression(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*a){20}b", r"(\w\w?){60}\d$", "(x+x+)+y"])
@pytest.mark.parametrize("text", ["a" * 60 + "!", "a" * 5_000_000 + "!", "xä" * 100_000])
def test_no_expression_takes_long_on_any_text(pattern: str, text: str) -> None:
    expression = Expression(pattern)
    began = time.process_time()
    expression.is_in(text)
    assert time.process_time() - began < 1


@given(st.text(max_size=60))
def test_any_pattern_is_compiled_or_refused(pattern: str) -> None:
    said = ""
    try:
        Expression(pattern).is_in("Anna Berg")
    except UnsupportedExpression as error:
        said = str(error)
    assert said != "it cannot be read"
