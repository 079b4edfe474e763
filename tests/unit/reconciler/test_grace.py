"""Disabled at once, deleted after the days, and cancelled by return: told on one leaver, day by day."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.reconciler.guards import judge
from services.reconciler.licence import fit_into_licence
from services.reconciler.one_person import limited_to
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.grace import Departure, Grace
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import Plan
from shared.domain.rules import Limits, Outcome, PassedOn, RemovalScope, RunFacts
from tests.builders.domain import (
    NOW,
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
    make_units,
)
from tests.unit.reconciler.model import Model
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps

BOB = make_person(1)
DISABLED = replace(BOB, account_state=AccountState.DISABLED)
STAYS = make_person(9)
ALL_WAYS = dict.fromkeys(
    ("when_deleted", "when_moved_out", "when_disabled", "when_number_cleared"), Outcome.DISABLE_THEN_DELETE
)
IN_3CX = replace(make_extension(1), enabled=False)
SINCE = NOW - timedelta(days=10)


class Days:
    """A site in which Bob leaves, and Rollcall runs as days go by."""

    def __init__(self, **rules: Any) -> None:
        self.rules = make_rules(**(ALL_WAYS | rules))
        bindings = [make_binding(1, person_name="Anna1 Berg1"), make_binding(9)]
        self.model = Model(make_phone_system([make_extension(1), make_extension(9)]), bindings)
        self.people: list[Person] = [BOB, STAYS]
        self.is_found = False

    def run(self, after_days: float = 0, *, is_executed: bool = True, **reading: Any) -> list[str]:
        """What the next run does, so many days later."""
        self.model.now += timedelta(days=after_days)
        absent = [
            AbsentPerson(binding, self.is_found, "CN=there")
            for binding in self.model.bindings
            if binding not in {person.guid for person in self.people}
        ]
        self.plan = plan_of(
            self.people, self.model.snapshot(), list(self.model.bindings.values()), absent, self.rules,
            graces=self.model.graces.values(), now=self.model.now, **reading,
        )  # fmt: skip
        if is_executed:
            self.model.apply(self.plan)
        return steps(self.plan)

    def bob(self, **changes: Any) -> None:
        """Bob's entry from now on."""
        self.people = [replace(BOB, **changes), STAYS]

    @property
    def grace(self) -> Grace | None:
        """Bob's countdown."""
        return self.model.graces.get(guid(1))

    def decide(self, **decision: Any) -> None:
        """What a person decides for Bob's extension."""
        assert self.grace is not None
        self.model.graces[guid(1)] = replace(self.grace, **decision)


def _leave(days: Days, departure: Departure) -> None:
    match departure:
        case Departure.DELETED | Departure.MOVED_OUT:
            days.people, days.is_found = [STAYS], departure is Departure.MOVED_OUT
        case Departure.DISABLED:
            days.bob(account_state=AccountState.DISABLED)
        case Departure.NUMBER_CLEARED:
            days.bob(number=None)


@pytest.mark.parametrize("departure", Departure)
def test_a_leaver_is_disabled_at_once_and_deleted_when_the_days_are_over(departure: Departure) -> None:
    days = Days()
    _leave(days, departure)
    assert days.run() == ["disable 201"]
    assert days.plan.commands[0].reason.endswith(" It is deleted 30 days later, unless they return.")
    assert days.run(29.9) == []
    assert days.run(0.2) == ["delete 201"]
    assert days.plan.commands[0].reason.endswith(" 30 days of grace are over.")
    assert (days.run(), days.model.graces) == ([], {})


@pytest.mark.parametrize("departure", Departure)
def test_whoever_returns_within_the_days_is_enabled_and_begins_all_of_them_when_leaving_again(
    departure: Departure,
) -> None:
    days = Days()
    _leave(days, departure)
    assert days.run() == ["disable 201"]
    days.bob()
    assert days.run(20) == ["enable 201"]
    assert days.grace is None
    _leave(days, departure)
    assert [days.run(5), days.run(29), days.run(1)] == [["disable 201"], [], ["delete 201"]]


def test_the_first_run_that_finds_somebody_long_gone_begins_their_days() -> None:
    days = Days()
    days.model.extensions[IN_3CX.id] = IN_3CX
    _leave(days, Departure.DELETED)
    assert days.run() == []
    assert days.grace is not None
    assert days.grace.began_at == days.model.now
    assert [days.run(29), days.run(1)] == [[], ["delete 201"]]


def test_days_that_a_held_plan_waits_do_not_count() -> None:
    days = Days()
    _leave(days, Departure.DELETED)
    for _day in range(40):
        assert days.run(1, is_executed=False) == ["disable 201"]
    assert days.run() == ["disable 201"]
    assert [days.run(29), days.run(1)] == [[], ["delete 201"]]


def test_an_extension_enabled_by_hand_in_between_is_disabled_and_begins_its_days_anew() -> None:
    days = Days()
    _leave(days, Departure.DISABLED)
    days.run()
    days.run(25)
    days.model.extensions[IN_3CX.id] = replace(IN_3CX, enabled=True)
    assert days.run() == ["disable 201"]
    assert [days.run(29), days.run(1)] == [[], ["delete 201"]]


def test_another_way_of_leaving_begins_its_own_days() -> None:
    days = Days(deleted_grace_days=7)
    _leave(days, Departure.DISABLED)
    days.run()
    _leave(days, Departure.DELETED)
    assert [days.run(20), days.run(6), days.run(1)] == [[], [], ["delete 201"]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"when_deleted": Outcome.DELETE}, ["delete 201"]),
        ({"when_deleted": Outcome.DISABLE}, []),
        ({"when_deleted": Outcome.KEEP}, []),
        ({"deleted_grace_days": 10}, ["delete 201"]),
        ({"deleted_grace_days": 12}, []),
    ],
)
def test_a_rule_changed_meanwhile_counts_from_the_next_run(
    changes: dict[str, Any], expected: list[str]
) -> None:
    days = Days()
    _leave(days, Departure.DELETED)
    days.run()
    days.rules = replace(days.rules, **changes)
    assert days.run(10) == expected


def test_days_asked_for_again_after_the_rule_was_disable_begin_anew() -> None:
    days = Days()
    _leave(days, Departure.DELETED)
    days.run()
    wanted, days.rules = days.rules, replace(days.rules, when_deleted=Outcome.DISABLE)
    assert (days.run(29), days.grace) == ([], None)
    days.rules = wanted
    assert [days.run(1), days.run(29), days.run(1)] == [[], [], ["delete 201"]]


@pytest.mark.parametrize("rule", [Outcome.DISABLE_THEN_DELETE, Outcome.DELETE])
def test_what_a_person_keeps_is_not_deleted_until_it_is_resumed(rule: Outcome) -> None:
    days = Days()
    _leave(days, Departure.DELETED)
    days.run()
    days.decide(is_kept=True)
    days.rules = replace(days.rules, when_deleted=rule)
    assert [days.run(31), days.run(400)] == [[], []]
    days.decide(is_kept=False)
    assert days.run() == ["delete 201"]


@pytest.mark.parametrize("rule", [Outcome.DISABLE_THEN_DELETE, Outcome.DELETE])
def test_an_extended_time_counts_in_place_of_the_days(rule: Outcome) -> None:
    days = Days()
    _leave(days, Departure.DELETED)
    days.run()
    days.decide(until=days.model.now + timedelta(days=100))
    days.rules = replace(days.rules, when_deleted=rule)
    assert [days.run(99), days.run(1)] == [[], ["delete 201"]]


def test_an_incomplete_reading_neither_ends_nor_forgets_the_days() -> None:
    days = Days()
    _leave(days, Departure.DELETED)
    days.run()
    assert days.run(31, is_complete=False) == []
    assert codes(days.plan) == ["incomplete_snapshot"]
    assert days.run() == ["delete 201"]


def test_a_deletion_at_the_end_of_the_days_counts_as_a_removal() -> None:
    absent = [AbsentPerson(guid(index), found=False) for index in range(1, 21)]
    extensions = [make_extension(index, enabled=False) for index in range(1, 21)]
    graces = [
        Grace(
            guid(index),
            1000 + index,
            str(200 + index),
            "Gone",
            Departure.DELETED,
            30,
            NOW - timedelta(days=31),
        )
        for index in range(1, 21)
    ]
    people = [make_person(index) for index in range(21, 80)]
    extensions += [make_extension(index) for index in range(21, 80)]
    bindings = [make_binding(index) for index in range(1, 80)]
    plan = plan_of(people, extensions, bindings, absent, make_rules(**ALL_WAYS), graces=graces)
    assert plan.counts == {"delete_extension": 20}
    verdict = judge(plan, RunFacts(units=make_units(59)), Limits())
    assert [reason.code for reason in verdict.reasons] == ["removals"]


def _passed_on(rule: PassedOn, **decided: Any) -> Plan:
    """Bob's number is given to Nora ten days after he left."""
    nora = make_person(2, number="201")
    grace = replace(Grace(guid(1), 1001, "201", "Bob", Departure.DISABLED, 30, SINCE), **decided)
    return plan_of(
        [replace(DISABLED, number="201"), nora, STAYS], [IN_3CX, make_extension(9)], [make_binding(1), make_binding(9)],
        (), make_rules(**ALL_WAYS, when_number_passed_on=rule), graces=[grace],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (PassedOn.REPLACE, ["delete 201", "wave 1: create 201"]),
        (PassedOn.TAKE_OVER, ["rebind 201", "update 201 email first_name last_name", "enable 201"]),
        (PassedOn.REPORT, []),
    ],
)
def test_a_number_passed_on_does_not_wait_for_the_days(rule: PassedOn, expected: list[str]) -> None:
    assert steps(_passed_on(rule)) == expected


@pytest.mark.parametrize("rule", PassedOn)
@pytest.mark.parametrize("decided", [{"is_kept": True}, {"until": NOW + timedelta(days=1)}])
def test_a_number_kept_by_hand_is_not_passed_on_and_the_finding_says_so(
    rule: PassedOn, decided: dict[str, Any]
) -> None:
    plan = _passed_on(rule, **decided)
    assert steps(plan) == []
    assert "rollcall grace resume 201" in only_finding(plan).message


def test_an_extension_given_to_somebody_else_in_3cx_is_counted_down_no_longer() -> None:
    days = Days()
    _leave(days, Departure.DISABLED)
    days.run()
    zoe = replace(IN_3CX, first_name="Zoe", last_name="Zimmer", email="zoe@corp.example.test", enabled=True)
    days.model.extensions[IN_3CX.id] = zoe
    assert (days.run(31), codes(days.plan), days.grace) == ([], ["reassigned"], None)


def test_days_go_on_under_another_id_after_a_restore_of_the_phone_system() -> None:
    days = Days()
    _leave(days, Departure.DISABLED)
    days.run()
    days.model.extensions[77] = replace(days.model.extensions.pop(IN_3CX.id), id=77)
    assert days.run(10) == ["rebind 201"]
    assert [days.run(19), days.run(1)] == [[], ["delete 201"]]


def test_another_phone_system_at_the_address_forgets_nothing() -> None:
    days = Days()
    _leave(days, Departure.DISABLED)
    days.run()
    there, days.model.extensions = days.model.extensions, {}
    days.run(1, is_executed=False)
    assert days.plan.ended_graces == ()
    days.model.extensions = there
    assert days.run(30) == ["delete 201"]


def test_an_extension_that_is_nobodys_has_days_too_where_all_may_be_removed() -> None:
    nobodys = make_extension(5)
    days = Days(removal_scope=RemovalScope.ALL)
    days.model.extensions[nobodys.id] = nobodys
    assert [days.run(), days.run(20)] == [["disable 205"], []]
    # Somebody else's now, though nobody of the directory.
    renamed = replace(days.model.extensions[nobodys.id], first_name="Front", last_name="Desk")
    days.model.extensions[nobodys.id] = renamed
    assert [days.run(15), days.run(29), days.run(1)] == [[], [], ["delete 205"]]


def test_a_run_for_one_person_leaves_the_days_of_others_alone() -> None:
    days = Days()
    days.people = []
    days.people = [make_person(3)]
    days.model.extensions[1003] = make_extension(3)
    days.run(is_executed=False)
    assert {grace.holder for grace in days.plan.graces} == {guid(1), guid(9)}
    assert {grace.holder for grace in limited_to(days.plan, guid(9)).graces} == {guid(9)}


def test_a_full_licence_says_how_many_could_be_freed_early() -> None:
    joiner = make_person(2)
    grace = Grace(guid(1), 1001, "201", "Bob", Departure.DISABLED, 30, SINCE)
    plan = plan_of(
        [DISABLED, joiner, STAYS], [IN_3CX, make_extension(9)], [make_binding(1), make_binding(9)], (),
        make_rules(**ALL_WAYS), graces=[grace],
    )  # fmt: skip
    full = PhoneSystemSnapshot(used_extensions=2, max_extensions=2)
    fitted = fit_into_licence(plan, full)
    assert "1 of the extensions in use is disabled and waits for its deletion" in only_finding(fitted).message
    # What the plan deletes anyway is no place that is left.
    over = replace(grace, began_at=NOW - timedelta(days=30))
    plan = plan_of(
        [DISABLED, joiner, make_person(3), STAYS], [IN_3CX, make_extension(9)],
        [make_binding(1), make_binding(9)], (), make_rules(**ALL_WAYS), graces=[over],
    )  # fmt: skip
    assert "waits for its deletion" not in only_finding(fit_into_licence(plan, full)).message
