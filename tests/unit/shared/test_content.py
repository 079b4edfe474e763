"""Two controllers that show the same people with the same values give the same digest, and no others do."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.content import digest_of, together
from shared.domain.person import AbsentPerson, AccountState, Person
from tests.builders.domain import guid, make_person

PEOPLE = [make_person(index, usn=index) for index in range(1, 6)]


@given(st.permutations(PEOPLE), st.integers(0, 5))
def test_neither_order_nor_pages_nor_the_count_of_a_controller_matter(people: list[Person], cut: int) -> None:
    shown = [replace(person, usn=person.usn + 1000) for person in people]
    assert digest_of(shown[cut:], digest_of(shown[:cut])) == digest_of(PEOPLE)
    assert together([digest_of(shown[:cut]), digest_of(shown[cut:])]) == digest_of(PEOPLE)


def test_every_value_matters() -> None:
    person = PEOPLE[0]
    others = [
        replace(person, first_name="Other"), replace(person, number=None), replace(person, email=""),
        replace(person, account_state=AccountState.DISABLED), replace(person, unit="OU=Else"),
        replace(person, departments=("Sales",)), replace(person, mobile="1"),
    ]  # fmt: skip
    assert len({digest_of([each]) for each in [person, *others]}) == len(others) + 1
    assert digest_of([]) == 0
    assert digest_of([person, person]) != digest_of([person])


def test_of_somebody_absent_it_matters_whether_they_are_anywhere() -> None:
    assert digest_of([AbsentPerson(guid(1), True, "CN=a")]) == digest_of(
        [AbsentPerson(guid(1), True, "CN=b")]
    )
    assert digest_of([AbsentPerson(guid(1), True)]) != digest_of([AbsentPerson(guid(1), False)])
