"""People without a number are given the next free one of their unit's range, and keep it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.reconciler.planner import make_plan
from shared.domain.binding import Binding
from shared.domain.extension import Extension, Peer, PhoneSystemSnapshot
from shared.domain.numbers import GivenNumber
from shared.domain.owed import Owed
from shared.domain.person import AccountState, Person
from shared.domain.plan import Plan, Severity
from shared.domain.rules import Exclusion, ExclusionKind, NumberOrder, NumberRange, Outcome, Rules, UnitRule
from tests.builders.domain import (
    SALES,
    SUPPORT,
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
    make_units,
)
from tests.unit.reconciler.scenario import codes, only_finding, steps

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RANGE = NumberRange("230", "239", SALES)


def _without(index: int = 1, **changes: Any) -> Person:
    return make_person(index, **({"number": None} | changes))


def _given(number: str, index: int = 1, **changes: Any) -> GivenNumber:
    values: dict[str, Any] = {"person_name": f"Anna{index} Berg{index}", "given_at": NOW, "is_used": True}
    return GivenNumber(number, guid(index) if index else "", **(values | changes))


def _rules(*ranges: NumberRange, **changes: Any) -> Rules:
    return make_rules(number_ranges=ranges or (RANGE,), **changes)


def _plan(
    people: Iterable[Person],
    extensions: Iterable[Extension] | PhoneSystemSnapshot = (),
    bindings: Iterable[Binding] = (),
    known: Iterable[GivenNumber] = (),
    rules: Rules | None = None,
    owed: Iterable[Owed] = (),
    now: datetime = NOW,
    **unit: Any,
) -> Plan:
    phone_system = (
        extensions if isinstance(extensions, PhoneSystemSnapshot) else make_phone_system(extensions)
    )
    listed = list(people)
    return make_plan(
        listed, phone_system, bindings, (), rules or _rules(), make_units(len(listed), **unit), (), owed,
        known_numbers=known, now=now,
    )  # fmt: skip


def test_somebody_without_a_number_gets_the_next_free_one_and_the_plan_says_so() -> None:
    plan = _plan([_without(1), _without(2)])
    assert steps(plan) == ["create 230", "create 231"]
    first = plan.commands[0]
    assert (
        first.reason
        == f"Anna1 Berg1 is in {SALES} without a number and gets 230, the next free number of 230-239 (Sales)."
    )
    assert first.after["number"] == "230"
    assert [(item.number, item.person_guid, item.is_used) for item in plan.numbers_reserved] == [
        ("230", guid(1), False),
        ("231", guid(2), False),
    ]


def test_the_plan_says_where_the_number_is_written() -> None:
    plan = _plan([_without(1)], rules=_rules(write_back_attribute="ipPhone"))
    assert plan.commands[0].reason.endswith("(Sales). It is then written to ipPhone in the directory.")


def test_without_a_range_for_their_unit_nobody_is_given_a_number() -> None:
    assert steps(_plan([_without(1, unit=SUPPORT)])) == []
    assert steps(_plan([_without(1, unit=SUPPORT)], rules=_rules(NumberRange("230", "239")))) == [
        "create 230"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"account_state": AccountState.DISABLED},
        {"account_state": AccountState.EXPIRED},
        {"number_problem": "no number in it"},
        {"first_name": "Bob", "display_name": "Bob"},
    ],
)
def test_out_of_use_unreadable_and_excluded_people_are_given_none(changes: dict[str, Any]) -> None:
    rules = _rules(exclusions=(Exclusion(ExclusionKind.CONTAINS, "Bob"),))
    plan = _plan([_without(1, **changes)], rules=rules)
    assert (steps(plan), plan.numbers_reserved) == ([], ())


def test_numbers_that_are_anybodys_or_nobody_may_have_are_passed_over() -> None:
    rules = _rules(
        NumberRange("229", "241", SALES, ("229", "239-240")),
        reserved_numbers=("230",),
        exclusions=(Exclusion(ExclusionKind.NUMBERS, "237"),),
        units=(UnitRule(SALES, "238"), UnitRule(SUPPORT)),
    )
    phone_system = make_phone_system(
        [make_extension(31, number="231"), make_extension(38, number="238")], peers=(Peer("232", "Queue"),)
    )
    plan = _plan(
        [
            _without(1),
            make_person(2, number="233", account_state=AccountState.DISABLED),
        ],
        phone_system,
        [make_binding(9, number="234", extension_id=77)],
        [_given("235", 7)],
        rules,
        [Owed("236", guid(8), "Anna8 Berg8")],
    )
    assert [command.number for command in plan.commands if command.person_guid == guid(1)] == ["241"]


def test_lengths_that_3cx_does_not_have_are_passed_over() -> None:
    rules = _rules(NumberRange("30", "31", SALES), NumberRange("300", "309", SALES))
    plan = _plan([_without(1)], make_phone_system(number_lengths=(3,)), rules=rules)
    assert steps(plan) == ["create 300"]


def test_leading_zeros_stay() -> None:
    assert steps(_plan([_without(1)], rules=_rules(NumberRange("0098", "0102", SALES, ("0098-0099",))))) == [
        "create 0100"
    ]


def test_a_second_range_of_a_unit_follows_the_first() -> None:
    rules = _rules(NumberRange("250", "251", SALES), NumberRange("230", "239", SALES))
    plan = _plan([_without(index) for index in (1, 2, 3)], rules=rules)
    assert steps(plan) == ["create 230", "create 250", "create 251"]
    assert "the next free number of 230-239 (Sales)" in plan.commands[0].reason


def test_nobody_gets_a_new_number_before_every_unit_is_read() -> None:
    plan = _plan([_without(1), _without(2)], known=[_given("230", 1, is_used=False)], is_complete=False)
    # Whoever was not read may have it in the directory; what is kept for somebody is theirs.
    assert steps(plan) == ["create 230"]
    assert "1 change waits" in only_finding(plan).message


def test_a_number_that_was_given_is_no_number_cleared() -> None:
    plan = _plan(
        [_without(1)], [make_extension(1, number="231")], [make_binding(1, number="231")], [_given("231")]
    )
    assert (steps(plan), codes(plan)) == ([], [])


def test_it_is_kept_when_the_range_is_changed_or_taken_away() -> None:
    bound = [make_extension(1, number="231")], [make_binding(1, number="231")], [_given("231")]
    for rules in (
        _rules(NumberRange("300", "399", SALES)),
        make_rules(),
        _rules(NumberRange("230", "239", SUPPORT)),
    ):
        assert steps(_plan([_without(1)], *bound, rules)) == []
    # Not so for a number that was only kept, without an extension yet.
    plan = _plan(
        [_without(1)], known=[_given("231", is_used=False)], rules=_rules(NumberRange("300", "399", SALES))
    )
    assert (steps(plan), plan.numbers_forgotten) == (["create 300"], ("231",))


def test_with_a_range_an_emptied_attribute_takes_no_extension_away() -> None:
    emptied = [_without(1)], [make_extension(1)], [make_binding(1)]
    assert steps(_plan(*emptied, rules=make_rules())) == ["disable 201"]
    assert steps(_plan(*emptied)) == []


def test_an_emptied_attribute_is_one_when_the_directory_gives_the_number_to_somebody_else() -> None:
    plan = _plan([_without(1), make_person(2, number="201")], [make_extension(1)], [make_binding(1)])
    assert steps(plan) == ["disable 201", "delete 201", "wave 1: create 201"]


def test_a_number_in_the_directory_comes_before_a_given_one() -> None:
    bound = [make_extension(1, number="231")], [make_binding(1, number="231")], [_given("231")]
    plan = _plan([make_person(1, number="205")], *bound)
    assert steps(plan) == ["renumber 231 205", "disable 231", "delete 231"]
    # Then it is nobody's, and rests.
    after = _plan(
        [make_person(1, number="205")],
        [make_extension(1, number="205")],
        [make_binding(1, number="205")],
        [_given("231")],
    )
    assert [(item.number, item.released_at) for item in after.numbers_changed] == [("231", NOW)]


def test_a_number_that_stands_in_the_directory_by_now_stays_the_persons() -> None:
    bound = [make_extension(1, number="231")], [make_binding(1, number="231")], [_given("231")]
    plan = _plan([make_person(1, number="231")], *bound)
    assert (steps(plan), plan.numbers_changed, plan.numbers_forgotten) == ([], (), ())


def test_the_directory_wins_over_a_number_that_is_only_kept() -> None:
    plan = _plan([_without(1), make_person(2, number="230")], known=[_given("230", is_used=False)])
    assert [(command.number, command.person_guid) for command in plan.commands] == [
        ("230", guid(2)),
        ("231", guid(1)),
    ]


def test_somebody_who_has_a_given_number_is_not_driven_out_by_the_directory() -> None:
    bound = [make_extension(1, number="231")], [make_binding(1, number="231")], [_given("231")]
    plan = _plan([_without(1), make_person(2, number="231")], *bound)
    assert steps(plan) == []
    said = only_finding(plan).message
    assert "is Anna1 Berg1's, assigned by Rollcall, but the directory gives it to Anna2 Berg2" in said


def test_planning_again_gives_the_same_numbers_whoever_joins_meanwhile() -> None:
    first = _plan([_without(2), _without(3)])
    kept = first.numbers_reserved
    again = _plan([_without(1), _without(2), _without(3)], known=kept)
    assert {command.person_guid: command.number for command in again.commands} == {
        guid(2): "230", guid(3): "231", guid(1): "232",
    }  # fmt: skip
    assert [item.person_guid for item in again.numbers_reserved] == [guid(1)]


def test_what_was_made_before_a_crash_is_taken_over_and_not_made_again() -> None:
    made = make_extension(1, number="230")
    plan = _plan([_without(1)], [made], known=[_given("230", is_used=False)])
    assert steps(plan) == ["adopt 230"]


def test_a_kept_number_that_somebody_took_in_3cx_is_replaced_by_the_next() -> None:
    plan = _plan([_without(1)], [make_extension(5, number="230")], known=[_given("230", is_used=False)])
    assert steps(plan) == ["create 231"]


def test_whoever_has_an_extension_under_their_address_is_given_no_second_one() -> None:
    mine = make_extension(1, number="777")
    assert steps(_plan([_without(1)], [mine])) == ["adopt 777"]
    assert steps(_plan([_without(1, email="")], [mine])) == ["create 230"]


def test_whoever_comes_back_gets_their_number_again_if_it_still_is_theirs() -> None:
    gone = _given("233", released_at=NOW - timedelta(days=400))
    plan = _plan([_without(1), _without(2)], known=[gone])
    assert {command.person_guid: command.number for command in plan.commands} == {
        guid(1): "233",
        guid(2): "230",
    }
    assert "gets 233 again, which they had before" in plan.commands[1].reason
    assert plan.numbers_reserved[1].is_used
    # Somebody else's by now.
    plan = _plan(
        [_without(1)],
        [make_extension(2, number="233")],
        [make_binding(2, number="233")],
        [replace(gone, person_guid=guid(2), released_at=None)],
    )
    assert "create 230" in steps(plan)


@pytest.mark.parametrize(("days", "number"), [(29, "232"), (31, "230")])
def test_the_number_of_a_leaver_rests_for_so_many_days(days: int, number: str) -> None:
    known = [_given("230", 8, released_at=NOW - timedelta(days=days)), _given("231", 9)]
    extensions, bindings = [make_extension(9, number="231")], [make_binding(9, number="231")]
    plan = _plan([_without(1)], extensions, bindings, known)
    assert f"create {number}" in steps(plan)


def test_the_number_unused_for_longest_comes_next_when_the_range_says_so() -> None:
    item = NumberRange("230", "232", SALES, order=NumberOrder.LEAST_RECENTLY_USED)
    known = [
        _given("230", 8, released_at=NOW - timedelta(days=50)),
        _given("231", 9, released_at=NOW - timedelta(days=60)),
    ]
    plan = _plan([_without(index) for index in (1, 2, 3)], known=known, rules=_rules(item))
    assert {command.person_guid: command.number for command in plan.commands} == {
        guid(1): "232", guid(2): "231", guid(3): "230",
    }  # fmt: skip


def test_a_number_of_the_directory_rests_as_well_when_its_extension_is_deleted() -> None:
    rules = _rules(when_disabled=Outcome.DELETE)
    leaver = make_person(1, number="230", account_state=AccountState.DISABLED)
    bound = [make_extension(1, number="230")], [make_binding(1, number="230")]
    noted = _plan([leaver], *bound, rules=rules).numbers_changed
    assert [(item.number, item.person_guid, item.is_used) for item in noted] == [("230", "", True)]
    # Still there: not free. Gone: it rests, for everybody but whom the directory gives it to.
    assert _plan([leaver], *bound, known=noted, rules=rules).numbers_changed == ()
    later = _plan([make_person(2)], known=noted, rules=rules).numbers_changed
    assert [(item.number, item.released_at) for item in later] == [("230", NOW)]
    assert "create 231" in steps(_plan([_without(3)], known=later, rules=rules))
    assert steps(_plan([make_person(3, number="230")], known=later, rules=rules)) == ["create 230"]


def test_a_number_is_in_use_when_its_extension_is_linked_and_free_again_when_it_is_gone() -> None:
    kept = _given("231", is_used=False)
    bound = [make_extension(1, number="231")], [make_binding(1, number="231")]
    assert [item.is_used for item in _plan([_without(1)], *bound, known=[kept]).numbers_changed] == [True]
    out = [make_person(2), _without(1, account_state=AccountState.DISABLED)]
    assert _plan(out, *bound, known=[_given("231")]).numbers_changed == ()
    assert [item.released_at for item in _plan(out, known=[_given("231")]).numbers_changed] == [NOW]
    # A reading that is not whole proves nothing.
    assert _plan(out, known=[_given("231")], is_complete=False).numbers_changed == ()


def test_a_number_is_not_free_while_an_extension_has_it_whoever_it_is_linked_to() -> None:
    unlinked = make_extension(1, number="231")
    out = [make_person(2), _without(1, account_state=AccountState.DISABLED)]
    plan = _plan(out, [unlinked], known=[_given("231")])
    assert [item for item in plan.numbers_changed if item.number == "231"] == []


@pytest.mark.parametrize(("taken", "found"), [(18, []), (19, ["number_range_low"])])
def test_the_end_of_a_range_is_told_early(taken: int, found: list[str]) -> None:
    extensions = [make_extension(index, number=str(500 + index)) for index in range(taken)]
    plan = _plan(
        [make_person(90, number=None, unit=SUPPORT)],
        extensions,
        rules=_rules(NumberRange("500", "519", SALES)),
    )
    assert codes(plan) == found
    if found:
        assert "1 of 20 numbers of the range 500-519 (Sales) are left." in only_finding(plan).message


def test_whoever_gets_none_because_the_range_is_used_up_is_named() -> None:
    rules = _rules(NumberRange("230", "231", SALES))
    resting = [_given("231", 9, released_at=NOW)]
    plan = _plan([_without(1), _without(2)], known=resting, rules=rules)
    assert steps(plan) == ["create 230"]
    finding = only_finding(plan)
    assert (finding.code.value, finding.severity, finding.person_guids) == (
        "number_range_empty",
        Severity.CONFLICT,
        (guid(2),),
    )
    assert "none of its 2 numbers is left, 1 is kept free for some time" in finding.message
    # Used up, and nobody waits for a number: a warning.
    plan = _plan([_without(1)], known=resting, rules=rules)
    assert [(item.code.value, item.severity) for item in plan.findings] == [
        ("number_range_empty", Severity.WARNING)
    ]


def test_a_number_changed_by_hand_in_3cx_is_told_with_who_gave_it() -> None:
    plan = _plan(
        [_without(1)], [make_extension(1, number="240")], [make_binding(1, number="231")], [_given("231")]
    )
    assert steps(plan) == []
    assert "but Rollcall gave them 231." in only_finding(plan).message
