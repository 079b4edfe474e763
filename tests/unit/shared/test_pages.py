"""Snapshot pages: what is stored is what is read, for any text a directory may hold."""

from hypothesis import given
from hypothesis import strategies as st

from shared.database import pages
from shared.domain.extension import Extension, Membership
from shared.domain.person import AbsentPerson, AccountState, Person

TEXT = st.text(max_size=40)

PEOPLE = st.builds(
    Person,
    guid=st.uuids().map(str),
    distinguished_name=TEXT,
    unit=TEXT,
    first_name=TEXT,
    number=st.none() | st.from_regex(r"\A[0-9]{2,6}\Z"),
    number_problem=st.none() | TEXT,
    departments=st.lists(TEXT, max_size=3).map(tuple),
    account_state=st.sampled_from(AccountState),
    usn=st.integers(min_value=0, max_value=2**62),
)
EXTENSIONS = st.builds(
    Extension,
    id=st.integers(min_value=1),
    number=TEXT,
    enabled=st.booleans(),
    memberships=st.lists(st.builds(Membership, st.integers(), TEXT, TEXT), max_size=3).map(tuple),
    primary_department_id=st.none() | st.integers(),
)


@given(st.lists(PEOPLE, max_size=5))
def test_people_survive_a_page(people: list[Person]) -> None:
    rows = pages.unpack(pages.pack([pages.person_row(person) for person in people]))
    assert [pages.row_person(row) for row in rows] == people


@given(st.lists(EXTENSIONS, max_size=5))
def test_extensions_survive_a_page(extensions: list[Extension]) -> None:
    rows = pages.unpack(pages.pack([pages.extension_row(extension) for extension in extensions]))
    assert [pages.row_extension(row) for row in rows] == extensions


@given(st.builds(AbsentPerson, TEXT, st.booleans(), TEXT))
def test_the_absent_survive_a_page(absent: AbsentPerson) -> None:
    (row,) = pages.unpack(pages.pack([pages.absent_row(absent)]))
    assert pages.row_absent(row) == absent
