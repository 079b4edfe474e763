"""Numbers that change, clash, wait for one another or cannot be used."""

from typing import Any

import pytest

from shared.domain.person import AccountState
from shared.domain.plan import FindingCode, Severity
from shared.domain.rules import ArchiveRule, Outcome
from tests.builders.domain import SALES, guid, make_binding, make_extension, make_person, make_rules
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps


def _bound(*numbers: str, **changes: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Persons 1, 2, ... bound to 201, 202, ... whom the directory gives these numbers."""
    places = range(1, len(numbers) + 1)
    people = [make_person(place, number=number) for place, number in zip(places, numbers, strict=True)]
    return (
        people,
        [make_extension(place) for place in places],
        [make_binding(place, **changes) for place in places],
    )


def test_a_changed_number_moves_everything_to_a_new_extension_before_the_old_one_goes() -> None:
    plan = plan_of(*_bound("205"), rules=make_rules(archive=ArchiveRule("999")))
    assert steps(plan) == ["renumber 201 205", "disable 201", "archive 201", "delete 201"]
    assert [command.requires for command in plan.commands] == [(), (1,), (2,), (3,)]
    renumbering = plan.commands[0]
    assert renumbering.before == {
        "number": "201",
        "first_name": "Anna1",
        "last_name": "Berg1",
        "email": "anna1@corp.example.test",
        "enabled": True,
    }
    # By then the renumbering has moved the address.
    assert {command.before["email"] for command in plan.commands[1:]} == {""}
    assert renumbering.after == {
        "number": "205",
        "first_name": "Anna1",
        "last_name": "Berg1",
        "email": "anna1@corp.example.test",
        "mobile": "",
        "enabled": True,
    }
    assert renumbering.extension_id == 1001
    assert plan.commands[1].reason == "Anna1 Berg1 has extension 205 instead."


def test_a_changed_number_waits_for_a_complete_snapshot() -> None:
    plan = plan_of(*_bound("205"), is_complete=False)
    assert (steps(plan), codes(plan)) == ([], ["incomplete_snapshot"])


@pytest.mark.parametrize(
    ("is_ours", "enabled", "findings"), [(True, True, []), (False, False, ["disabled_by_hand"])]
)
def test_a_new_number_does_not_enable_what_was_disabled_by_hand(
    is_ours: bool, enabled: bool, findings: list[str]
) -> None:
    people, (extension,), bindings = _bound("205", disabled_by_rollcall=is_ours)
    disabled = make_extension(1, enabled=False)
    plan = plan_of(people, [disabled], bindings)
    assert (plan.commands[0].after["enabled"], codes(plan)) == (enabled, findings)
    assert steps(plan) == ["renumber 201 205", "delete 201"]
    assert extension.enabled


def test_an_address_that_is_left_as_it_is_moves_to_the_new_number() -> None:
    people, extensions, bindings = _bound("205")
    twin = make_person(2, email="anna1@corp.example.test")
    plan = plan_of([*people, twin], extensions, bindings)
    assert codes(plan) == ["duplicate_email"]
    after = {
        command.number: command.after.get("email") for command in plan.commands if command.after.get("number")
    }
    assert after == {"202": None, "205": "anna1@corp.example.test"}


def test_a_chain_of_numbers_is_executed_from_its_free_end() -> None:
    plan = plan_of(*_bound("202", "203", "204"))
    assert [step for step in steps(plan) if "renumber" in step] == [
        "renumber 203 204",
        "wave 1: renumber 202 203",
        "wave 2: renumber 201 202",
    ]
    assert plan.findings == ()


@pytest.mark.parametrize("numbers", [("202", "201"), ("202", "203", "201")], ids=["exchange", "of three"])
def test_a_cycle_of_numbers_touches_none_of_them(numbers: tuple[str, ...]) -> None:
    plan = plan_of(*_bound(*numbers))
    finding = only_finding(plan)
    assert (plan.commands, finding.code, finding.severity) == (
        (),
        FindingCode.NUMBER_CYCLE,
        Severity.CONFLICT,
    )
    assert finding.person_guids == tuple(guid(place) for place in range(1, len(numbers) + 1))


def test_the_sentence_about_a_cycle() -> None:
    assert only_finding(plan_of(*_bound("202", "201"))).message == (
        "Anna1 Berg1 and Anna2 Berg2 swap their numbers (201 and 202), which 3CX cannot do in one step. "
        "Nothing is changed for them. Give one of them a free number first, start a run, then assign the intended number."
    )


def test_of_two_cycles_with_one_person_in_both_only_addresses_are_given_up() -> None:
    people, extensions, bindings = _bound("202", "205", "201")
    people[0] = make_person(1, number="202", email="anna3@corp.example.test")
    people[1] = make_person(2, number="205", email="anna1@corp.example.test")
    people[2] = make_person(3, number="201", email="")
    plan = plan_of(people, extensions, bindings)
    assert codes(plan) == ["email_held", "email_held"]
    assert [step for step in steps(plan) if "renumber" in step] == [
        "renumber 202 205",
        "wave 1: renumber 201 202",
        "wave 2: renumber 203 201",
    ]


def test_a_cycle_does_not_stop_a_chain_beside_it() -> None:
    plan = plan_of(*_bound("202", "201", "205", "203"))
    assert steps(plan)[0] == "renumber 203 205"
    assert "wave 1: renumber 204 203" in steps(plan)
    assert codes(plan) == ["number_cycle"]


def test_a_chain_that_ends_at_somebody_who_stays_is_told_to_everyone_in_it() -> None:
    people, extensions, bindings = _bound("202", "203", "203")
    people[2] = make_person(3, number=None, number_problem="it is odd")
    plan = plan_of(people, extensions, bindings)
    assert (plan.commands, codes(plan)) == ((), ["bad_number", "number_held", "number_held"])


def test_many_cycles_and_a_long_chain_are_settled_in_one_go() -> None:
    """Thousands change at once when a site renumbers: the work grows with their count, not with its square."""
    pairs, chain = 1_000, 2_000
    numbers = [str(201 + (index ^ 1)) for index in range(2 * pairs)]
    numbers += [str(201 + 2 * pairs + index + 1) for index in range(chain)]
    plan = plan_of(*_bound(*numbers), rules=make_rules(reserved_numbers=()))
    assert codes(plan) == ["number_cycle"] * pairs
    assert max(command.wave for command in plan.commands) == chain - 1


@pytest.mark.parametrize(
    "bound",
    [
        pytest.param([], id="neither holds it"),
        pytest.param([1], id="one holds it"),
        pytest.param([1, 2], id="mover"),
    ],
)
def test_a_number_given_to_two_people_touches_neither_and_names_both(bound: list[int]) -> None:
    people = [make_person(1, mobile="5"), make_person(2, number="201", mobile="5")]
    extensions = [make_extension(index) for index in bound]
    plan = plan_of(people, extensions, [make_binding(index) for index in bound])
    assert plan.commands == ()
    finding = only_finding(plan)
    assert (finding.code, finding.severity, finding.number) == ("duplicate_number", "conflict", "201")
    assert finding.person_guids == (guid(1), guid(2))
    assert finding.message == (
        f"The number 201 is given to Anna1 Berg1 (CN=Anna1 Berg1,{SALES}) and Anna2 Berg2 (CN=Anna2 "
        f"Berg2,{SALES}) "
        "in the directory. Nothing is changed for them. Give it to only one of them."
    )


def test_a_duplicate_number_adopts_nothing_and_removes_nothing() -> None:
    people = [make_person(1), make_person(2, number="201")]
    plan = plan_of(people, [make_extension(1)])
    assert (plan.commands, codes(plan)) == ((), ["duplicate_number"])


def test_a_disabled_account_without_an_extension_stands_in_nobodys_way() -> None:
    people = [make_person(1), make_person(2, number="201", account_state=AccountState.DISABLED)]
    plan = plan_of(people)
    assert (steps(plan), plan.findings) == (["create 201"], ())


@pytest.mark.parametrize("is_bound", [True, False])
def test_a_number_that_cannot_be_used_changes_nothing(is_bound: bool) -> None:
    problem = "'12 x' is not a number: use the digits 0 to 9, or mark the extension as in 'x204'."
    person = make_person(number=None, number_text="12 x", number_problem=problem, last_name="Hill")
    rules = make_rules(when_number_cleared=Outcome.DELETE)
    extensions, bindings = ([make_extension()], [make_binding()]) if is_bound else ([], [])
    plan = plan_of([person], extensions, bindings, rules=rules)
    assert plan.commands == ()
    assert only_finding(plan).message == (
        f"The number of Anna1 Hill cannot be used. {problem} Nothing is changed for them until it is "
        "corrected in the "
        "directory."
    )
