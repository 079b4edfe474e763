"""Fields that are managed only where the settings say what gives them their value."""

import pytest

from shared.domain.command import CommandKind
from shared.domain.rules import RemovalScope
from shared.settings.documents import AttributeSettings
from tests.builders.domain import make_binding, make_extension, make_person, make_rules
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps

CALLER = ("caller_id", "+49301234204")
GERMAN = ("language", "DE")


def test_a_field_that_is_mapped_follows_the_directory_once() -> None:
    person = make_person(further=(CALLER, GERMAN))
    plan = plan_of(
        [person], [make_extension(further=(("caller_id", ""), ("language", "EN")))], [make_binding()]
    )
    assert (steps(plan), codes(plan)) == (["update 201 caller_id language"], [])
    command = plan.commands[0]
    assert command.reason.endswith("outbound caller ID, language.")
    assert (command.before["language"], command.after["language"]) == ("EN", "DE")
    done = plan_of([person], [make_extension(further=(CALLER, GERMAN))], [make_binding()])
    assert (done.commands, done.findings) == ((), ())


@pytest.mark.parametrize(
    ("directory", "phone_system"),
    [
        # Nothing is mapped, or the person has nothing: what 3CX has stays.
        ((), (CALLER, GERMAN)),
        ((GERMAN,), (("caller_id", "+4930"), GERMAN)),
        # 3CX has no such field, or it was not read.
        ((CALLER,), ()),
        ((CALLER,), (GERMAN,)),
        # Written in another form.
        ((CALLER,), (("caller_id", "+49 30 1234-204"),)),
        ((GERMAN,), (("language", "de"),)),
    ],
)
def test_a_field_is_left_alone(
    directory: tuple[tuple[str, str], ...], phone_system: tuple[tuple[str, str], ...]
) -> None:
    plan = plan_of([make_person(further=directory)], [make_extension(further=phone_system)], [make_binding()])
    assert (plan.commands, plan.findings) == ((), ())


@pytest.mark.parametrize("field", [("caller_id", "20 or 21"), ("language", "Deutsch!")])
def test_what_a_field_cannot_have_is_told_and_everything_else_goes_on(field: tuple[str, str]) -> None:
    shown = make_extension(first_name="Eva", further=((field[0], "x"),))
    plan = plan_of([make_person(further=(field,))], [shown], [make_binding()])
    assert (steps(plan), codes(plan)) == (["update 201 first_name"], ["mapping_failed"])
    assert f"'{field[1]}'" in only_finding(plan).message


def test_a_new_extension_is_given_them_and_the_template_of_the_person() -> None:
    template = make_extension(700, number="900", first_name="Template", last_name="", email="")
    plan = plan_of([make_person(further=(GERMAN,), template="900")], [template])
    (made,) = [command for command in plan.commands if command.kind is CommandKind.CREATE_EXTENSION]
    assert (made.after["language"], made.after["template"]) == ("DE", "900")


def test_a_template_that_a_person_names_and_3cx_lacks_creates_nobody() -> None:
    plan = plan_of([make_person(template="901")])
    assert (steps(plan), codes(plan)) == ([], ["template_missing"])


def test_the_templates_of_people_are_never_removed() -> None:
    template = make_extension(700, number="900", first_name="Template", last_name="", email="")
    rules = make_rules(removal_scope=RemovalScope.ALL)
    assert (
        steps(
            plan_of(
                [make_person(template="900")], [template, make_extension()], [make_binding()], rules=rules
            )
        )
        == []
    )
    assert any(
        "900" in step
        for step in steps(
            plan_of([make_person()], [template, make_extension()], [make_binding()], rules=rules)
        )
    )


def test_every_extension_that_an_expression_names_as_template_is_protected() -> None:
    settings = AttributeSettings(
        template='table(department, {"Sales": "901", "it": "902"}, c == "7" ? "903" : "none")'
    )
    assert set(settings.templates()) >= {"901", "902", "903"}
    assert "none" not in settings.templates()
    assert AttributeSettings(template="extensionAttribute3").templates() == ()
