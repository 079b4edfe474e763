"""People with an extension: changed fields, enabling, e-mail addresses, long names."""

from typing import Any

import pytest

from shared.domain.binding import Binding
from shared.domain.extension import Membership
from shared.domain.plan import FindingCode
from shared.domain.rules import ArchiveRule, Outcome, Reenabling
from tests.builders.domain import guid, make_binding, make_extension, make_person, make_rules
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps


def test_somebody_in_step_is_left_in_peace() -> None:
    plan = plan_of([make_person()], [make_extension()], [make_binding()])
    assert (plan.commands, plan.findings, plan.managed_extensions) == ((), (), 1)


@pytest.mark.parametrize(
    ("field", "value", "present"),
    [
        ("first_name", "Anne", "Anna1"),
        ("last_name", "Hill", "Berg1"),
        ("email", "anne@corp.example.test", "anna1@corp.example.test"),
        ("mobile", "+1555", ""),
        ("first_name", "", "Anna1"),
        ("email", "", "anna1@corp.example.test"),
    ],
)
def test_one_changed_field_is_the_only_one_written(field: str, value: str, present: str) -> None:
    change: dict[str, Any] = {field: value}
    plan = plan_of([make_person(**change)], [make_extension()], [make_binding()])
    (command,) = plan.commands
    assert (command.before[field], command.after) == (present, {field: value})
    assert set(command.before) == {"number", "first_name", "last_name", "email", field}
    assert (command.extension_id, command.number, command.kind) == (1001, "201", "update_extension")


def test_an_update_says_which_fields_differ() -> None:
    person = make_person(first_name="Anne", email="anne@corp.example.test", mobile="1")
    (command,) = plan_of([person], [make_extension()], [make_binding()]).commands
    assert command.reason == ("Differs between AD and 3CX for Anne Berg1: first name, e-mail, mobile.")


def test_the_case_of_an_address_alone_is_no_change() -> None:
    person = make_person(email="ANNA1@corp.example.test")
    assert plan_of([person], [make_extension()], [make_binding()]).commands == ()


def test_a_person_is_known_by_guid_whatever_else_changes() -> None:
    renamed = make_person(
        1, first_name="Ada", last_name="Hill", email="ada@corp.example.test", distinguished_name="CN=Ada,DC=x"
    )
    plan = plan_of([renamed], [make_extension()], [make_binding()])
    assert steps(plan) == ["update 201 email first_name last_name"]


@pytest.mark.parametrize(
    ("binding", "reenabling", "expected", "findings"),
    [
        ({"disabled_by_rollcall": True}, "disabled_by_rollcall", ["enable 201"], []),
        ({}, "disabled_by_rollcall", [], ["disabled_by_hand"]),
        ({}, "always", ["enable 201"], []),
        (None, "disabled_by_rollcall", ["adopt 201"], ["disabled_by_hand"]),
        (None, "always", ["adopt 201", "enable 201"], []),
    ],
    ids=["ours", "by hand", "by hand, always", "just adopted", "just adopted, always"],
)
def test_only_what_rollcall_disabled_is_enabled_unless_the_rules_say_always(
    binding: dict[str, Any] | None, reenabling: str, expected: list[str], findings: list[str]
) -> None:
    bindings = [] if binding is None else [make_binding(1, **binding)]
    rules = make_rules(reenabling=Reenabling(reenabling))
    plan = plan_of([make_person()], [make_extension(enabled=False)], bindings, rules=rules)
    assert (steps(plan), codes(plan)) == (expected, findings)


def test_an_extension_deleted_by_hand_is_created_again() -> None:
    assert steps(plan_of([make_person()], [], [make_binding()])) == ["create 201"]


def test_a_duplicate_address_is_given_to_nobody_and_taken_from_nobody() -> None:
    people = [make_person(index, email="Team@corp.example.test") for index in (1, 2, 3)]
    extensions = [make_extension(1, email="team@corp.example.test"), make_extension(2)]
    plan = plan_of(people, extensions, [make_binding(1), make_binding(2)])
    assert steps(plan) == ["create 203"]
    assert "email" not in plan.commands[0].after
    finding = only_finding(plan)
    assert (finding.code, finding.person_guids) == (FindingCode.DUPLICATE_EMAIL, (guid(1), guid(2), guid(3)))
    assert finding.message == (
        "The e-mail address team@corp.example.test is given to Anna1 Berg1, Anna2 Berg2 and Anna3 Berg3 in "
        "the "
        "directory. 3CX accepts each address only once, so nobody gets it. Keep it for only one of them."
    )


def test_what_several_people_have_instead_of_an_address_is_no_duplicate() -> None:
    plan = plan_of([make_person(1, email="n/a"), make_person(2, email="n/a")])
    assert codes(plan) == ["bad_email", "bad_email"]


def test_somebody_whose_number_cannot_be_read_still_has_their_address() -> None:
    holder = make_person(1, number=None, number_problem="It is odd")
    joiner = make_person(2, email="anna1@corp.example.test")
    rules = make_rules(when_number_cleared=Outcome.DELETE)
    plan = plan_of([holder, joiner], [make_extension(1)], [make_binding(1)], rules=rules)
    assert codes(plan) == ["bad_number", "duplicate_email"]


def test_an_address_held_by_someone_else_is_left_out() -> None:
    other = make_extension(5, email="ANNA1@corp.example.test", first_name="Reception", last_name="")
    created = plan_of([make_person()], [other])
    assert (steps(created), "email" in created.commands[0].after) == (["create 201"], False)
    assert only_finding(created).message == (
        "The e-mail address anna1@corp.example.test of Anna1 Berg1 is in use by extension 205 (Reception) "
        "in 3CX. It is left out until it is free in 3CX."
    )
    kept = plan_of([make_person()], [make_extension(email=""), other], [make_binding()])
    assert (steps(kept), codes(kept)) == ([], ["email_held"])


def test_an_address_goes_over_in_the_wave_after_it_is_free() -> None:
    people = [make_person(1, email="new@corp.example.test"), make_person(2, email="anna1@corp.example.test")]
    extensions, bindings = [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)]
    plan = plan_of(people, extensions, bindings)
    assert steps(plan) == ["update 201 email", "wave 1: update 202 email"]
    assert (plan.commands[1].requires, plan.findings) == ((1,), ())


def test_exchanged_addresses_go_round_with_whatever_else_changes() -> None:
    people = [
        make_person(1, email="anna2@corp.example.test", mobile="5"),
        make_person(2, email="anna1@corp.example.test", mobile="6"),
    ]
    plan = plan_of(people, [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)])
    assert (steps(plan), codes(plan)) == (
        ["update 201 email", "wave 1: update 202 email mobile", "wave 2: update 201 email mobile"],
        [],
    )
    assert [command.after["email"] for command in plan.commands] == [
        "",
        "anna1@corp.example.test",
        "anna2@corp.example.test",
    ]
    assert [command.before["email"] for command in plan.commands] == [
        "anna1@corp.example.test",
        "anna2@corp.example.test",
        "",
    ]
    assert [command.requires for command in plan.commands] == [(), (1,), (1, 2)]


@pytest.mark.parametrize(
    "email", ["anna", "a@b", "a b@corp.test", "@corp.test", "a@corp..test", "x" * 250 + "@c.test"]
)
def test_what_is_no_address_is_left_out(email: str) -> None:
    created = plan_of([make_person(email=email)])
    assert "email" not in created.commands[0].after
    finding = only_finding(created)
    assert finding.code is FindingCode.BAD_EMAIL
    assert f"Anna1 Berg1 has '{email[:80]}' as e-mail address, which is not valid." in finding.message
    kept = plan_of([make_person(email=email)], [make_extension()], [make_binding()])
    assert steps(kept) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 50),
        ("x" * 49 + " yz", "x" * 49),
        ("🦜" * 25, "🦜" * 25),
        ("🦜" * 26, "🦜" * 25),
        ("x" + "🦜" * 25, "x" + "🦜" * 24),
        ("ü" * 200, "ü" * 50),
    ],
    ids=["at the limit", "above", "cut at a blank", "two units each", "above in units", "not in half", "200"],
)
def test_a_name_longer_than_3cx_takes_is_cut_with_a_finding(name: str, expected: str) -> None:
    plan = plan_of([make_person(first_name=name, last_name="B")])
    assert plan.commands[0].after["first_name"] == expected
    assert codes(plan) == ([] if name == expected else ["shortened"])


def test_a_cut_name_is_in_step_with_itself() -> None:
    person = make_person(last_name="y" * 60)
    plan = plan_of([person], [make_extension(last_name="y" * 50)], [make_binding()])
    assert (steps(plan), codes(plan)) == ([], ["shortened"])


def test_a_system_owner_keeps_number_and_departments_but_not_an_old_name() -> None:
    owner = make_extension(memberships=(Membership(1, "DEFAULT", "system_owners"),))
    rules = make_rules(add_to_departments=True, create_missing_departments=True)
    person = make_person(last_name="Hill", departments=("Sales",))
    assert steps(plan_of([person], [owner], [make_binding()], rules=rules)) == ["update 201 last_name"]
    moved = plan_of([make_person(number="209")], [owner], [make_binding()])
    assert (steps(moved), codes(moved)) == ([], ["protected"])


def test_a_template_somebody_is_bound_to_is_never_changed() -> None:
    rules = make_rules(archive=ArchiveRule("201"))
    plan = plan_of([make_person(last_name="Hill")], [make_extension()], [make_binding()], rules=rules)
    assert (steps(plan), codes(plan)) == ([], ["protected"])


def test_a_binding_to_an_extension_of_somebody_else_is_not_touched() -> None:
    """Two people, each bound to their own: changing one writes to that one only."""
    bindings = [make_binding(1), Binding(guid(2), 1002, "202")]
    people = [make_person(1), make_person(2, mobile="5")]
    (command,) = plan_of(people, [make_extension(1), make_extension(2)], bindings).commands
    assert (command.extension_id, command.person_guid) == (1002, guid(2))
