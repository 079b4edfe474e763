"""No cell of an export can become a formula, and nothing else of it is changed."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.log.use_cases.formats import guard_formula

STARTS = tuple("=+-@＝＋－＠")


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("", ""),
        ("Created extension 100.", "Created extension 100."),
        ("2026-11-23T12:00:00+00:00", "2026-11-23T12:00:00+00:00"),
        ("a = b; c - d", "a = b; c - d"),
        ("=1+1", "'=1+1"),
        ("-2", "'-2"),
        ("＝1", "'＝1"),
        ("\tx", "'\tx"),
        ("x;=1", "x;'=1"),
        ("x\n@y", "x\n'@y"),
    ],
)
def test_only_what_begins_a_formula_is_guarded(text: str, guarded: str) -> None:
    assert guard_formula(text) == guarded


@given(st.text(alphabet="=+-@;\t\r\n\"', aÄ1|!＝", max_size=12))
def test_no_cell_is_a_formula_whatever_separates_cells(text: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerow([guard_formula(text)])
    # A spreadsheet that knows the comma.
    (cell,) = next(csv.reader(io.StringIO(out.getvalue(), newline="")), [""])
    assert not cell.startswith(STARTS)
    # One that splits at semicolons, tabs and line ends instead.
    for separator in ";\t\r\n":
        assert not any(part.startswith(STARTS) for part in guard_formula(text).split(separator)[1:])


@given(st.text(alphabet="=+-@;\t\r\n aÄ1|!", max_size=12))
def test_taking_the_guards_away_gives_the_text_back(text: str) -> None:
    assert guard_formula(text).replace("'", "") == text
