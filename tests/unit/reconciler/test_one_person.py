"""A run for one person touches that person and nobody else."""

from typing import Any

from services.reconciler.licence import fit_into_licence
from services.reconciler.one_person import limited_to
from shared.domain.extension import Department, PhoneSystemSnapshot
from shared.domain.person import AbsentPerson, AccountState
from shared.domain.plan import Plan
from shared.domain.rules import RemovalScope
from tests.builders.domain import (
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
)
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps


def _limited(people: list[Any], phone_system: PhoneSystemSnapshot, *rest: Any, index: int = 1) -> Plan:
    return fit_into_licence(limited_to(plan_of(people, phone_system, *rest), guid(index)), phone_system)


def test_only_the_persons_commands_and_findings_are_left() -> None:
    people = [make_person(1, email="broken"), make_person(2, email="broken too"), make_person(3, mobile="5")]
    plan = _limited(people, make_phone_system([make_extension(3)]), [make_binding(3)])
    assert (steps(plan), codes(plan)) == (["create 201"], ["bad_email"])
    assert plan.findings[0].person_guids == (guid(1),)


def test_a_department_that_the_person_needs_is_created() -> None:
    people = [make_person(1, departments=("Lab",)), make_person(2, departments=("Sales",))]
    rules = make_rules(add_to_departments=True, create_missing_departments=True)
    plan = _limited(people, make_phone_system(departments=(Department(1, "DEFAULT"),)), [], [], rules)
    assert steps(plan) == ["create_group Lab", "create 201"]


def test_a_leaver_is_a_person_too() -> None:
    phone_system = make_phone_system([make_extension(1), make_extension(2)])
    bindings = [make_binding(1), make_binding(2)]
    absent = [AbsentPerson(guid(1), found=False), AbsentPerson(guid(2), found=False)]
    plan = _limited([make_person(3)], phone_system, bindings, absent)
    assert steps(plan) == ["disable 201", "delete 201"]


def test_what_needs_somebody_elses_extension_to_go_is_left_to_a_full_run() -> None:
    phone_system = make_phone_system([make_extension(2, number="201")])
    absent = [AbsentPerson(guid(2), found=False)]
    plan = _limited([make_person(1)], phone_system, [make_binding(2, number="201")], absent)
    assert (steps(plan), codes(plan)) == ([], ["number_held"])
    assert only_finding(plan).message == (
        "The number or e-mail address of Anna1 Berg1 is in use by another extension, and a run for one "
        "person never "
        "changes other extensions. Start a full run."
    )


def test_an_extension_that_is_nobodys_is_not_removed_for_one_person() -> None:
    phone_system = make_phone_system([make_extension(7, email="anna1@corp.example.test")])
    rules = make_rules(removal_scope=RemovalScope.ALL)
    people = [make_person(1)]
    assert steps(plan_of(people, phone_system, rules=rules))[-1] == "wave 1: create 201"
    assert steps(_limited(people, phone_system, [], [], rules)) == []


def test_one_sentence_is_enough_for_all_steps_that_wait() -> None:
    phone_system = make_phone_system([make_extension(1), make_extension(2)])
    people = [make_person(1, number="202"), make_person(2, number="203")]
    plan = _limited(people, phone_system, [make_binding(1), make_binding(2)])
    assert (steps(plan), codes(plan)) == ([], ["number_held"])


def test_an_update_that_waits_for_an_address_leaves_the_rest_of_the_persons_plan() -> None:
    phone_system = make_phone_system([make_extension(1, enabled=False), make_extension(2)])
    people = [make_person(1, email="anna2@corp.example.test"), make_person(2, email="")]
    bindings = [make_binding(1, disabled_by_rollcall=True), make_binding(2)]
    plan = _limited(people, phone_system, bindings)
    assert (steps(plan), codes(plan)) == (["enable 201"], ["email_held"])


def test_the_licence_is_judged_by_what_is_left_of_the_plan() -> None:
    people = [make_person(index) for index in range(1, 6)]
    assert codes(_limited(people, make_phone_system(used_extensions=9, max_extensions=10))) == []
    assert codes(_limited(people, make_phone_system(used_extensions=10, max_extensions=10))) == [
        "licence_full"
    ]


def test_somebody_in_step_or_unknown_has_an_empty_plan() -> None:
    phone_system = make_phone_system([make_extension(1)])
    people = [make_person(1), make_person(2), make_person(3, account_state=AccountState.DISABLED)]
    for index in (1, 3, 77):
        plan = _limited(people, phone_system, [make_binding(1)], index=index)
        assert (plan.commands, plan.findings, plan.people) == ((), (), 3)
