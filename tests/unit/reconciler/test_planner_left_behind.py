"""Former extensions of people with a new number, which an earlier run could not remove."""

from typing import Any

import pytest

from shared.domain.binding import LeftBehind
from shared.domain.rules import ArchiveRule, Exclusion, ExclusionKind
from tests.builders.domain import guid, make_binding, make_extension, make_person, make_rules
from tests.unit.reconciler.scenario import codes, plan_of, steps

# Anna1 had 201 (id 1001) and has 205 (id 1005) now.
LEFT = LeftBehind(guid(1), "Anna1 Berg1", 1001, "Anna1", "Berg1", "205")
ANNA = make_person(1, number="205")
NEW = make_extension(5, first_name="Anna1", last_name="Berg1", email=ANNA.email)
BINDING = make_binding(1, extension_id=1005, number="205")


def _old(**changes: Any) -> Any:
    return make_extension(1, email="", **changes)


def test_what_was_left_behind_goes_as_soon_as_it_can() -> None:
    plan = plan_of(
        [ANNA],
        [_old(enabled=False), NEW],
        [BINDING],
        rules=make_rules(archive=ArchiveRule("999")),
        left_behind=[LEFT],
    )
    assert steps(plan) == ["archive 201", "delete 201"]
    assert {command.person_guid for command in plan.commands} == {guid(1)}
    assert steps(plan_of([ANNA], [_old(), NEW], [BINDING], left_behind=[LEFT])) == [
        "disable 201",
        "delete 201",
    ]
    assert steps(plan_of([ANNA], [NEW], [BINDING], left_behind=[LEFT])) == []


@pytest.mark.parametrize(
    ("old", "more"),
    [
        # Given to somebody else by hand, or bound to somebody since.
        (_old(first_name="Otto"), {}),
        (_old(first_name="Anna1"), {"bindings": [BINDING, make_binding(2)]}),
        (_old(), {"rules": make_rules(exclusions=(Exclusion(ExclusionKind.NUMBERS, "201"),))}),
        (_old(), {"rules": make_rules(exclusions=(Exclusion(ExclusionKind.EXACT, "Anna1 Berg1"),))}),
    ],
)
def test_what_serves_somebody_else_by_now_or_is_excluded_stays(old: Any, more: dict[str, Any]) -> None:
    bindings = more.pop("bindings", [BINDING])
    if len(bindings) > 1:
        bindings[1] = make_binding(2, extension_id=1001, number="201")
    people = [ANNA, make_person(2, number="201", first_name="Anna1", last_name="Berg1", email="")]
    plan = plan_of(people[: len(bindings)], [old, NEW], bindings, left_behind=[LEFT], **more)
    assert "delete 201" not in steps(plan)


def test_a_newcomer_gets_the_number_left_behind_in_the_same_plan() -> None:
    people = [ANNA, make_person(2, number="201")]
    plan = plan_of(people, [_old(), NEW], [BINDING], left_behind=[LEFT])
    assert (steps(plan), codes(plan)) == (["disable 201", "delete 201", "wave 1: create 201"], [])


def test_back_to_the_former_number_means_a_new_extension_once_the_old_one_is_gone() -> None:
    plan = plan_of([make_person(1)], [_old(enabled=False), NEW], [BINDING], left_behind=[LEFT])
    assert steps(plan) == [
        "delete 201",
        "wave 1: renumber 205 201",
        "wave 1: disable 205",
        "wave 1: delete 205",
    ]


def test_an_incomplete_snapshot_disables_what_was_left_behind_and_deletes_nothing() -> None:
    plan = plan_of([ANNA], [_old(), NEW], [BINDING], left_behind=[LEFT], is_complete=False)
    assert (steps(plan), codes(plan)) == (["disable 201"], ["incomplete_snapshot"])
