"""The rule never guesses: whatever gets into a value, it gives the same number or a problem, never another number."""

from hypothesis import example, given
from hypothesis import strategies as st

from services.collector.numbers import NumberOptions, read_number

INSTALLED = NumberOptions()
LAST_THREE = NumberOptions(last_digits=3)
SHORT = ["204", "0204", "1204", "20", "x204", "ext. 204", "#204", "Durchwahl 204", "Tel. 204", "tel:204"]
MARKED = [
    "+1 801 555 0123 x204",
    "(801) 555-0123 ext 204",
    "tel:+1-801-555-0123;ext=204",
    "+49 30 901820 DW 204",
]
FULL = [
    "+1 801 555 0123", "+1 (801) 555-0123", "801-555-0123", "801.555.0123", "+49 30 901820-204", "+49 (0)30 901820204",
    "030/1234567", "(030) 901820-204", "0049 30 901820204", "+41 44 123 45 67", "044.123.45.67", "+33 1 23 45 67 89",
    "01.23.45.67.89", "08-123 456 78", "020 7946 0958", "+44 (0)20 7946 0958", "1234567", "+49 30 123456 7890",
]  # fmt: skip
READINGS = [(value, INSTALLED) for value in SHORT + MARKED] + [
    (value, LAST_THREE) for value in SHORT + MARKED + FULL
]

# Everything but the digits 0 to 9: with one of these more, a number is simply another one.
_LOOKALIKES = "０２٤۴२²½Ⅳ④х٫⁄∕／"
_UNSEEN = "\u200b\u200d\u202a\u202c\u2066\u2069\u00ad\ufeff\u034f\u3164\ufe0f\U000e0031"
_SEPARATORS = " \t\u00a0\u2009()[]/\\|-–—.,;:+*#&=_'\"~"
_PIECES = [
    "x",
    "X",
    "ext",
    "ext. ",
    "DW ",
    "App.",
    "Tel. ",
    "tel:",
    "fax",
    "or",
    " und ",
    "(0)",
    "e",
    "o",
    "O",
    "l",
]
nothing_of_digits = st.lists(
    st.sampled_from([*_LOOKALIKES, *_UNSEEN, *_SEPARATORS, *[piece for piece in _PIECES if "0" not in piece]])
    | st.characters(exclude_characters="0123456789", exclude_categories=["Cs"]),
    min_size=1,
    max_size=4,
).map("".join)
_BETWEEN = [
    "/",
    " / ",
    ", ",
    ",",
    "; ",
    ";",
    "|",
    " & ",
    "&",
    "+",
    " + ",
    " or ",
    " oder ",
    " und ",
    " et ",
    "\\",
    ":",
    "=>",
]
second_numbers = st.sampled_from(
    ["205", "0205", "20", "5", "x205", "ext. 205", "+49 30 901820-205", "030/9876543"]
)


def _with(value: str, place: int, inserted: str) -> str:
    place %= len(value) + 1
    return value[:place] + inserted + value[place:]


@given(reading=st.sampled_from(READINGS), inserted=nothing_of_digits, place=st.integers(0, 40))
@example(("+49 30 123456 7890", LAST_THREE), "x", 14)
@example(("+49 30 123456 7890", LAST_THREE), " ext. ", 11)
@example(("1204", LAST_THREE), "x", 1)
@example(("204", INSTALLED), "x", 1)
@example(("204", INSTALLED), "/", 2)
def test_what_is_no_digit_never_makes_another_number(
    reading: tuple[str, NumberOptions], inserted: str, place: int
) -> None:
    value, options = reading
    number = read_number(value, options).number
    assert number
    now = read_number(_with(value, place, inserted), options)
    assert now.number == number or (now.number is None and now.problem), now


@given(
    reading=st.sampled_from(READINGS),
    between=st.sampled_from(_BETWEEN),
    second=second_numbers,
    is_in_front=st.booleans(),
)
def test_a_second_number_never_wins(
    reading: tuple[str, NumberOptions], between: str, second: str, is_in_front: bool
) -> None:
    value, options = reading
    number = read_number(value, options).number
    both = f"{second}{between}{value}" if is_in_front else f"{value}{between}{second}"
    now = read_number(both, options)
    # An extension that is marked behind a full phone number is what the form is for.
    is_marked = value in FULL and between in (", ", ",", "; ", ";") and second in ("x205", "ext. 205")
    assert now.number in (number, None) or (is_marked and now.number == "205"), now
    assert now.number or now.problem


@given(
    reading=st.sampled_from(READINGS),
    left=st.sampled_from(_BETWEEN),
    second=second_numbers,
    right=st.sampled_from(_BETWEEN),
    place=st.integers(0, 40),
)
@example(("0204", LAST_THREE), "+", "205", "/", 0)
def test_a_second_number_in_the_middle_never_wins(
    reading: tuple[str, NumberOptions], left: str, second: str, right: str, place: int
) -> None:
    value, options = reading
    now = read_number(_with(value, place, f"{left}{second}{right}"), options)
    assert now.number in (read_number(value, options).number, None), now


@given(reading=st.sampled_from(READINGS), inserted=st.sampled_from(_UNSEEN), place=st.integers(0, 40))
def test_what_nobody_can_see_changes_nothing(
    reading: tuple[str, NumberOptions], inserted: str, place: int
) -> None:
    value, options = reading
    assert read_number(_with(value, place, inserted), options).number == read_number(value, options).number
