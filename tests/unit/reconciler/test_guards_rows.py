"""Which rows of a plan wait: those a guard is about and what requires them, and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reconciler.guards import judge
from services.reconciler.licence import fit_into_licence
from shared.domain.command import Command, CommandKind
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.person import AbsentPerson, AccountState
from shared.domain.plan import Plan, Verdict, hash_of
from shared.domain.rules import Limits, Outcome, RunFacts, TakenLately, UnitSnapshot
from tests.builders.domain import (
    SALES,
    SUPPORT,
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
)
from tests.unit.reconciler.scenario import plan_of
from tests.unit.reconciler.strategies import Site, sites

STRICT = Limits(removals=0, removals_percent=0)


def _waiting(plan: Plan, facts: RunFacts | None = None, limits: Limits | None = None) -> dict[str, str]:
    """Which rows wait, in words, each with the reason's code."""
    verdict = judge(plan, facts or RunFacts(), limits or Limits())
    return {
        _words(row): verdict.held[row.sequence].code for row in plan.commands if row.sequence in verdict.held
    }


def _words(row: Command) -> str:
    return f"{row.kind.removesuffix('_extension')} {row.number}"


def _office(when_disabled: Outcome = Outcome.DISABLE) -> Plan:
    """Of five, 201 is gone, 202 is disabled, 203 changed; 206 is new. The other two are as they were."""
    people = [
        make_person(2, account_state=AccountState.DISABLED), make_person(3, mobile="5"), make_person(4),
        make_person(5), make_person(6),
    ]  # fmt: skip
    present = range(1, 6)
    return plan_of(
        people,
        [make_extension(index) for index in present],
        [make_binding(index) for index in present],
        [AbsentPerson(guid(1), found=False, last_unit=SALES)],
        make_rules(when_disabled=when_disabled),
    )


def test_a_first_run_and_a_changed_selection_hold_every_row() -> None:
    plan = _office()
    for facts in (RunFacts(is_first_run=True), RunFacts(is_selection_changed=True)):
        assert len(_waiting(plan, facts)) == len(plan.commands) == 5


def test_too_many_removals_hold_these_and_the_rest_goes() -> None:
    assert _waiting(_office(), limits=STRICT) == {"disable 201": "removals", "delete 201": "removals"}


def test_an_account_that_is_disabled_is_disabled_at_once_and_only_its_deletion_waits() -> None:
    assert _waiting(_office(Outcome.DELETE), limits=STRICT) == {
        "disable 201": "removals",
        "delete 201": "removals",
        "delete 202": "removals",
    }


def test_too_many_disabled_accounts_wait_also_those_whose_deletion_waits() -> None:
    limits = replace(STRICT, disables=0, disables_percent=0)
    assert _waiting(_office(Outcome.DELETE), limits=limits)["disable 202"] == "disables"


@pytest.mark.parametrize(("now", "code"), [(8, "people_down"), (0, "empty_snapshot")])
def test_fewer_people_hold_what_rests_on_absence_in_their_unit(now: int, code: str) -> None:
    units = (UnitSnapshot(SALES, True, now, 10), UnitSnapshot(SUPPORT, True, 500, 500))
    assert _waiting(_office(), RunFacts(units=units)) == {"disable 201": code, "delete 201": code}
    elsewhere = tuple(
        replace(unit, distinguished_name=f"OU=Other,{unit.distinguished_name}") for unit in units
    )
    assert _waiting(_office(), RunFacts(units=elsewhere)) == {}


def test_too_many_updates_hold_updates() -> None:
    assert _waiting(_office(), limits=Limits(updates=0, updates_percent=0)) == {"update 203": "updates"}


def test_a_joiner_beyond_the_licence_waits_alone() -> None:
    full = make_phone_system([make_extension(1), make_extension(2)], max_extensions=2)
    people = [make_person(1, account_state=AccountState.DISABLED), make_person(2), make_person(3)]
    plan = fit_into_licence(plan_of(people, full, [make_binding(1), make_binding(2)]), full)
    assert _waiting(plan) == {"create 203": "licence"}
    assert [_words(row) for row in plan.commands] == ["create 203", "disable 201"]


def test_a_joiner_who_needs_the_place_of_a_leaver_waits_with_the_leaver() -> None:
    full = make_phone_system([make_extension(1), make_extension(2)], max_extensions=2)
    absent = [AbsentPerson(guid(1), found=False)]
    plan = plan_of([make_person(2), make_person(3)], full, [make_binding(1), make_binding(2)], absent)
    plan = fit_into_licence(plan, full)
    assert set(_waiting(plan, limits=STRICT)) == {"disable 201", "delete 201", "create 203"}


def test_a_reading_that_is_in_doubt_is_no_measure_even_when_nothing_waits_for_it() -> None:
    down = RunFacts(units=(UnitSnapshot(SALES, True, 5, 10),))
    assert not judge(Plan(), down, Limits()).is_measure
    assert judge(Plan(), RunFacts(is_first_run=True), Limits()).is_measure
    assert not judge(_office(), RunFacts(is_first_run=True), Limits()).is_measure
    licensed = judge(_office(), RunFacts(), Limits(updates=0, updates_percent=0))
    assert (licensed.is_measure, len(licensed.held)) == (True, 1)


def _judged(site: Site, free: int | None, tight: bool, facts: RunFacts) -> tuple[Plan, Verdict]:
    used = len(site.phone_system.extensions)
    licence = PhoneSystemSnapshot(used_extensions=used, max_extensions=None if free is None else used + free)
    plan = fit_into_licence(site.plan(), licence)
    limits = Limits(0, 0, 1, 0, 0, 0, 0) if tight else Limits()
    return plan, judge(plan, facts, limits)


@given(sites(), st.none() | st.integers(0, 2), st.booleans(), st.sampled_from([5, 8, 10]))
@settings(max_examples=200)
def test_what_requires_a_held_row_is_held_and_every_row_either_goes_or_waits(
    site: Site, free: int | None, tight: bool, now: int
) -> None:
    facts = RunFacts(units=(UnitSnapshot(SALES, True, now, 10),))
    plan, verdict = _judged(site, free, tight, facts)
    assert set(verdict.held) <= {row.sequence for row in plan.commands}
    for row in plan.commands:
        if not verdict.held.keys().isdisjoint(row.requires):
            assert row.sequence in verdict.held
    assert set(verdict.held.values()) <= set(verdict.reasons)
    going = [row for row in plan.commands if row.sequence not in verdict.held]
    waiting = [row for row in plan.commands if row.sequence in verdict.held]
    assert sorted([*going, *waiting], key=lambda row: row.sequence) == list(plan.commands)


def test_what_waits_has_the_hash_it_has_when_it_is_all_that_is_planned() -> None:
    done = Command(1, CommandKind.DISABLE_EXTENSION, "", "201", extension_id=1)
    rest = [
        Command(2, CommandKind.DELETE_EXTENSION, "", "201", extension_id=1, requires=(1,)),
        Command(3, CommandKind.CREATE_EXTENSION, "", "202", wave=2, requires=(2,)),
    ]
    later = [replace(rest[0], sequence=1, requires=()), replace(rest[1], sequence=2, wave=1, requires=(1,))]
    assert hash_of(rest) == hash_of(later) == Plan(tuple(later)).content_hash
    assert hash_of([done, *rest]) != hash_of(rest)


def _gone(count: int, *, is_deleted: bool = True, first: int = 500) -> tuple[TakenLately, ...]:
    return tuple(TakenLately(first + index, SALES, is_deleted) for index in range(count))


@pytest.mark.parametrize(
    ("kind", "earlier", "expected"),
    [
        ("delete", _gone(4), []),
        ("delete", _gone(5), ["removals"]),
        ("delete", _gone(9, is_deleted=False), []),
        ("disable", _gone(9, is_deleted=False), []),
        ("disable", _gone(10, is_deleted=False), ["disables"]),
        ("update", _gone(50), []),
    ],
)
def test_many_small_runs_of_24_hours_count_as_one(
    kind: str, earlier: tuple[TakenLately, ...], expected: list[str]
) -> None:
    plan = Plan(
        (Command(1, CommandKind(f"{kind}_extension"), "", "1", extension_id=1),), managed_extensions=90
    )
    verdict = judge(plan, RunFacts(lately=earlier), Limits())
    assert [reason.code for reason in verdict.reasons] == expected
    if expected:
        assert "were within the last 24 hours" in verdict.reasons[0].message


def test_the_24_hours_are_counted_for_a_unit_too_and_an_extension_only_once() -> None:
    row = Command(1, CommandKind.DELETE_EXTENSION, "", "1", extension_id=1, unit=SALES)
    units = (UnitSnapshot(SALES, True, 20, 20), UnitSnapshot(SUPPORT, True, 500, 500))
    for earlier, expected in (
        (_gone(5), [SALES]),
        (_gone(4), []),
        ((*_gone(4), TakenLately(1, SALES, is_deleted=False)), []),
    ):
        reasons = judge(
            Plan((row,), managed_extensions=520), RunFacts(units=units, lately=earlier), Limits()
        ).reasons
        assert [reason.unit for reason in reasons] == expected


def test_the_last_extension_of_a_small_site_does_not_go_by_itself_one_run_after_the_others() -> None:
    row = Command(1, CommandKind.DELETE_EXTENSION, "", "1", guid(1), extension_id=1)
    verdict = judge(Plan((row,), managed_extensions=1), RunFacts(lately=_gone(2)), Limits())
    assert [reason.message.split(" would")[0] for reason in verdict.reasons] == ["All 3 managed extensions"]


def test_the_removals_of_a_unit_in_doubt_do_not_hold_those_of_another() -> None:
    rows = [
        Command(index, CommandKind.DELETE_EXTENSION, "", str(index), guid(index), extension_id=index,
                unit=SALES if index < 8 else SUPPORT)
        for index in range(1, 9)
    ]  # fmt: skip
    units = (UnitSnapshot(SALES, True, 13, 20), UnitSnapshot(SUPPORT, True, 99, 100))
    verdict = judge(
        Plan(tuple(rows), managed_extensions=120), RunFacts(units=units), Limits(people_down_percent=20)
    )
    assert set(verdict.held) == set(range(1, 8))
    assert {reason.code for reason in verdict.reasons} == {"people_down", "removals"}


def test_who_approves_a_changed_selection_is_told_of_the_removals_too() -> None:
    rows = [
        Command(index, CommandKind.DELETE_EXTENSION, "", str(index), extension_id=index)
        for index in range(1, 9)
    ]
    verdict = judge(Plan(tuple(rows), managed_extensions=9), RunFacts(is_selection_changed=True), Limits())
    assert [reason.code for reason in verdict.reasons] == ["selection_changed", "removals"]
