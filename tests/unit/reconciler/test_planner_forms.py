"""A value that 3CX writes in another form is not another value; what cannot be dialled is left out."""

from typing import Any

import pytest

from services.reconciler.matching import have_same_email, have_same_name
from shared.domain.binding import Shown
from tests.builders.domain import make_binding, make_extension, make_person
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps


@pytest.mark.parametrize(
    ("directory", "phone_system"),
    [
        ({"first_name": "Zoë"}, {"first_name": "Zoe\u0308"}),
        ({"last_name": "Müller"}, {"last_name": "Mu\u0308l\u200bler"}),
        ({"last_name": "van Berg"}, {"last_name": "van\u00a0Berg "}),
        ({"mobile": "+491711234567"}, {"mobile": "+49 (0)171 / 1234567".replace(" / ", "/")}),
        ({"mobile": "+491711234567"}, {"mobile": "+49 171 12345-67"}),
        ({"email": "ada@corp.example.test"}, {"email": "ADA@corp.example.test"}),
    ],
)
def test_3cx_keeps_its_own_form(directory: dict[str, Any], phone_system: dict[str, Any]) -> None:
    plan = plan_of([make_person(**directory)], [make_extension(**phone_system)], [make_binding()])
    assert (plan.commands, plan.findings) == ((), ())


@pytest.mark.parametrize(
    ("directory", "phone_system", "field"),
    [
        ({"first_name": "Zoë"}, {"first_name": "Zoe"}, "first_name"),
        ({"last_name": "MÜLLER"}, {"last_name": "Müller"}, "last_name"),
        ({"mobile": "+491711234567"}, {"mobile": "\u202a+491711234567\u202c"}, "mobile"),
        ({"mobile": "+491711234567"}, {"mobile": "0171 1234567"}, "mobile"),
        ({"mobile": ""}, {"mobile": "0171 1234567"}, "mobile"),
        ({"email": "ada@corp.example.test"}, {"email": "ada@corp.example.test\u200b"}, "email"),
    ],
)
def test_what_is_dialled_written_to_or_seen_differently_is_changed(
    directory: dict[str, Any], phone_system: dict[str, Any], field: str
) -> None:
    plan = plan_of([make_person(**directory)], [make_extension(**phone_system)], [make_binding()])
    assert (steps(plan), codes(plan)) == ([f"update 201 {field}"], [])


def test_a_mobile_number_that_cannot_be_dialled_is_left_as_it_is_and_told_of() -> None:
    person = make_person(mobile="0171 1 or 0172 2")
    kept = plan_of([person], [make_extension(mobile="+491711")], [make_binding()])
    assert (steps(kept), codes(kept)) == ([], ["bad_mobile"])
    created = plan_of([person])
    assert "mobile" not in created.commands[0].after
    assert only_finding(created).message == (
        "Anna1 Berg1 has '0171 1 or 0172 2' as mobile number, which cannot be dialled. It is left out. Correct it in "
        "the directory: one number, digits only, with + for abroad."
    )


def test_addresses_without_a_primary_one_are_told_of() -> None:
    finding = only_finding(plan_of([make_person(email="smtp:a@corp.example; smtp:b@corp.example")]))
    assert "must be marked as the primary address, with SMTP: in capitals." in finding.message


def test_names_and_addresses_that_look_equal_are_equal() -> None:
    person = make_person(first_name="Zoë", last_name="Berg", email="zoe@corp.example.test")
    assert have_same_name(person, make_extension(first_name="Zo\u200be\u0308", last_name="\u202aBerg"))
    assert have_same_email(person, make_extension(email="ZOE@corp.example.test\u200b"))
    assert not have_same_name(person, make_extension(first_name="Zoltan", last_name="Berg"))


def test_who_is_known_again_by_name_and_address_is_so_in_any_form() -> None:
    person = make_person(first_name="Zoë", last_name="Berg", email="zoe@corp.example.test")
    binding = make_binding(shown=Shown("Zoë", "Berg", "zoe@corp.example.test"))
    moved = make_extension(
        1,
        id=77,
        number="299",
        first_name="Zo\u200be\u0308",
        last_name="Berg",
        email="ZOE@corp.example.test\u200b",
    )
    plan = plan_of([person], [moved], [binding])
    assert (plan.moved_extensions, plan.lost_extensions) == (1, 0)


def test_an_address_is_held_in_any_form() -> None:
    held = make_extension(2, email="ADA@corp.example.test\u200b")
    plan = plan_of([make_person(email="ada@corp.example.test")], [held])
    assert "email" not in plan.commands[0].after
    assert codes(plan) == ["email_held"]


def test_another_form_is_remembered_once_and_changes_nothing_ever() -> None:
    person = make_person(first_name="Zoë", mobile="+491711234567")
    extension = make_extension(first_name="Zoe\u0308", mobile="+49 171 1234567")
    first = plan_of([person], [extension], [make_binding()])
    again = plan_of([person], [extension], first.remembered)
    assert (len(first.remembered), first.commands, first.findings) == (1, (), ())
    assert (again.remembered, again.commands, again.findings) == ((), (), ())


def test_a_field_whose_expression_does_not_work_is_left_as_it_is_and_told_of() -> None:
    person = make_person(
        mobile="",
        first_name="",
        unmapped=(("first_name", "Too long."), ("mobile", "There are 2 values here.")),
    )
    kept = plan_of([person], [make_extension(mobile="+491711")], [make_binding()])
    assert (steps(kept), codes(kept)) == ([], ["mapping_failed", "mapping_failed"])
    assert kept.findings[1].message.endswith("There are 2 values here. The field is not changed.")
    emptied = plan_of([make_person(mobile="")], [make_extension(mobile="+491711")], [make_binding()])
    assert steps(emptied) == ["update 201 mobile"]
