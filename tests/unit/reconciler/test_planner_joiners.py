"""People without an extension: created, adopted, or told why not."""

from typing import Any

import pytest

from shared.domain.extension import Extension, Membership, Peer
from shared.domain.person import AbsentPerson, AccountState
from shared.domain.plan import FindingCode, Severity
from shared.domain.rules import Adoption, ArchiveRule, Outcome, Rules, UnitRule
from tests.builders.domain import (
    QUEUE,
    SALES,
    SUPPORT,
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
)
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps

TEMPLATE = make_extension(90, number="900", first_name="Template", last_name="Sales", email="")
OWNERS = (Membership(1, "DEFAULT", "system_owners"),)
WITH_TEMPLATE = make_rules(units=(UnitRule(SALES, "900"), UnitRule(SUPPORT)))


def test_a_joiner_is_created_with_everything_the_directory_says() -> None:
    plan = plan_of([make_person(1, mobile="+1555")])
    (command,) = plan.commands
    assert steps(plan) == ["create 201"]
    assert dict(command.after) == {
        "number": "201",
        "first_name": "Anna1",
        "last_name": "Berg1",
        "email": "anna1@corp.example.test",
        "mobile": "+1555",
        "enabled": True,
    }
    assert (command.before, command.extension_id, command.person_guid) == ({}, None, guid(1))
    assert (command.person_name, command.unit) == ("Anna1 Berg1", SALES)
    assert command.reason == f"Anna1 Berg1 is in {SALES} with number 201 and has no extension in 3CX."
    assert command.evidence == f"CN=Anna1 Berg1,{SALES}, read from dc1."


def test_only_the_units_template_is_named_in_a_creation() -> None:
    people = [make_person(1), make_person(2, unit=SUPPORT)]
    plan = plan_of(people, [TEMPLATE], rules=WITH_TEMPLATE)
    assert [command.after.get("template") for command in plan.commands] == ["900", None]


def test_queues_and_ring_groups_of_the_template_are_wanted_where_the_unit_says_so() -> None:
    rules = make_rules(units=(UnitRule(SALES, "900", template_memberships=True), UnitRule(SUPPORT, "900")))
    plan = plan_of([make_person(1), make_person(2, unit=SUPPORT)], [TEMPLATE], rules=rules)
    assert [command.after.get("template_memberships") for command in plan.commands] == [True, None]


def test_nobody_of_a_unit_is_created_while_its_template_is_missing() -> None:
    plan = plan_of([make_person(1), make_person(2), make_person(3, unit=SUPPORT)], rules=WITH_TEMPLATE)
    assert steps(plan) == ["create 203"]
    finding = only_finding(plan)
    assert (finding.code, finding.number) == (FindingCode.TEMPLATE_MISSING, "900")
    assert finding.person_guids == (guid(1), guid(2))
    assert finding.message == (
        "The template extension 900 does not exist in 3CX, so no extension is created for Anna1 Berg1 and "
        "Anna2 "
        "Berg2. Create the template, or choose another for the unit."
    )


def test_a_sentence_names_five_people_and_the_finding_all() -> None:
    finding = only_finding(plan_of([make_person(index) for index in range(1, 9)], rules=WITH_TEMPLATE))
    assert "Anna5 Berg5 and 3 more." in finding.message
    assert len(finding.person_guids) == len(finding.person_names) == 8


def test_nobody_is_created_when_the_rules_do_not_add() -> None:
    plan = plan_of([make_person()], rules=make_rules(add_missing=False))
    assert (plan.commands, plan.findings) == ((), ())


@pytest.mark.parametrize("state", [AccountState.DISABLED, AccountState.EXPIRED])
def test_nobody_is_created_for_an_account_out_of_use(state: AccountState) -> None:
    plan = plan_of([make_person(account_state=state)])
    assert (plan.commands, plan.findings) == ((), ())


def test_somebody_without_a_number_is_nobodys_business() -> None:
    plan = plan_of([make_person(number=None)])
    assert (plan.commands, plan.findings) == ((), ())


def test_somebody_in_two_units_belongs_to_the_first_in_the_order_of_the_settings() -> None:
    twice = [make_person(1, unit=SUPPORT), make_person(1)]
    for people in (twice, twice[::-1]):
        (command,) = plan_of(people, [TEMPLATE], rules=WITH_TEMPLATE).commands
        assert (command.unit, command.after["template"]) == (SALES, "900")
        turned = make_rules(units=WITH_TEMPLATE.units[::-1])
        (command,) = plan_of(people, [TEMPLATE], rules=turned).commands
        assert (command.unit, "template" in command.after) == (SUPPORT, False)


STRANGER = {"first_name": "Bob", "last_name": "Hill", "email": "bob@corp.example.test"}


@pytest.mark.parametrize(
    ("adoption", "extension", "expected", "findings"),
    [
        pytest.param("same_name", {}, ["adopt 201"], [], id="same name: taken over"),
        pytest.param(
            "same_name",
            {"first_name": "BERG1", "last_name": "anna1", "email": ""},
            ["adopt 201", "update 201 email first_name last_name"],
            [],
            id="same name in another order and case",
        ),
        pytest.param("same_name", STRANGER, [], ["name_mismatch"], id="another name: a finding"),
        pytest.param(
            "same_name",
            STRANGER | {"email": "ANNA1@corp.example.test"},
            ["adopt 201", "update 201 first_name last_name"],
            ["name_mismatch"],
            id="another name, same address: taken over, never silently",
        ),
        pytest.param(
            "same_name",
            {"first_name": "", "last_name": "", "email": ""},
            [],
            ["name_mismatch"],
            id="no name proves nothing",
        ),
        pytest.param(
            "always",
            STRANGER,
            ["adopt 201", "update 201 email first_name last_name"],
            ["name_mismatch"],
            id="always: taken over, never silently",
        ),
        pytest.param("always", {}, ["adopt 201"], [], id="always and the same name"),
        pytest.param("never", {}, [], ["name_mismatch"], id="never, not even of the same name"),
    ],
)
def test_an_extension_nobody_is_bound_to(
    adoption: str, extension: dict[str, Any], expected: list[str], findings: list[str]
) -> None:
    rules = make_rules(adoption=Adoption(adoption))
    plan = plan_of([make_person()], [make_extension(1, **extension)], rules=rules)
    assert (steps(plan), codes(plan)) == (expected, findings)


def test_what_is_written_to_an_adopted_extension_needs_the_adoption() -> None:
    adoption, update = plan_of([make_person(mobile="1")], [make_extension(1)]).commands
    assert update.requires == (adoption.sequence,)
    assert adoption.before == {
        "number": "201",
        "first_name": "Anna1",
        "last_name": "Berg1",
        "email": "anna1@corp.example.test",
    }
    assert (
        adoption.reason == "Anna1 Berg1 is linked to extension 201 (Anna1 Berg1): the number and name match."
    )


def test_the_sentences_about_another_name() -> None:
    def _said(adoption: Adoption, **extension: str) -> str:
        return only_finding(
            plan_of([make_person()], [make_extension(1, **extension)], rules=make_rules(adoption=adoption))
        ).message

    assert _said(Adoption.SAME_NAME, **STRANGER) == (
        "Extension 201 is called 'Bob Hill' in 3CX, but the directory gives 201 to Anna1 Berg1. Nothing is "
        "changed. "
        "Correct the name or the number, or set “Extensions that exist already” to “Adopt when the number "
        "agrees”."
    )
    assert _said(Adoption.SAME_NAME, first_name="", last_name="", email="").startswith(
        "Extension 201 has no name in 3CX, but"
    )
    assert _said(Adoption.ALWAYS, **STRANGER) == (
        "Extension 201 is called 'Bob Hill' in 3CX and will be linked to Anna1 Berg1 because the rules link every "
        "extension with a person's number. If that is wrong, exclude the row when you approve, or correct the number."
    )
    assert _said(Adoption.NEVER) == (
        "Extension 201 (Anna1 Berg1) exists in 3CX already, the directory gives 201 to Anna1 Berg1, and the "
        "rules "
        "do not allow linking it. Nothing is changed. Set “Extensions that exist already” in the rules, or "
        "correct the number."
    )


PROTECTED = {
    "template": (TEMPLATE, WITH_TEMPLATE, "900", "a template or the archive"),
    "archive": (
        make_extension(99, number="999"),
        make_rules(archive=ArchiveRule("999")),
        "999",
        "the archive",
    ),
    "system owner": (
        make_extension(1, memberships=OWNERS),
        make_rules(),
        "201",
        "a system owner's extension",
    ),
}


@pytest.mark.parametrize(("extension", "rules", "number", "what"), PROTECTED.values(), ids=PROTECTED.keys())
def test_what_is_protected_is_never_taken_over(
    extension: Extension, rules: Rules, number: str, what: str
) -> None:
    named_alike = make_person(first_name=extension.first_name, last_name=extension.last_name, number=number)
    plan = plan_of([named_alike], [extension], rules=rules)
    finding = only_finding(plan)
    assert plan.commands == ()
    assert (finding.code, finding.number) == (FindingCode.PROTECTED, number)
    assert f"is {what}" in finding.message or f"{what} and is never taken over" in finding.message


def test_the_number_of_a_missing_template_or_archive_is_given_to_nobody() -> None:
    rules = make_rules(archive=ArchiveRule("999"), units=(UnitRule(SALES), UnitRule(SUPPORT, "900")))
    people = [make_person(1, number="999"), make_person(2, number="900"), make_person(3, number="999")]
    plan = plan_of([*people[:2], make_person(3)], [make_extension(3)], [make_binding(3)], rules=rules)
    gone = ["archive_missing", "protected", "protected", "template_missing"]
    assert (steps(plan), codes(plan)) == ([], gone)
    # Nobody waits for the template yet.
    assert plan.findings[-1].severity is Severity.WARNING
    assert "no extension is created for new people of its unit" in plan.findings[-1].message
    moving = plan_of([people[2]], [make_extension(3)], [make_binding(3)], rules=rules)
    assert (steps(moving), codes(moving)) == ([], ["archive_missing", "protected", "template_missing"])


@pytest.mark.parametrize(
    ("peer", "called"),
    [
        (QUEUE, "the queue Hotline"),
        (Peer("800", "RingGroup", "Team"), "the ring group Team"),
        (Peer("800", "IVR", "Welcome"), "the IVR Welcome"),
        (Peer("800", "Parking"), "the parking place"),
    ],
)
def test_a_number_that_no_user_holds_is_not_taken_away(peer: Peer, called: str) -> None:
    phone_system = make_phone_system([make_extension(2)], peers=(peer,))
    joiner, mover = make_person(1, number="800"), make_person(2, number="800")
    for plan in (plan_of([joiner], phone_system), plan_of([mover], phone_system, [make_binding(2)])):
        finding = only_finding(plan)
        assert (plan.commands, finding.code, finding.severity) == ((), "number_held", Severity.CONFLICT)
        assert finding.message.startswith(f"The number 800 of {finding.person_names[0]} is held by {called}.")


def test_a_number_of_somebody_who_keeps_it_is_held() -> None:
    people = [make_person(1, number="205"), make_person(2, number="201")]
    extensions, bindings = [make_extension(1)], [make_binding(1, person_name="Anna1 Berg1")]
    moved_out = [AbsentPerson(guid(1), found=True)]
    plan = plan_of(people[1:], extensions, bindings, moved_out, make_rules(when_moved_out=Outcome.KEEP))
    finding = only_finding(plan)
    assert "is held by extension 201 (Anna1 Berg1), which keeps it." in finding.message
    assert (plan.commands, finding.code) == ((), "number_held")
    # As soon as she moves on, it is free in the next wave.
    freed = plan_of(people, extensions, bindings)
    assert steps(freed) == ["renumber 201 205", "disable 201", "delete 201", "wave 1: create 201"]
    assert freed.commands[3].requires == (freed.commands[2].sequence,)


def test_names_of_any_script_go_over_as_they_are() -> None:
    person = make_person(first_name="Ümit 🦜", last_name='O\'Hara, "李"')
    (command,) = plan_of([person]).commands
    assert (command.after["first_name"], command.after["last_name"]) == ("Ümit 🦜", 'O\'Hara, "李"')
