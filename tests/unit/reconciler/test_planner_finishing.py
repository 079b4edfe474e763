"""What earlier runs had begun to make is finished first; what is still to be done to it comes after."""

from dataclasses import replace

from shared.domain.binding import LeftBehind
from shared.domain.command import CommandKind
from shared.domain.owed import Owed
from shared.domain.rules import Exclusion, ExclusionKind, WelcomeEmail
from tests.builders.domain import guid, make_binding, make_extension, make_person, make_rules
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps

# Anna1 had 201 (id 1001) and was being given 205 (id 1005); nothing of hers was moved yet.
ANNA = make_person(1, number="205")
OLD = make_extension(1)
NEW = make_extension(5, first_name="Anna1", last_name="Berg1", email="")
BINDING = make_binding(1, extension_id=1005, number="205")
LEFT = LeftBehind(guid(1), "Anna1 Berg1", 1001, "Anna1", "Berg1", "205", "201")
OWED = Owed("205", guid(1), "Anna1 Berg1", {"email": ANNA.email, "number": "205"}, 1001)


def test_a_renumbering_is_finished_before_the_former_extension_goes() -> None:
    plan = plan_of([ANNA], [OLD, NEW], [BINDING], left_behind=[LEFT], owed=[OWED])
    assert steps(plan) == ["finish 205", "disable 201", "delete 201"]
    finishing, disabling, _deletion = plan.commands
    assert dict(finishing.after) == {"former_id": 1001, "email": ANNA.email}
    assert disabling.requires == (finishing.sequence,)
    # By then the address has moved.
    assert disabling.before["email"] == ""


def test_what_changes_at_an_unfinished_extension_expects_it_finished() -> None:
    plan = plan_of([replace(ANNA, mobile="+491")], [OLD, NEW], [BINDING], left_behind=[LEFT], owed=[OWED])
    assert steps(plan) == ["finish 205", "update 205 mobile", "disable 201", "delete 201"]
    assert plan.commands[1].before["email"] == ANNA.email


def test_a_creation_is_finished_with_what_it_was_to_have() -> None:
    owed = Owed("201", guid(1), "Anna1 Berg1", {"template": "900", "email": "x@y.test", "first_name": "Old"})
    plan = plan_of([make_person(1)], [OLD], [make_binding(1)], owed=[owed])
    assert steps(plan) == ["finish 201"]
    assert dict(plan.commands[0].after) == {"template": "900"}


def test_what_3cx_refused_is_told_and_the_former_extension_kept() -> None:
    owed = replace(OWED, refusal="3CX refused RecordCalls.")
    plan = plan_of([replace(ANNA, email="")], [OLD, NEW], [BINDING], owed=[owed])
    assert steps(plan) == []
    assert "3CX refused RecordCalls." in only_finding(plan).message


def test_nothing_is_finished_of_somebody_excluded_and_it_is_said() -> None:
    rules = make_rules(exclusions=(Exclusion(ExclusionKind.EXACT, "Anna1 Berg1"),))
    plan = plan_of([ANNA], [OLD, NEW], [BINDING], rules=rules, left_behind=[LEFT], owed=[OWED])
    assert steps(plan) == []
    assert "steps_owed" in codes(plan)


def test_nothing_is_finished_of_an_extension_that_is_gone() -> None:
    assert "finish 205" not in steps(plan_of([ANNA], [OLD], [BINDING], owed=[OWED]))


def test_a_new_extension_is_welcomed_by_the_rule_and_only_with_an_address() -> None:
    rules = make_rules(welcome_email=WelcomeEmail.WITH_CREATION)
    people = [make_person(1), make_person(2, email="")]
    plan = plan_of(people, rules=rules)
    assert [command.after.get("welcome_email") for command in plan.commands] == [True, None]
    assert [command.after.get("welcome_email") for command in plan_of(people).commands] == [None, None]


def test_a_welcome_that_may_have_been_sent_is_finished_as_what_it_is() -> None:
    owed = Owed("201", guid(1), "Anna1 Berg1", {"template": "900", "welcome_email": "tried"})
    plan = plan_of([make_person(1)], [OLD], [make_binding(1)], owed=[owed])
    assert dict(plan.commands[0].after) == {"template": "900", "welcome_email": "tried"}


def test_a_template_asked_for_again_is_written_by_the_next_plan_and_says_that_it_was_asked_for() -> None:
    owed = Owed("201", guid(1), "Anna1 Berg1", {"template": "900", "again": True})
    plan = plan_of([make_person(1)], [make_extension(1)], [make_binding(1)], owed=[owed])
    (command,) = plan.commands
    assert (command.kind, dict(command.after)) == (
        CommandKind.FINISH_EXTENSION,
        {"template": "900", "again": True},
    )
    assert "as requested" in command.reason
