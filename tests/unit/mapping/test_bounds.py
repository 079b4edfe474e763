"""No expression, name or value can stop a worker or make it grow."""

import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.mapping.compiling import Value
from shared.mapping.errors import MappingError
from shared.mapping.mapping import compile_mapping
from shared.values.text import MOST_CHARACTERS

LONG = "a" * MOST_CHARACTERS
MANY = tuple(f"value {index}" for index in range(1000))
# Far above what any of them takes, and far below what anybody would wait for.
MOST_SECONDS = 0.5
MOST_BYTES = 4_000_000

HOSTILE = [
    # Brackets, signs and conditions as deep as the length allows.
    "(" * 499 + "co" + ")" * 499,
    "[" * 500,
    "!" * 999,
    "lower(" * 100 + "co" + ")" * 100,
    "lower(" * 20 + "long" + ")" * 20,
    'co==co?"a":' * 80 + '"a"',
    "co" + ".trim()" * 95,
    "co" + "+co" * 95,
    "long" + "+long" * 95,
    # Texts that grow by what is put into them, again and again.
    "replace(" * 20 + "long" + ',"a","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")' * 20,
    "replace(long, 'a', long)",
    "upper(" * 20 + "sharp" + ")" * 20,
    # Lists.
    "replace(" * 20 + "many" + ',"a",co)' * 20,
    "e164(" * 20 + "many" + ',"DE")' * 20,
    "[" + ",".join(["many"] * 90) + "]",
    "first(" + ",".join(["many"] * 90) + ")",
    'table(many, {"a": "b"})',
    # What other languages have for loops, and what takes for ever in some.
    "[1,2,3].map(a,[1,2,3].map(b,[1,2,3].map(c,1)))",
    'matches(long,"(a+)+$")',
    "{" * 900,
    '"' + "\\\\" * 490 + '"',
    "9" * 999,
    "a" * 1000,
    "x" * 1_000_000,
    "\u202e" * 900,
]  # fmt: skip


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_expression_ends_soon_and_stays_small(typed: str) -> None:
    values: dict[str, Value] = {"long": LONG, "many": MANY, "co": "DE", "sharp": "ß" * MOST_CHARACTERS}
    compile_mapping("e164(co, 'DE')").value({"co": "0171 1234567"})  # Loads the numbering plans.
    tracemalloc.start()
    began = time.process_time()
    given = _given(typed, values)
    seconds = time.process_time() - began
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(str(given)) < 600 if isinstance(given, MappingError) else all(map(_is_short, given))
    assert (seconds < MOST_SECONDS, most < MOST_BYTES) == (True, True), (seconds, most)


def _given(typed: str, values: dict[str, Value]) -> tuple[str, ...] | MappingError:
    try:
        return compile_mapping(typed).texts(values)
    except MappingError as error:
        return error


def _is_short(text: str) -> bool:
    return 0 < len(text) <= MOST_CHARACTERS


_ATTRIBUTES = ["a", "ipPhone", "msDS-x"]
_TEXTS = st.one_of(
    st.sampled_from(_ATTRIBUTES),
    st.text('ab 1-"\\ß\U0001f600', max_size=5).map(
        lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
)


def _larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    truths = st.tuples(parts, st.sampled_from(["==", "!=", "<", ">=", "in"]), parts).map(" ".join)
    return st.one_of(
        st.tuples(st.sampled_from(["lower", "upper", "title", "trim", "digits", "primary"]), parts).map(
            "{0[0]}({0[1]})".format
        ),
        st.tuples(parts, parts).map("first({0[0]}, {0[1]})".format),
        st.tuples(parts, st.integers(1, 20)).map("last({0[0]}, {0[1]})".format),
        st.tuples(parts, parts, parts).map("replace({0[0]}, {0[1]}, {0[2]})".format),
        st.tuples(parts, parts).map("({0[0]} + {0[1]})".format),
        st.tuples(parts, parts).map("[{0[0]}, {0[1]}]".format),
        st.tuples(parts, parts).map('table({0[0]}, {{"a": "1", "b": "x"}}, {0[1]})'.format),
        st.tuples(truths, parts, parts).map("({0[0]} ? {0[1]} : {0[2]})".format),
    )


_EXPRESSIONS = st.recursive(_TEXTS, _larger, max_leaves=12)
_VALUES = st.one_of(
    st.text(max_size=20),
    st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=4, unique=True).map(tuple),
)
_PEOPLE = st.fixed_dictionaries({}, optional={name.lower(): _VALUES for name in _ATTRIBUTES})


@given(typed=_EXPRESSIONS, person=_PEOPLE)
@settings(max_examples=150)
def test_whatever_fits_together_gives_a_short_text_or_a_sentence(
    typed: str, person: dict[str, Value]
) -> None:
    texts = _given(typed, person)
    if isinstance(texts, MappingError):
        return
    mapping = compile_mapping(typed)
    assert all(map(_is_short, texts))
    assert {name.lower() for name in mapping.attributes} <= {name.lower() for name in _ATTRIBUTES}
    # The digits of every text come from one attribute, in their order, when that is said.
    if mapping.digits_of is not None:
        sources = [person.get(name, "") for name in mapping.digits_of]
        held = [
            "",
            *(text for value in sources for text in (value if isinstance(value, tuple) else (value,))),
        ]
        assert all(any(_is_within(text, other) for other in held) for text in texts)


def _is_within(text: str, other: str) -> bool:
    left = iter(other)
    return all(character in left for character in text if character.isdigit())


@given(st.text(max_size=60))
@example("a\x00b")
@settings(max_examples=200)
def test_whatever_is_typed_is_a_mapping_or_refused_with_a_sentence(typed: str) -> None:
    given = _given(typed, {})
    assert not isinstance(given, MappingError) or 0 <= given.at <= len(typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ('e164(many, "DE")', "too many values"),
        ("lower(upper(many))", "too many values"),
        ("upper(sharp)", "more than 2,048 characters"),
        ("long + long", "more than 2,048 characters"),
        ('replace(long, "a", "bb")', "more than 2,048 characters"),
        ("+".join(["co"] * 51), "more than 100 parts"),
        ("lower(" * 25 + "co" + ")" * 25, "more than 24 levels"),
        (f'"{"a" * 1000}"', "at most 1,000 are allowed"),
    ],
)
def test_each_limit_is_said(typed: str, said: str) -> None:
    values: dict[str, Value] = {"long": LONG, "many": MANY, "co": "DE", "sharp": "ß" * MOST_CHARACTERS}
    given = _given(typed, values)
    assert isinstance(given, MappingError)
    assert said in given.sentence
