"""What the client writes into filters, and what it may write back."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.relay_client.xapi.odata import any_of, quoted, without_annotations
from services.sandbox.phone_system.filters import parse_filter
from services.sandbox.phone_system.schema import USER

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Id", "Name", "@odata.type", "@odata.context"]), inner)
    ),
    max_leaves=15,
)


def test_quotes_inside_a_text_are_doubled() -> None:
    assert quoted("O'Brien") == "'O''Brien'"
    assert quoted("'") == "''''"


@given(wanted=st.lists(TEXTS, min_size=1, max_size=5), other=TEXTS)
def test_a_filter_selects_exactly_the_texts_that_were_asked_for(wanted: list[str], other: str) -> None:
    selects = parse_filter(any_of("FirstName", map(quoted, wanted)), USER)
    assert all(selects.test({"FirstName": text}) for text in wanted)
    assert selects.test({"FirstName": other}) == (other in wanted)


@given(JSON)
def test_nothing_of_3cx_s_own_annotations_is_written_back(value: Any) -> None:
    cleaned = without_annotations({"value": value})
    assert without_annotations(cleaned) == cleaned
    assert _annotated(cleaned) == 0


def _annotated(value: Any) -> int:
    if isinstance(value, dict):
        return sum(name.startswith("@odata.") + _annotated(item) for name, item in value.items())
    return sum(map(_annotated, value)) if isinstance(value, list) else 0
