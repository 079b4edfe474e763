"""Departments from an attribute: joined, followed, created, or found missing."""

from typing import Any

import pytest

from shared.domain.command import CommandKind
from shared.domain.extension import Department, Membership
from shared.domain.plan import FindingCode, Plan
from shared.domain.rules import DepartmentMode, UnitRule
from tests.builders.domain import (
    DEFAULT,
    SALES,
    SUPPORT,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
)
from tests.unit.reconciler.scenario import only_finding, plan_of, steps

DEPARTMENTS = (DEFAULT, Department(2, "Sales"), Department(3, "Support"))
IN_SALES: dict[str, Any] = {
    "memberships": (Membership(1, "DEFAULT"), Membership(2, "Sales")),
    "primary_department_id": 2,
}


def _plan(department: str, mode: str = "add", extension: Any = None, **rules: Any) -> Plan:
    bound = [] if extension is None else [make_binding()]
    phone_system = make_phone_system([extension] if extension else [], departments=DEPARTMENTS)
    wanted = make_rules(add_to_departments=True, department_mode=DepartmentMode(mode), **rules)
    return plan_of([make_person(departments=(department,))], phone_system, bound, rules=wanted)


@pytest.mark.parametrize(
    ("mode", "present", "wanted", "departments"),
    [
        ("add", {}, "Sales", ("DEFAULT", "Sales")),
        ("follow", {}, "Sales", ("Sales",)),
        ("add", IN_SALES, "Support", ("DEFAULT", "Sales", "Support")),
        ("follow", IN_SALES, "Support", ("DEFAULT", "Support")),
    ],
)
def test_somebody_who_moves_joins_the_department_and_with_follow_leaves_the_old_one(
    mode: str, present: dict[str, Any], wanted: str, departments: tuple[str, ...]
) -> None:
    (command,) = _plan(wanted, mode, make_extension(**present)).commands
    assert command.after == {"departments": departments, "primary_department": wanted}


@pytest.mark.parametrize("mode", ["add", "follow"])
@pytest.mark.parametrize("spelled", ["Sales", "SALES", "  sales "])
def test_whoever_is_in_the_department_stays_as_they_are_however_it_is_spelled(
    mode: str, spelled: str
) -> None:
    assert _plan(spelled, mode, make_extension(**IN_SALES)).commands == ()


def test_a_membership_without_being_primary_makes_only_the_primary_change() -> None:
    extension = make_extension(**(IN_SALES | {"primary_department_id": 1}))
    (command,) = _plan("Sales", "add", extension).commands
    assert (command.before["primary_department"], command.after) == (
        "DEFAULT",
        {"primary_department": "Sales"},
    )
    assert "departments" not in command.before


def test_without_the_rule_or_the_attribute_departments_are_left_alone() -> None:
    assert _plan("", "follow", make_extension(**IN_SALES)).commands == ()
    off = plan_of([make_person(departments=("Support",))], [make_extension(**IN_SALES)], [make_binding()])
    assert off.commands == ()


def test_a_joiner_is_created_in_the_department_beside_those_of_the_template() -> None:
    template = make_extension(90, number="900", **IN_SALES)
    phone_system = make_phone_system([template], departments=DEPARTMENTS)
    for mode, departments in (("add", ("DEFAULT", "Sales", "Support")), ("follow", ("DEFAULT", "Support"))):
        rules = make_rules(
            units=(UnitRule(SALES, "900"), UnitRule(SUPPORT)),
            add_to_departments=True,
            department_mode=DepartmentMode(mode),
        )
        (command,) = plan_of([make_person(departments=("support",))], phone_system, rules=rules).commands
        assert command.after["departments"] == departments
        assert command.after["primary_department"] == "Support"


def test_a_missing_department_is_a_finding_for_everyone_concerned() -> None:
    people = [make_person(1, departments=("R & D",)), make_person(2, departments=("r & d",))]
    plan = plan_of(people, [make_extension(1)], [make_binding(1)], rules=make_rules(add_to_departments=True))
    assert steps(plan) == ["create 202"]
    assert "departments" not in plan.commands[0].after
    finding = only_finding(plan)
    assert (finding.code, len(finding.person_guids)) == (FindingCode.DEPARTMENT_MISSING, 2)
    assert finding.message == (
        "3CX has no department 'R & D' (Anna1 Berg1 and Anna2 Berg2). Their departments are not changed. "
        "Create it "
        "in 3CX, or turn on “Create missing departments”."
    )


def test_a_missing_department_is_created_once_and_in_one_spelling() -> None:
    people = [make_person(1, departments=("lab",)), make_person(2, departments=("Lab",))]
    rules = make_rules(add_to_departments=True, create_missing_departments=True)
    for listed in (people, people[::-1]):
        plan = plan_of(listed, [make_extension(1)], [make_binding(1)], rules=rules)
        assert steps(plan) == ["create_group Lab", "create 202", "update 201 departments primary_department"]
        assert (
            plan.commands[0].reason == "People in the directory belong to 'Lab'; 3CX has no such department."
        )
        for command in plan.commands[1:]:
            assert (command.after["primary_department"], command.requires) == ("Lab", (1,))
            assert "Lab" in command.after["departments"]  # type: ignore[operator]


def test_no_department_is_created_for_a_command_that_is_given_up() -> None:
    """Somebody keeps the number, so the joiner is not created, and nobody else needs the department."""
    rules = make_rules(add_to_departments=True, create_missing_departments=True, add_missing=True)
    people = [make_person(1, departments=("DEFAULT",), number=None, number_problem="odd")]
    joiner = make_person(2, number="201", departments=("Lab",))
    plan = plan_of([*people, joiner], [make_extension(1)], [make_binding(1)], rules=rules)
    assert plan.commands == ()


def test_of_several_values_the_first_in_order_is_the_department() -> None:
    person = make_person(departments=("Sales", "Support"))
    phone_system = make_phone_system(departments=DEPARTMENTS)
    (command,) = plan_of([person], phone_system, rules=make_rules(add_to_departments=True)).commands
    assert command.after["primary_department"] == "Sales"


@pytest.mark.parametrize("written", ["sales", " Sales  ", "Sa\u200bles", "SALES\u2060"])
def test_names_that_look_alike_are_one_department(written: str) -> None:
    rules = make_rules(
        add_to_departments=True, create_missing_departments=True, department_template="Support"
    )
    people = [make_person(1, departments=("Sales",)), make_person(2, departments=(written,))]
    plan = plan_of(people, rules=rules)
    (creation,) = [command for command in plan.commands if command.kind is CommandKind.CREATE_DEPARTMENT]
    assert creation.after["like"] == "Support"
    there = make_phone_system([], departments=(DEFAULT, Department(2, written, "GRP0001")))
    plan = plan_of(people[:1], there, rules=rules)
    assert not [command for command in plan.commands if command.kind is CommandKind.CREATE_DEPARTMENT]


def test_a_name_that_3cx_does_not_take_whole_is_cut_and_both_names_are_told() -> None:
    rules = make_rules(add_to_departments=True, create_missing_departments=True)
    whole = "Research and Development"
    people = [make_person(1, departments=(whole,))]
    plan = plan_of(people, make_phone_system([], department_name_limit=9), rules=rules)
    creation, joiner = plan.commands
    assert (creation.after["name"], joiner.after["departments"]) == ("Research", ("Research",))
    assert (only_finding(plan).code, whole in only_finding(plan).message) == (FindingCode.SHORTENED, True)
    assert "'Research'" in only_finding(plan).message
    there = make_phone_system([], departments=(DEFAULT, Department(2, whole)), department_name_limit=9)
    assert [command.after.get("departments") for command in plan_of(people, there, rules=rules).commands] == [
        (whole,)
    ]
