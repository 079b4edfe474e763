"""People who are gone, out of use or without a number: removed as the rules say, and only on proof."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.extension import Membership
from shared.domain.person import AbsentPerson, AccountState
from shared.domain.plan import FindingCode, Plan
from shared.domain.rules import Adoption, ArchiveRule, Outcome, RemovalScope, UnitRule
from tests.builders.domain import (
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

STAYING = (make_person(9), make_extension(9), make_binding(9))
GONE = AbsentPerson(guid(1), found=False, last_unit=SUPPORT)
ELSEWHERE = AbsentPerson(guid(1), True, "CN=Anna1 Berg1,OU=Old,DC=corp,DC=example,DC=test", SUPPORT)
OUTCOMES = {
    "keep": [],
    "disable": ["disable 201"],
    "disable_then_delete": ["disable 201"],
    "delete": ["disable 201", "delete 201"],
}


def _plan(*present: Any, absent: tuple[AbsentPerson, ...] = (), extension: Any = None, **rules: Any) -> Plan:
    """One bound person who leaves, beside one who stays."""
    extensions = [extension or make_extension(1), STAYING[1]]
    bindings = [make_binding(1, person_name="Anna Berg"), STAYING[2]]
    return plan_of([*present, STAYING[0]], extensions, bindings, absent, make_rules(**rules))


WAYS: dict[str, Callable[[Outcome], Plan]] = {
    "deleted": lambda outcome: _plan(absent=(GONE,), when_deleted=outcome),
    "moved out": lambda outcome: _plan(absent=(ELSEWHERE,), when_moved_out=outcome),
    "disabled": lambda outcome: _plan(
        make_person(account_state=AccountState.DISABLED), when_disabled=outcome
    ),
    "expired": lambda outcome: _plan(make_person(account_state=AccountState.EXPIRED), when_disabled=outcome),
    "number cleared": lambda outcome: _plan(make_person(number=None), when_number_cleared=outcome),
}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_leaving_has_a_rule_of_its_own(way: str, outcome: Outcome) -> None:
    plan = WAYS[way](outcome)
    assert (steps(plan), plan.findings) == (OUTCOMES[outcome], ())


@pytest.mark.parametrize(
    ("way", "outcome", "reason"),
    [
        ("deleted", Outcome.DELETE, "Anna Berg was deleted from the directory."),
        ("moved out", Outcome.DISABLE, "Anna Berg is no longer in the selected OUs."),
        ("disabled", Outcome.DISABLE, "The account of Anna1 Berg1 is disabled in the directory."),
        ("expired", Outcome.DISABLE, "The account of Anna1 Berg1 has expired in the directory."),
        ("number cleared", Outcome.DISABLE, "Anna1 Berg1 no longer has a number in the directory."),
    ],
)
def test_a_removal_says_why_and_whose_it_is(way: str, outcome: Outcome, reason: str) -> None:
    for command in WAYS[way](outcome).commands:
        assert command.reason == reason
        assert command.person_guid == guid(1)
        assert command.unit == (SUPPORT if way in ("deleted", "moved out") else SALES)


def test_the_evidence_of_a_removal_names_every_unit_that_was_read() -> None:
    looked = f"Not found in {SALES} (read complete from dc1, 1 people); {SUPPORT} (read complete, 0 people)"
    assert WAYS["deleted"](Outcome.DISABLE).commands[0].evidence == (
        f"{looked}; no object with this GUID exists in the domain."
    )
    assert WAYS["moved out"](Outcome.DISABLE).commands[0].evidence == (
        f"{looked}; the person is now at {ELSEWHERE.distinguished_name}."
    )


def test_an_archive_comes_between_disabling_and_deleting_and_each_step_needs_the_one_before() -> None:
    plan = _plan(absent=(GONE,), archive=ArchiveRule("999"))
    assert steps(plan) == ["disable 201", "archive 201", "delete 201"]
    assert [command.requires for command in plan.commands] == [(), (1,), (2,)]
    assert plan.commands[1].after == {"archive": "999", "voicemails": True, "recordings": True}
    known = {
        "number": "201",
        "first_name": "Anna1",
        "last_name": "Berg1",
        "email": "anna1@corp.example.test",
    }
    assert plan.commands[0].before == known | {"enabled": True}
    assert [command.before for command in plan.commands[1:]] == [known | {"enabled": False}] * 2


def test_what_is_disabled_already_is_not_disabled_again() -> None:
    disabled = make_extension(1, enabled=False)
    assert steps(_plan(absent=(GONE,), extension=disabled)) == ["delete 201"]
    assert steps(_plan(absent=(ELSEWHERE,), extension=disabled)) == []


@pytest.mark.parametrize("outcome", [Outcome.DELETE, Outcome.DISABLE])
def test_an_incomplete_snapshot_removes_nobody_who_is_only_absent(outcome: Outcome) -> None:
    rules = make_rules(when_deleted=outcome, when_moved_out=outcome)
    for fact in (GONE, ELSEWHERE):
        plan = plan_of(
            [STAYING[0]], [make_extension(1), STAYING[1]], [make_binding(1), STAYING[2]], [fact], rules,
            is_complete=False, problem="dc1 did not answer",
        )  # fmt: skip
        assert plan.commands == ()
        assert only_finding(plan).message == (
            "Nobody is removed in this run, because not every organizational unit was read completely "
            f"({SALES}: dc1 did not answer). 1 change waits for the next complete reading."
        )


def test_an_incomplete_snapshot_still_disables_whoever_the_directory_says_is_disabled() -> None:
    person = make_person(account_state=AccountState.DISABLED)
    rules = make_rules(when_disabled=Outcome.DELETE)
    plan = plan_of([person], [make_extension()], [make_binding()], rules=rules, is_complete=False)
    assert (steps(plan), codes(plan)) == (["disable 201"], ["incomplete_snapshot"])


def test_an_empty_snapshot_removes_nobody() -> None:
    plan = plan_of([], [make_extension()], [make_binding()], [GONE])
    assert plan.commands == ()
    assert only_finding(plan).message == (
        "Nobody is removed in this run, because the directory returned no people. Check the OUs, the filter "
        "and the "
        "account's rights. 1 change waits for the next complete reading."
    )


def test_somebody_the_directory_was_not_asked_about_is_not_removed() -> None:
    plan = _plan()
    assert plan.commands == ()
    assert only_finding(plan).message == (
        "Some people could not be looked up in the directory, so they are not removed. 1 change waits for "
        "the next "
        "complete reading."
    )


def test_nothing_is_said_of_absent_people_whom_the_rules_keep() -> None:
    plan = _plan(when_deleted=Outcome.KEEP, when_moved_out=Outcome.KEEP)
    assert (plan.commands, plan.findings) == ((), ())


OWNER = (Membership(1, "DEFAULT", "system_owners"),)


@pytest.mark.parametrize(
    ("extension", "rules", "what"),
    [
        (make_extension(1, memberships=OWNER), {}, "a system owner's extension"),
        (make_extension(1), {"archive": ArchiveRule("201")}, "a template or the archive"),
        (
            make_extension(1),
            {"units": (UnitRule(SALES, "201"), UnitRule(SUPPORT))},
            "a template or the archive",
        ),
        (make_extension(1, number="HD1"), {}, "a hot desk"),
    ],
    ids=["system owner", "archive", "template", "hot desk"],
)
def test_what_is_protected_stays_whatever_the_rules_say(
    extension: Any, rules: dict[str, Any], what: str
) -> None:
    plan = _plan(absent=(GONE,), extension=extension, **rules)
    assert plan.commands == ()
    finding = only_finding(plan)
    assert (finding.code, finding.number) == (FindingCode.PROTECTED, extension.number)
    assert finding.message == (
        f"Extension {extension.number} (Anna1 Berg1) is {what} and is not changed, although it would be "
        "removed: Anna Berg "
        "was deleted from the directory."
    )


def test_with_scope_managed_an_extension_nobody_claims_is_none_of_our_business() -> None:
    plan = plan_of([STAYING[0]], [make_extension(1), STAYING[1]], [STAYING[2]])
    assert (plan.commands, plan.findings) == ((), ())


def test_with_scope_all_an_extension_nobody_claims_goes_as_if_deleted() -> None:
    rules = make_rules(removal_scope=RemovalScope.ALL, archive=ArchiveRule("999"))
    extensions = [make_extension(1), STAYING[1], make_extension(50, number="999"), make_extension(51, number="HD7"),
                  make_extension(52, memberships=OWNER)]  # fmt: skip
    plan = plan_of([STAYING[0]], extensions, [STAYING[2]], rules=rules)
    assert (steps(plan), plan.findings) == (["disable 201", "archive 201", "delete 201"], ())
    assert plan.commands[0].reason == "Nobody in the directory has number 201 (Anna1 Berg1 in 3CX)."
    assert plan.commands[0].person_guid is None


@pytest.mark.parametrize(
    "claimant",
    [
        pytest.param(make_person(1, first_name="Bob"), id="another name: in conflict"),
        pytest.param(
            make_person(1, account_state=AccountState.DISABLED, first_name="Bob"), id="a disabled account"
        ),
    ],
)
def test_with_scope_all_an_extension_somebody_stands_for_is_not_nobodys(claimant: Any) -> None:
    rules = make_rules(removal_scope=RemovalScope.ALL)
    extension = make_extension(1, email="")
    assert steps(plan_of([claimant, STAYING[0]], [extension, STAYING[1]], [STAYING[2]], rules=rules)) == []


def test_with_scope_all_an_incomplete_snapshot_removes_nothing() -> None:
    rules = make_rules(removal_scope=RemovalScope.ALL)
    extensions = [make_extension(1), make_extension(2), STAYING[1]]
    plan = plan_of([STAYING[0]], extensions, [STAYING[2]], rules=rules, is_complete=False)
    assert plan.commands == ()
    assert "2 changes wait for the next complete reading." in only_finding(plan).message


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.DISABLE, ["adopt 201", "disable 201"]),
        (Outcome.DELETE, ["adopt 201", "disable 201", "delete 201"]),
        (Outcome.KEEP, []),
    ],
)
def test_a_disabled_account_takes_its_unbound_extension_with_it(
    outcome: Outcome, expected: list[str]
) -> None:
    person = make_person(account_state=AccountState.DISABLED)
    plan = plan_of([person], [make_extension()], rules=make_rules(when_disabled=outcome))
    assert (steps(plan), plan.findings) == (expected, ())
    assert [command.requires for command in plan.commands] == [(), (1,), (2,)][: len(expected)]


def test_a_disabled_account_never_takes_an_extension_that_may_be_another_persons() -> None:
    disabled = make_person(1, account_state=AccountState.DISABLED)
    namesake = make_person(2, number="201", account_state=AccountState.DISABLED)
    successor = make_person(3, number="201", first_name="Anna1", last_name="Berg1")
    assert steps(plan_of([disabled, namesake], [make_extension(1)])) == []
    assert steps(plan_of([disabled, successor], [make_extension(1)])) == ["adopt 201", "update 201 email"]
    never = make_rules(adoption=Adoption.NEVER)
    assert steps(plan_of([disabled], [make_extension(1)], rules=never)) == []


def test_a_binding_is_stale_only_when_person_and_extension_are_both_gone() -> None:
    def _stale(fact: AbsentPerson, extensions: tuple[Any, ...] = (), **unit: Any) -> tuple[str, ...]:
        observed = make_phone_system([STAYING[1], *extensions])
        bindings = [make_binding(1), STAYING[2]]
        return plan_of([STAYING[0]], observed, bindings, [fact], **unit).stale_binding_guids

    assert _stale(GONE) == (guid(1),)
    assert _stale(ELSEWHERE) == ()
    assert _stale(GONE, (make_extension(1),)) == ()
    assert _stale(GONE, is_complete=False) == ()


@pytest.mark.parametrize(
    ("absent", "said"),
    [((GONE,), "conflict: 1 of this plan wait"), ((), "warning: so leavers")],
    ids=["gone", "nobody"],
)
def test_an_archive_that_3cx_does_not_have_is_found_before_anybody_waits_for_it(
    absent: tuple[AbsentPerson, ...], said: str
) -> None:
    present = () if absent else (make_person(1),)
    finding = only_finding(_plan(*present, absent=absent, archive=ArchiveRule("999")))
    severity, _, words = said.partition(": ")
    assert (finding.code, finding.severity, finding.number) == (FindingCode.ARCHIVE_MISSING, severity, "999")
    assert words in finding.message
