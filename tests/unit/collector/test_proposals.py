"""What is proposed for the extension number, and in which order."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.collector.numbers import NumberOptions
from services.collector.proposals import Example, Proposal, propose, tried

NAMES = {
    name.lower(): name
    for name in ("mobile", "telephoneNumber", "ipPhone", "otherTelephone", "extensionAttribute1", "company")
}
OPTIONS = NumberOptions()


def _people(*people: Mapping[str, str | list[str]]) -> list[dict[str, list[str]]]:
    return [
        {name.lower(): value if isinstance(value, list) else [value] for name, value in person.items()}
        for person in people
    ]


def _proposed(people: list[dict[str, list[str]]], options: NumberOptions = OPTIONS) -> list[Proposal]:
    return propose(people, NAMES, options)


def _source(proposal: Proposal) -> tuple[str, int | None]:
    return proposal.source, proposal.last_digits


def test_what_gives_most_people_a_number_of_their_own_comes_first() -> None:
    both = ({"telephoneNumber": "100", "ipPhone": f"20{index}"} for index in range(3))
    people = _people(*both, {"telephoneNumber": "100"}, {"telephoneNumber": "100"})
    first, *others = _proposed(people)
    assert (_source(first), first.numbers, first.usable, first.people) == (("ipPhone", None), 3, 3, 5)
    # One number for all is a number for nobody.
    switchboard = next(item for item in others if _source(item) == ("telephoneNumber", None))
    assert (switchboard.numbers, switchboard.usable) == (5, 0)


def test_the_fewest_last_digits_that_tell_people_apart_are_proposed() -> None:
    people = _people(
        *(
            {"displayName": f"Person {index}", "telephoneNumber": f"+49 30 1100{index}1"}
            for index in range(200, 230)
        )
    )
    first = _proposed(people)[0]
    assert (_source(first), first.usable) == (("telephoneNumber", 3), 30)
    assert first.examples[0] == Example("Person 200", "+49 30 11002001", "001")
    assert len(first.examples) == 3
    spread = _people(*({"telephoneNumber": f"+49 30 110{index}1"} for index in range(1000, 1300)))
    assert _source(_proposed(spread)[0]) == ("telephoneNumber", 4)


def test_a_private_number_is_never_shortened_and_comes_after_everything_else() -> None:
    people = _people(
        *(
            {"mobile": f"+49 171 55{index}", **({"ipPhone": str(index)} if index % 2 else {})}
            for index in range(200, 210)
        )
    )
    assert list(map(_source, _proposed(people))) == [("ipPhone", None)]
    # Where the settings say so already, it is offered all the same.
    assert list(map(_source, _proposed(people, NumberOptions(last_digits=3)))) == [
        ("ipPhone", 3),
        ("mobile", 3),
    ]


def test_people_who_get_a_number_of_their_own_are_the_examples() -> None:
    people = _people(
        *({"cn": f"Shared {index}", "ipPhone": "100"} for index in range(4)), {"cn": "Ada", "ipPhone": "204"}
    )
    assert tried("ipPhone", people, OPTIONS).examples == (Example("Ada", "204", "204"),)
    assert [example.name for example in tried("ipPhone", people[:4], OPTIONS).examples] == [
        "Shared 0",
        "Shared 1",
        "Shared 2",
    ]


def test_last_digits_that_the_settings_name_are_not_guessed_again() -> None:
    people = _people({"telephoneNumber": "+49 30 1234204"}, {"telephoneNumber": "+49 30 1234205"})
    assert list(map(_source, _proposed(people, NumberOptions(last_digits=4)))) == [("telephoneNumber", 4)]


def test_two_attributes_together_are_proposed_when_more_people_get_a_number() -> None:
    people = _people({"ipPhone": "204"}, {"extensionAttribute1": "205"}, {"extensionAttribute1": "206"})
    first, second, third = _proposed(people)[0], *_proposed(people)[-2:]
    assert (first.source, first.usable) == ("first(extensionAttribute1, ipPhone)", 3)
    assert {second.source, third.source} <= {
        "ipPhone",
        "extensionAttribute1",
        "first(ipPhone, extensionAttribute1)",
    }
    # Everybody has one already.
    assert [item.source for item in _proposed(_people({"ipPhone": "204"}, {"ipPhone": "205"}))] == ["ipPhone"]


@pytest.mark.parametrize(
    "people",
    [[], [{}], [{"company": "Example"}], [{"telephoneNumber": "20/21"}, {"telephoneNumber": "none"}]],
)
def test_what_gives_nobody_a_number_is_never_proposed(people: list[dict[str, Any]]) -> None:
    assert _proposed(_people(*people)) == []


def test_an_attribute_is_preferred_to_an_expression_that_gives_no_more() -> None:
    people = _people(
        *(
            {"telephoneNumber": f"+49 30 12345{index}", "extensionAttribute1": f"2{index}"}
            for index in range(10, 20)
        )
    )
    assert [_source(item) for item in _proposed(people)] == [
        ("extensionAttribute1", None),
        ("telephoneNumber", 3),
    ]
