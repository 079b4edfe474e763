"""Who is left alone: by name in four ways, or by number; on both ends."""

import time

import pytest

from shared.domain.exclusions import Exclusions, why_unusable
from shared.domain.person import AbsentPerson, AccountState
from shared.domain.rules import Exclusion, ExclusionKind, Outcome, RemovalScope
from shared.values.expression import UnsupportedExpression
from tests.builders.domain import guid, make_binding, make_extension, make_person, make_rules
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps


@pytest.mark.parametrize(
    ("kind", "value", "matching", "others"),
    [
        ("exact", "anna BERG", ["Anna Berg"], ["Anna Bergman", "Joanna Berg"]),
        ("exact", "Straße", ["STRASSE"], ["Strase"]),
        ("contains", "berg", ["Anna Berg", "Bergman Bob"], ["Anna Hill"]),
        ("contains", ".", ["A. Berg"], ["Anna Berg"]),
        ("wildcard", "svc_*", ["SVC_backup"], ["my svc_backup"]),
        ("wildcard", "Room ?", ["room 1"], ["Room 12", "Room"]),
        ("wildcard", "[ab]*", ["Anna Berg", "bob"], ["Carl"]),
        ("regex", r"^(Room|Lobby)\b", ["Room 1", "lobby"], ["Rooms", "The Lobby"]),
        ("regex", r"\bÜmit\b", ["ümit Berg"], ["Ümitler"]),
        ("exact", "Mu\u0308ller", ["Müller", "Mül\u200bler"], ["Muller"]),
        ("contains", "Lo\u200bbby", ["Lobby 1"], ["Hall"]),
    ],
)
def test_names_are_compared_in_four_ways_regardless_of_case(
    kind: str, value: str, matching: list[str], others: list[str]
) -> None:
    exclusions = Exclusions((Exclusion(ExclusionKind(kind), value),))
    for name in [*matching, *others]:
        first, _, last = name.partition(" ")
        expected = name in matching
        assert exclusions.hold_person(make_person(first_name=first, last_name=last)) is expected, name
        assert (
            exclusions.hold_person(make_person(first_name="Q", last_name="", display_name=name)) is expected
        ), name
        assert exclusions.hold_extension(make_extension(first_name=first, last_name=last)) is expected, name


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("regex", "(a+)+$"),
        ("regex", r"(\w\w?){60}\d$"),
        ("wildcard", "*a" * 120 + "b"),
        ("wildcard", "a*" * 120 + "?b"),
        ("contains", "a" * 200 + "b"),
    ],
)
@pytest.mark.timeout(20)
def test_no_exclusion_takes_long_on_any_name(kind: str, value: str) -> None:
    exclusions = Exclusions((Exclusion(ExclusionKind(kind), value),))
    for name in ("a" * 60 + "!", "a" * 60, "a" * 2_000_000 + "!", "aä" * 500_000):
        began = time.process_time()
        exclusions.hold_person(make_person(first_name=name, last_name="", display_name=name))
        exclusions.hold_extension(make_extension(first_name=name))
        assert time.process_time() - began < 1


def test_an_exclusion_of_an_earlier_release_that_cannot_be_evaluated_is_named() -> None:
    exclusions = (
        Exclusion(ExclusionKind.CONTAINS, "berg"),
        Exclusion(ExclusionKind.REGEX, "^(?!Anna)"),
    )
    assert why_unusable(exclusions[:1]) is None
    assert why_unusable(exclusions) == (
        "The exclusion '^(?!Anna)' cannot be evaluated: look-ahead and look-behind are not supported. "
        "Nothing is planned, "
        "because the exclusion would protect nobody. Correct it in the settings under Exclude extensions."
    )
    with pytest.raises(UnsupportedExpression):
        Exclusions(exclusions)


@pytest.mark.parametrize(
    ("value", "matching", "others"),
    [
        ("200-299", ["200", "250", "299"], ["199", "300", "2000", "20"]),
        ("250", ["250"], ["25", "2500", "251"]),
        ("0-9", ["5"], ["10"]),
    ],
)
def test_numbers_are_excluded_one_by_one_or_as_a_range_with_both_ends(
    value: str, matching: list[str], others: list[str]
) -> None:
    exclusions = Exclusions((Exclusion(ExclusionKind.NUMBERS, value),))
    for number in [*matching, *others]:
        assert exclusions.hold_person(make_person(number=number)) is (number in matching), number
        assert exclusions.hold_extension(make_extension(number=number)) is (number in matching), number
    assert not exclusions.hold_person(make_person(number=None))
    assert not exclusions.hold_extension(make_extension(number="HD1"))


BERG = (Exclusion(ExclusionKind.CONTAINS, "berg1"),)
NUMBER_201 = (Exclusion(ExclusionKind.NUMBERS, "201"),)


@pytest.mark.parametrize("exclusions", [BERG, NUMBER_201], ids=["by name", "by number"])
def test_an_excluded_person_is_neither_created_nor_changed_nor_removed(
    exclusions: tuple[Exclusion, ...],
) -> None:
    rules = make_rules(
        exclusions=exclusions,
        removal_scope=RemovalScope.ALL,
        when_deleted=Outcome.DELETE,
        when_disabled=Outcome.DELETE,
    )
    person, extension = make_person(mobile="5"), [make_extension()]
    disabled = make_person(account_state=AccountState.DISABLED)
    for people, extensions, bindings in (
        ([person], [], []),
        ([person], extension, []),
        ([person], extension, [make_binding()]),
        ([disabled], extension, [make_binding()]),
    ):
        plan = plan_of(people, extensions, bindings, rules=rules)
        assert (steps(plan), codes(plan)) == ([], ["excluded"])
    assert only_finding(plan).message == "Anna1 Berg1 is excluded by the rules. Nothing is changed."


@pytest.mark.parametrize("exclusions", [BERG, NUMBER_201], ids=["by name", "by number"])
def test_the_extension_of_an_excluded_leaver_stays(exclusions: tuple[Exclusion, ...]) -> None:
    rules = make_rules(exclusions=exclusions)
    gone = [AbsentPerson(guid(1), found=False)]
    stays = [make_person(9)]
    plan = plan_of(
        stays, [make_extension(1), make_extension(9)], [make_binding(1), make_binding(9)], gone, rules
    )
    assert (plan.commands, plan.findings) == ((), ())


def test_a_leaver_is_excluded_by_the_name_the_directory_had_as_well() -> None:
    """3CX may show another name, which nobody thought of when the exclusion was written."""
    rules = make_rules(exclusions=(Exclusion(ExclusionKind.EXACT, "Lobby Phone"),))
    extensions = [make_extension(1), make_extension(9)]
    bindings = [make_binding(1, person_name="Lobby Phone"), make_binding(9)]
    gone = [AbsentPerson(guid(1), found=False)]
    assert plan_of([make_person(9)], extensions, bindings, gone, rules).commands == ()


def test_an_excluded_extension_is_not_taken_over_or_removed_by_scope_all() -> None:
    rules = make_rules(exclusions=NUMBER_201, removal_scope=RemovalScope.ALL)
    plan = plan_of([make_person(9)], [make_extension(1), make_extension(9)], [make_binding(9)], rules=rules)
    assert (plan.commands, plan.findings) == ((), ())


def test_an_excluded_extension_with_somebody_elses_number_holds_it() -> None:
    rules = make_rules(exclusions=(Exclusion(ExclusionKind.CONTAINS, "lobby"),))
    lobby = make_extension(1, first_name="Lobby", last_name="")
    finding = only_finding(plan_of([make_person()], [lobby], rules=rules))
    assert finding.message == (
        "The number 201 of Anna1 Berg1 is held by extension 201 (Lobby), which the rules exclude. Nothing "
        "is changed "
        "for them. Free the number in 3CX, or correct it in the directory."
    )


def test_excluded_people_are_no_duplicates() -> None:
    rules = make_rules(exclusions=(Exclusion(ExclusionKind.CONTAINS, "berg2"),))
    twin = make_person(2, number="201", email="anna1@corp.example.test")
    plan = plan_of([make_person(1), twin], rules=rules)
    assert (steps(plan), codes(plan)) == (["create 201"], ["excluded"])
