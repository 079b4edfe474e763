"""Who is who: small lives of people, each with the end that it must have."""

from dataclasses import replace
from typing import Any

import pytest

from services.reconciler.evidence import Evidence
from services.reconciler.guards import judge
from services.reconciler.identity import Reason, resolve
from services.reconciler.one_person import limited_to
from services.reconciler.situation import Situation
from shared.domain.binding import Binding, Shown
from shared.domain.command import CommandKind
from shared.domain.extension import Extension
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import FindingCode, Plan, Severity
from shared.domain.rules import (
    Adoption,
    ArchiveRule,
    ChangedIn3cx,
    Limits,
    Outcome,
    PassedOn,
    RemovalScope,
    Rules,
    RunFacts,
)
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
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps

# Bob (205) left, or not; an administrator gave his extension to Zoe in 3CX.
BOB = make_person(5, first_name="Bob", last_name="Hill", email="bob@corp.example.test")
BOBS = make_extension(5, first_name="Bob", last_name="Hill", email="bob@corp.example.test")
BOUND = make_binding(5, person_name="Bob Hill", shown=Shown("Bob", "Hill", "bob@corp.example.test"))
ZOES = replace(BOBS, first_name="Zoe", last_name="Zimmer", email="zoe@corp.example.test")
ZOE = make_person(7, number="205", first_name="Zoe", last_name="Zimmer", email="zoe@corp.example.test")
# Somebody who is always there, so that the reading is never empty.
IDA, IDAS, IDAS_BINDING = make_person(9), make_extension(9), make_binding(9)


def _plan(*people: Person, extensions: Any = (), bindings: Any = (), **more: Any) -> Plan:
    return plan_of([*people, IDA], [*extensions, IDAS], [*bindings, IDAS_BINDING], **more)


def _gone(index: int, *, found: bool = False) -> AbsentPerson:
    return AbsentPerson(guid(index), found, "CN=elsewhere" if found else "")


WAYS_TO_LEAVE: dict[str, tuple[list[Person], list[AbsentPerson]]] = {
    "disabled": ([replace(BOB, account_state=AccountState.DISABLED)], []),
    "disabled and emptied": ([replace(BOB, account_state=AccountState.DISABLED, number=None)], []),
    "expired": ([replace(BOB, account_state=AccountState.EXPIRED)], []),
    "number cleared": ([replace(BOB, number=None)], []),
    "moved out": ([], [_gone(5, found=True)]),
    "another number": ([replace(BOB, number="210")], []),
    "still there": ([BOB], []),
    "not looked up": ([], []),
}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("is_enabled", [True, False])
@pytest.mark.parametrize("way", WAYS_TO_LEAVE)
def test_an_extension_given_to_somebody_else_in_3cx_is_not_touched(
    way: str, is_enabled: bool, outcome: Outcome
) -> None:
    people, absent = WAYS_TO_LEAVE[way]
    rules = make_rules(
        when_deleted=outcome, when_moved_out=outcome, when_disabled=outcome, when_number_cleared=outcome
    )
    plan = _plan(
        *people,
        extensions=[replace(ZOES, enabled=is_enabled)],
        bindings=[BOUND],
        absent=absent,
        rules=rules,
    )
    assert steps(plan) == []
    finding = only_finding(plan)
    assert (finding.code, finding.severity, finding.number) == (
        FindingCode.REASSIGNED,
        Severity.CONFLICT,
        "205",
    )
    assert finding.person_guids == (guid(5),)
    assert finding.message == (
        "Extension 205 is linked to Bob Hill, but shows Zoe Zimmer (zoe@corp.example.test) in 3CX. Nothing "
        "is changed. If 205 now belongs to Zoe Zimmer, unlink Bob Hill (People, or: rollcall binding release "
        "205). If it still belongs to Bob Hill, correct its name or e-mail address in 3CX."
    )


def test_when_its_former_person_is_deleted_the_link_ends_and_nothing_else() -> None:
    plan = _plan(extensions=[ZOES], bindings=[BOUND], absent=[_gone(5)])
    (command,) = plan.commands
    assert (command.kind, command.person_guid) == (CommandKind.RELEASE_BINDING, guid(5))
    assert command.reason == (
        "Bob Hill was deleted from the directory, and extension 205 (Zoe Zimmer) shows somebody else in "
        "3CX. Nothing is "
        "changed."
    )
    assert only_finding(plan).message.endswith(
        "Nothing is changed. Bob Hill was deleted from the directory, so the link to Bob Hill is removed."
    )


def test_the_link_stays_where_extensions_of_nobody_are_removed() -> None:
    plan = _plan(
        extensions=[ZOES],
        bindings=[BOUND],
        absent=[_gone(5)],
        rules=make_rules(removal_scope=RemovalScope.ALL),
    )
    assert (steps(plan), codes(plan)) == ([], ["reassigned"])


@pytest.mark.parametrize("way", [way for way in WAYS_TO_LEAVE if way != "still there"])
def test_whom_the_extension_shows_adopts_it_when_the_directory_gives_them_its_number(way: str) -> None:
    people, absent = WAYS_TO_LEAVE[way]
    plan = _plan(*people, ZOE, extensions=[ZOES], bindings=[BOUND], absent=absent)
    expected = ["adopt 205"] + (["create 210"] if way == "another number" else [])
    assert (steps(plan), codes(plan)) == (expected, [])
    assert plan.commands[0].reason.endswith("It was linked to Bob Hill before.")


def test_two_people_with_one_number_in_the_directory_are_asked_about_and_nothing_else_is_said() -> None:
    plan = _plan(BOB, ZOE, extensions=[ZOES], bindings=[BOUND])
    assert (steps(plan), codes(plan)) == ([], ["duplicate_number", "reassigned"])


def test_somebody_else_with_the_number_is_told_who_has_it() -> None:
    nora = make_person(8, number="205")
    plan = _plan(replace(BOB, number=None), nora, extensions=[ZOES], bindings=[BOUND])
    assert (steps(plan), codes(plan)) == ([], ["number_held", "reassigned"])
    assert plan.findings[0].message.startswith(
        "The number 205 of Anna8 Berg8 is held by extension 205 (Zoe Zimmer)"
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"last_name": "Hill-Moore"}, id="another name, the same address"),
        pytest.param({"email": "robert@corp.example.test"}, id="another address, the same name"),
        pytest.param({"first_name": "HILL", "last_name": "bob", "email": ""}, id="the name in other letters"),
        pytest.param({"first_name": "", "last_name": "", "email": ""}, id="nobody's name or address"),
    ],
)
def test_what_still_shows_its_person_goes_with_them(change: dict[str, Any]) -> None:
    plan = _plan(extensions=[replace(BOBS, **change)], bindings=[BOUND], absent=[_gone(5)])
    assert (steps(plan), plan.findings) == (["disable 205", "delete 205"], ())


def test_an_older_binding_without_memory_is_known_by_its_persons_name() -> None:
    older = replace(BOUND, shown=None)
    assert steps(_plan(extensions=[BOBS], bindings=[older], absent=[_gone(5)])) == [
        "disable 205",
        "delete 205",
    ]
    assert codes(_plan(extensions=[ZOES], bindings=[older], absent=[_gone(5, found=True)])) == ["reassigned"]
    renamed = replace(BOB, last_name="Moore", email="moore@corp.example.test")
    assert steps(_plan(renamed, extensions=[BOBS], bindings=[older])) == ["update 205 email last_name"]


def test_what_both_ends_agree_on_is_remembered_and_nothing_that_only_3cx_shows() -> None:
    older = replace(BOUND, shown=None)
    (noted,) = _plan(BOB, extensions=[BOBS], bindings=[older]).remembered
    assert noted == BOUND
    half = replace(BOBS, first_name="Zoe", last_name="Zimmer")
    assert _plan(BOB, extensions=[half], bindings=[BOUND]).remembered == ()
    married = replace(BOB, last_name="Moore")
    (noted,) = _plan(married, extensions=[replace(BOBS, last_name="Moore")], bindings=[BOUND]).remembered
    assert noted.shown == Shown("Bob", "Moore", "bob@corp.example.test")


# Ada's account is made again.
ADA, ADAS, ADAS_BINDING = make_person(4), make_extension(4), make_binding(4, person_name="Anna4 Berg4")
AGAIN = make_person(14, number="204", first_name="Anna4", last_name="Berg4", email=ADA.email)
FORMER: dict[str, tuple[list[Person], list[AbsentPerson]]] = {
    "deleted": ([], [_gone(4)]),
    "moved out": ([], [_gone(4, found=True)]),
    "disabled": ([replace(ADA, account_state=AccountState.DISABLED)], []),
    "disabled and emptied": ([replace(ADA, account_state=AccountState.DISABLED, number=None, email="")], []),
    "emptied": ([replace(ADA, number=None)], []),
}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("former", FORMER)
@pytest.mark.parametrize("change", [{}, {"last_name": "King"}, {"email": ""}], ids=["", "married", "no mail"])
def test_an_account_made_again_keeps_its_extension(
    former: str, outcome: Outcome, change: dict[str, Any]
) -> None:
    people, absent = FORMER[former]
    rules = make_rules(
        when_deleted=outcome, when_moved_out=outcome, when_disabled=outcome, when_number_cleared=outcome
    )
    again = replace(AGAIN, **change)
    plan = _plan(*people, again, extensions=[ADAS], bindings=[ADAS_BINDING], absent=absent, rules=rules)
    updates = [f"update 204 {name}" for name in change]
    assert (steps(plan), codes(plan)) == (["rebind 204", *updates], ["rebound"])
    command = plan.commands[0]
    assert (command.person_guid, command.extension_id) == (guid(14), 1004)
    assert command.after["previous_person"] == guid(4)


def test_an_account_made_again_after_its_extension_was_disabled_has_it_enabled() -> None:
    binding = replace(ADAS_BINDING, disabled_by_rollcall=True)
    plan = _plan(AGAIN, extensions=[replace(ADAS, enabled=False)], bindings=[binding], absent=[_gone(4)])
    assert (steps(plan), codes(plan)) == (["rebind 204", "enable 204"], ["rebound"])
    assert plan.commands[1].requires == (1,)


def test_a_former_account_that_was_not_looked_up_keeps_its_extension() -> None:
    plan = _plan(AGAIN, extensions=[ADAS], bindings=[ADAS_BINDING])
    assert (steps(plan), codes(plan)) == ([], ["incomplete_snapshot", "number_held"])


# Ann's number is passed on to Nora.
ANN, ANNS, ANNS_BINDING = make_person(4), make_extension(4), make_binding(4, person_name="Anna4 Berg4")
NORA = make_person(6, number="204")
LEFT = {
    "deleted": ([], [_gone(4)]),
    "moved out": ([], [_gone(4, found=True)]),
    "number cleared": ([replace(ANN, number=None)], []),
    "disabled": ([replace(ANN, account_state=AccountState.DISABLED)], []),
    "disabled and emptied": ([replace(ANN, account_state=AccountState.DISABLED, number=None)], []),
    "expired": ([replace(ANN, account_state=AccountState.EXPIRED)], []),
}


@pytest.mark.parametrize("left", LEFT)
def test_a_number_passed_on_replaces_the_extension_by_default(left: str) -> None:
    people, absent = LEFT[left]
    rules = make_rules(archive=ArchiveRule("999"))
    plan = _plan(
        *people, NORA, extensions=[ANNS, make_extension(90, number="999")], bindings=[ANNS_BINDING],
        absent=absent, rules=rules,
    )  # fmt: skip
    assert (steps(plan), codes(plan)) == (
        ["disable 204", "archive 204", "delete 204", "wave 1: create 204"],
        [],
    )
    assert plan.commands[3].requires == (3,)


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("is_archiving", [False, True])
def test_a_number_passed_on_can_go_over_with_the_phone(left: str, is_archiving: bool) -> None:
    people, absent = LEFT[left]
    rules = make_rules(
        when_number_passed_on=PassedOn.TAKE_OVER, archive=ArchiveRule("999") if is_archiving else None
    )
    plan = _plan(
        *people, NORA, extensions=[ANNS, make_extension(90, number="999")], bindings=[ANNS_BINDING],
        absent=absent, rules=rules,
    )  # fmt: skip
    taken = ["rebind 204", "update 204 email first_name last_name"]
    emptied = ["disable 204", "archive 204", *(f"wave 1: {step}" for step in [*taken, "enable 204"])]
    assert (steps(plan), codes(plan)) == (emptied if is_archiving else taken, [])


def test_a_phone_that_goes_over_is_enabled_whoever_disabled_it_for_its_former_person() -> None:
    rules = make_rules(when_number_passed_on=PassedOn.TAKE_OVER)
    disabled = replace(ANNS, enabled=False)
    plan = _plan(replace(ANN, number=None), NORA, extensions=[disabled], bindings=[ANNS_BINDING], rules=rules)
    assert (steps(plan)[-1], codes(plan)) == ("enable 204", [])


@pytest.mark.parametrize("left", LEFT)
def test_a_number_passed_on_is_only_reported_if_the_rules_say_so(left: str) -> None:
    people, absent = LEFT[left]
    rules = make_rules(when_number_passed_on=PassedOn.REPORT, when_deleted=Outcome.DISABLE)
    plan = _plan(*people, NORA, extensions=[ANNS], bindings=[ANNS_BINDING], absent=absent, rules=rules)
    assert (steps(plan), codes(plan)) == (["disable 204"], ["number_passed_on"])


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("rule", PassedOn)
def test_a_number_passed_on_to_somebody_with_another_extension(left: str, rule: PassedOn) -> None:
    people, absent = LEFT[left]
    rules = make_rules(when_number_passed_on=rule, when_deleted=Outcome.DISABLE)
    plan = _plan(
        *people, NORA, extensions=[ANNS, make_extension(6)], bindings=[ANNS_BINDING, make_binding(6)],
        absent=absent, rules=rules,
    )  # fmt: skip
    if rule is PassedOn.REPORT:
        assert (steps(plan), codes(plan)) == (["disable 204"], ["number_passed_on"])
    else:
        moving = ["wave 1: renumber 206 204", "wave 1: disable 206", "wave 1: delete 206"]
        assert (steps(plan), codes(plan)) == (["disable 204", "delete 204", *moving], [])


@pytest.mark.parametrize("left", LEFT)
def test_a_number_that_the_rules_keep_is_not_passed_on(left: str) -> None:
    people, absent = LEFT[left]
    keep = Outcome.KEEP
    rules = make_rules(when_deleted=keep, when_moved_out=keep, when_disabled=keep, when_number_cleared=keep)
    plan = _plan(*people, NORA, extensions=[ANNS], bindings=[ANNS_BINDING], absent=absent, rules=rules)
    assert (steps(plan), codes(plan)) == ([], ["number_held"])


def test_nothing_is_deleted_for_somebody_who_cannot_be_created() -> None:
    rules = make_rules(add_missing=False)
    plan = _plan(replace(ANN, number=None), NORA, extensions=[ANNS], bindings=[ANNS_BINDING], rules=rules)
    assert steps(plan) == ["disable 204"]


@pytest.mark.parametrize(
    ("rule", "expected", "severity"),
    [
        (ChangedIn3cx.REPORT, ["update 222 mobile"], Severity.WARNING),
        (ChangedIn3cx.ACCEPT, ["update 222 mobile"], Severity.INFO),
        (
            ChangedIn3cx.FOLLOW_DIRECTORY,
            ["renumber 222 204", "disable 222", "delete 222"],
            Severity.INFO,
        ),
    ],
)
def test_a_number_changed_in_3cx_is_the_same_persons(
    rule: ChangedIn3cx, expected: list[str], severity: Severity
) -> None:
    rules = make_rules(number_changed_in_3cx=rule)
    changed = replace(ADAS, number="222")
    plan = _plan(replace(ADA, mobile="5"), extensions=[changed], bindings=[ADAS_BINDING], rules=rules)
    assert (steps(plan), codes(plan)) == (expected, ["number_changed_in_3cx"])
    assert plan.findings[0].severity is severity


def test_an_extension_under_another_id_is_renumbered_only_when_its_link_has_moved() -> None:
    changed = replace(ADAS, number="222", id=4444)
    rules = make_rules(number_changed_in_3cx=ChangedIn3cx.FOLLOW_DIRECTORY)
    plan = _plan(ADA, extensions=[changed], bindings=[ADAS_BINDING], rules=rules)
    assert (steps(plan), codes(plan)) == (["rebind 222"], ["number_changed_in_3cx", "rebound"])
    # It is still remembered by the number that it had.
    assert plan.commands[0].after["number"] == "204"
    moved = replace(ADAS_BINDING, extension_id=4444)
    assert steps(_plan(ADA, extensions=[changed], bindings=[moved], rules=rules))[0] == "renumber 222 204"


def test_a_number_changed_in_3cx_and_then_in_the_directory_is_in_step() -> None:
    plan = _plan(
        replace(ADA, number="222"), extensions=[replace(ADAS, number="222")], bindings=[ADAS_BINDING]
    )
    assert (steps(plan), codes(plan)) == ([], [])
    assert [binding.number for binding in plan.remembered] == ["222"]


def test_a_number_changed_differently_at_both_ends_follows_the_directory() -> None:
    changed = replace(ADAS, number="222")
    plan = _plan(replace(ADA, number="230"), extensions=[changed], bindings=[ADAS_BINDING])
    assert steps(plan)[0] == "renumber 222 230"


def test_somebody_whose_extension_was_renumbered_and_who_leaves_loses_that_one() -> None:
    plan = _plan(extensions=[replace(ADAS, number="222")], bindings=[ADAS_BINDING], absent=[_gone(4)])
    assert steps(plan) == ["disable 222", "delete 222"]


def _site(count: int, turned_by: int = 0) -> tuple[list[Person], list[Extension], list[Binding]]:
    """People in step; with the ids of their extensions turned by so many places, as after a restore."""
    places = range(1, count + 1)
    ids = {place: 1001 + (place - 1 + turned_by) % count for place in places}
    return (
        [make_person(place) for place in places],
        [make_extension(place, id=ids[place]) for place in places],
        [make_binding(place) for place in places],
    )


def test_after_a_restore_with_other_ids_the_links_follow_number_and_names() -> None:
    plan = plan_of(*_site(31, turned_by=7))
    assert steps(plan) == [f"rebind {201 + place}" for place in range(31)]
    assert only_finding(plan).code is FindingCode.REBOUND
    assert {(command.person_guid, command.number) for command in plan.commands} == {
        (guid(place), str(200 + place)) for place in range(1, 32)
    }
    verdict = judge(plan, RunFacts(units=make_units(31)), Limits())
    assert [reason.code for reason in verdict.reasons] == ["phone_system_changed"]


def test_after_a_restore_the_removal_of_one_person_is_that_persons() -> None:
    people, extensions, bindings = _site(31, turned_by=7)
    plan = plan_of(people[1:], extensions, bindings, [_gone(1)])
    others = [step for step in steps(plan) if not step.startswith("rebind")]
    assert others == ["disable 201", "delete 201"]
    (deletion,) = [command for command in plan.commands if command.kind is CommandKind.DELETE_EXTENSION]
    assert deletion.extension_id == extensions[0].id
    moved = next(command for command in plan.commands if command.person_guid == guid(1))
    disabling = next(command for command in plan.commands if command.kind is CommandKind.DISABLE_EXTENSION)
    assert moved.kind is CommandKind.REBIND_EXTENSION
    assert moved.sequence in disabling.requires


def test_a_few_extensions_with_other_ids_are_nothing_to_ask_about() -> None:
    people, extensions, bindings = _site(20)
    extensions[0] = replace(extensions[0], id=5001)
    plan = plan_of(people, extensions, bindings)
    assert steps(plan) == ["rebind 201"]
    assert judge(plan, RunFacts(units=make_units(20)), Limits()).reasons == ()


def test_namesakes_are_told_apart_by_their_numbers() -> None:
    twins = [make_person(place, first_name="John", last_name="Smith", email="") for place in (1, 2)]
    shown = Shown("John", "Smith")
    extensions = [
        make_extension(place, id=1003 - place, first_name="John", last_name="Smith", email="")
        for place in (1, 2)
    ]
    plan = plan_of(twins, extensions, [make_binding(place, shown=shown) for place in (1, 2)])
    assert steps(plan) == ["rebind 201", "rebind 202"]


def test_a_run_for_one_person_waits_as_well_when_the_phone_system_is_another_one() -> None:
    people, extensions, bindings = _site(12)
    phone_system = make_phone_system(extensions[:2])
    plan = limited_to(plan_of(people, phone_system, bindings), guid(7))
    assert steps(plan) == ["create 207"]
    verdict = judge(plan, RunFacts(units=make_units(12)), Limits())
    assert [reason.code for reason in verdict.reasons] == ["phone_system_changed"]


@pytest.mark.parametrize("kept", [0, 5])
def test_a_phone_system_without_most_of_the_extensions_waits_for_a_person(kept: int) -> None:
    people, extensions, bindings = _site(12)
    plan = plan_of(people[1:], extensions[:kept], bindings, [_gone(1)])
    verdict = judge(plan, RunFacts(units=make_units(11)), Limits())
    assert [reason.code for reason in verdict.reasons] == ["phone_system_changed"]
    assert plan.stale_binding_guids == ()


def test_one_extension_deleted_by_hand_is_created_again_without_asking() -> None:
    people, extensions, bindings = _site(5)
    plan = plan_of(people, extensions[1:], bindings)
    assert steps(plan) == ["create 201"]
    assert judge(plan, RunFacts(units=make_units(5)), Limits()).reasons == ()


def test_a_stranger_under_an_old_id_has_nothing_to_do_with_the_person() -> None:
    stranger = make_extension(60, id=1004)
    plan = _plan(ADA, extensions=[stranger], bindings=[ADAS_BINDING])
    assert (steps(plan), codes(plan)) == (["create 204"], [])
    leaving = _plan(extensions=[stranger], bindings=[ADAS_BINDING], absent=[_gone(4)])
    assert (steps(leaving), leaving.stale_binding_guids) == ([], (guid(4),))


def test_an_assignment_says_of_everybody_why() -> None:
    people = [make_person(1), ADA, AGAIN, make_person(20), ZOE]
    extensions = [make_extension(1), replace(ADAS, id=7), make_extension(20), ZOES]
    bindings = [make_binding(1), ADAS_BINDING, BOUND]
    situation = Situation(
        {person.guid: person for person in people if person is not AGAIN},
        make_phone_system(extensions),
        bindings,
        make_rules(),
        Evidence.of(make_units(4), [_gone(5)], 4),
        now=NOW,
    )
    found = resolve(situation)
    assert {**found.reasons, **{key: taken.reason for key, taken in found.taking.items()}} == {
        guid(4): Reason.REBOUND,
        guid(20): Reason.ADOPTED,
        guid(7): Reason.ADOPTED,
    }
    assert found.holder_of == {1001: guid(1), 7: guid(4), 1020: guid(20), 1005: guid(7)}


def test_nothing_but_a_rule_is_needed_for_adoption_of_what_shows_somebody_else() -> None:
    rules: Rules = make_rules(adoption=Adoption.ALWAYS)
    nora = make_person(8, number="205")
    plan = _plan(replace(BOB, number=None), nora, extensions=[ZOES], bindings=[BOUND], rules=rules)
    assert (steps(plan), codes(plan)) == ([], ["number_held", "reassigned"])
