"""What the phone system refused before is told and tried once more, and holds nobody up."""

from dataclasses import replace

from services.reconciler.refused import report_refused
from shared.domain.extension import Department
from shared.domain.plan import Plan, as_it_stands
from shared.domain.refusal import Refusal, refusal_key
from tests.builders.domain import (
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
)
from tests.unit.reconciler.scenario import only_finding, plan_of, steps

WHY = Refusal(7, "refused", "The name is too long.")


def _plan() -> Plan:
    """Ada (201) and the newcomer 202 belong to a department that 3CX does not have; 203 to nobody's."""
    people = [
        make_person(1, departments=("Lab",)),
        make_person(2, departments=("Lab",)),
        make_person(3, mobile="5"),
    ]
    phone_system = make_phone_system(
        [make_extension(1), make_extension(3)], departments=(Department(1, "DEFAULT", is_default=True),)
    )
    rules = make_rules(add_to_departments=True, create_missing_departments=True)
    return plan_of(people, phone_system, [make_binding(1), make_binding(3)], rules=rules)


def test_people_of_a_refused_department_go_on_without_it_and_it_is_tried_again() -> None:
    plan = _plan()
    assert "create_group Lab" in steps(plan)
    told = report_refused(plan, {refusal_key(plan.commands[0]): WHY})
    assert [step for step in steps(told) if "20" not in step] == ["create_group Lab"]
    assert "create 202" in steps(told)
    assert all(not row.requires for row in told.commands if row.number == "202")
    assert "Lab" not in str([row.after for row in told.commands[1:]])
    finding = only_finding(told)
    assert finding.message == (
        "The phone system refused to create department Lab in run 7: The name is too long. Every run tries "
        "again. "
        "Other people are not affected."
    )
    assert set(finding.person_guids) == {guid(1), guid(2)}


def test_what_is_refused_in_every_run_is_counted_and_stands_as_it_was_told() -> None:
    plan = _plan()
    key = refusal_key(plan.commands[0])
    often = only_finding(report_refused(plan, {key: replace(WHY, times=12)})).message
    assert "in run 7 and since then, 12 times in a row: The name is too long." in often
    assert as_it_stands(often) == only_finding(report_refused(plan, {key: WHY})).message


def test_a_refused_change_of_one_extension_is_tried_again_and_named() -> None:
    plan = _plan()
    refused = next(row for row in plan.commands if row.number == "203")
    told = report_refused(plan, {refusal_key(refused): replace(WHY, message="No.")})
    assert told.commands == plan.commands
    assert only_finding(told).person_guids == (guid(3),)


def test_what_was_refused_and_is_not_wanted_any_more_is_not_told() -> None:
    plan = _plan()
    assert report_refused(plan, {"update_extension 999 1  ": WHY}) == plan
