"""An attribute that most people had and nobody has any more waits for a person before it empties anything."""

from dataclasses import replace

import pytest

from services.reconciler.guards import judge
from shared.domain.extension import Department, Membership
from shared.domain.person import AccountState, Person
from shared.domain.plan import Plan
from shared.domain.rules import DepartmentMode, Limits, RunFacts
from tests.builders.domain import (
    DEFAULT,
    SALES,
    SUPPORT,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
)  # fmt: skip
from tests.unit.reconciler.scenario import plan_of

EIGHT = range(1, 9)


def _judged(people: list[Person], **extension: str) -> tuple[Plan, list[tuple[str, str | None]]]:
    plan = plan_of(
        people,
        [make_extension(index, **extension) for index in EIGHT],
        [make_binding(index) for index in EIGHT],
    )
    reasons = judge(plan, RunFacts(), Limits()).reasons
    return plan, [(reason.code, reason.unit) for reason in reasons]


def test_addresses_that_are_empty_for_everybody_wait() -> None:
    plan, reasons = _judged([make_person(index, email="") for index in EIGHT])
    assert reasons == [("attribute_emptied", None), ("attribute_emptied", SALES)]
    verdict = judge(plan, RunFacts(), Limits())
    assert set(verdict.held) == {row.sequence for row in plan.commands}
    assert verdict.reasons[0].message.startswith(
        "All units together: 8 of 8 people with an extension had a value for email, and the "
        "directory no longer shows any of them."
    )


def test_numbers_that_are_empty_for_everybody_take_nobodys_extension() -> None:
    plan, reasons = _judged([make_person(index, number=None) for index in EIGHT])
    assert plan.counts == {"disable_extension": 8}
    assert reasons[0] == ("attribute_emptied", None)


def test_one_unit_is_enough_and_the_others_go_on() -> None:
    people = [make_person(index, email="", unit=SUPPORT) for index in (1, 2, 3)]
    people += [make_person(index, mobile="5") for index in range(4, 9)]
    plan, reasons = _judged(people)
    assert reasons == [("attribute_emptied", SUPPORT)]
    held = judge(plan, RunFacts(), Limits()).held
    assert {row.number for row in plan.commands if row.sequence in held} == {"201", "202", "203"}


@pytest.mark.parametrize(
    "people",
    [
        [make_person(1, email=""), *map(make_person, range(2, 9))],
        [make_person(index, email="" if index < 5 else f"{index}@corp.example.test") for index in EIGHT],
        [make_person(index, email=f"new{index}@corp.example.test") for index in EIGHT],
        [make_person(index, account_state=AccountState.DISABLED, number=None) for index in EIGHT[:4]]
        + [make_person(index) for index in EIGHT[4:]],
    ],
    ids=["one person's", "of half of them", "other addresses", "disabled accounts"],
)
def test_what_a_usual_day_brings_is_not_held_for_it(people: list[Person]) -> None:
    assert ("attribute_emptied", None) not in _judged(people)[1]


def test_an_attribute_that_few_people_had_may_be_emptied() -> None:
    people = [make_person(index) for index in EIGHT]
    extensions = [make_extension(index, mobile="5" if index < 4 else "") for index in EIGHT]
    plan = plan_of(people, extensions, [make_binding(index) for index in EIGHT])
    assert plan.counts == {"update_extension": 3}
    assert judge(plan, RunFacts(), Limits()).held == {}
    assert judge(replace(plan, emptied=()), RunFacts(), Limits()).held == {}


@pytest.mark.parametrize("mode", DepartmentMode)
def test_departments_that_are_empty_for_everybody_take_nobody_out_of_theirs(mode: DepartmentMode) -> None:
    sales = Department(2, "Sales")
    extensions = [
        make_extension(index, memberships=(Membership(2, "Sales"),), primary_department_id=2)
        for index in EIGHT
    ]
    plan = plan_of(
        [make_person(index) for index in EIGHT],
        make_phone_system(extensions, departments=(DEFAULT, sales)),
        [make_binding(index) for index in EIGHT],
        rules=make_rules(add_to_departments=True, create_missing_departments=True, department_mode=mode),
    )
    assert plan.commands == ()
