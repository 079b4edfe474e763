"""Numbers that nobody may be given: the reason is named, nobody is created on one, and who has one keeps it."""

import re
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from services.reconciler.reserved_numbers import ReservedNumbers
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.person import AccountState
from shared.domain.plan import FindingCode
from shared.domain.rules import EMERGENCY_NUMBERS, PassedOn, Rules
from shared.settings.documents import SiteSettings
from tests.builders.domain import make_binding, make_extension, make_person, make_phone_system, make_rules
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps

DOCUMENT = Path(__file__).parents[3] / "docs" / "numbers.md"
# What the document lets administrators of a country add, by the two letters: "| Austria (AT) | 122, 133 |".
TO_ADD = {
    code: set(re.findall(r"[0-9]+", numbers))
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
    if (row := re.fullmatch(r"\| ([^|]+) \| ([0-9, ]*|none) \|", line))
    for code in re.findall(r"\(([A-Z]{2})\)", row[1])
    for numbers in [row[2]]
}


def _rules(**changes: Any) -> Rules:
    return make_rules(reserved_numbers=("112", "900-999"), **changes)


@pytest.mark.parametrize("country", TO_ADD)
def test_the_document_names_every_emergency_number_of_a_country(country: str) -> None:
    candidates = [f"{number:0{length}}" for length in (2, 3) for number in range(10**length)]
    theirs = {number for number in candidates if phonenumbers.is_emergency_number(number, country)}
    assert theirs
    assert theirs <= TO_ADD[country] | set(EMERGENCY_NUMBERS)
    assert not TO_ADD[country] & set(EMERGENCY_NUMBERS)


def test_as_installed_only_numbers_that_are_dialled_for_help_in_many_countries_are_reserved() -> None:
    assert len(TO_ADD) >= 14
    assert SiteSettings().to_rules().reserved_numbers == EMERGENCY_NUMBERS
    # Extensions from 100 to 199 are usual: only the one number goes to nobody.
    reserved = ReservedNumbers(EMERGENCY_NUMBERS, PhoneSystemSnapshot())
    assert [number for number in map(str, range(10, 200)) if reserved.reason(number)] == ["112"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("112", "is an emergency number in many countries"),
        ("900", "is reserved by the rules (900-999)"),
        ("999", "is reserved by the rules (900-999)"),
        ("911", "is reserved by the rules (900-999)"),
        ("123", "is an emergency number in 3CX"),
        ("800", "is a dial code in 3CX"),
        ("2041", "has 4 digits, and extension numbers in 3CX have 3 or 5"),
        ("204", None),
        ("0900", "has 4 digits"),
        ("20412", None),
        ("90000", None),
    ],
)
def test_the_reason_is_named(number: str, said: str | None) -> None:
    phone_system = PhoneSystemSnapshot(emergency_numbers=("123",), number_lengths=(3, 5), dial_codes=("800",))
    reason = ReservedNumbers(("112", "900-999"), phone_system).reason(number)
    assert (reason is None) == (said is None)
    assert (reason or "").startswith(said or "")


@pytest.mark.parametrize("number", ["112", "950"])
def test_nobody_is_created_on_a_reserved_number(number: str) -> None:
    plan = plan_of([make_person(number=number)], rules=_rules())
    assert steps(plan) == []
    finding = only_finding(plan)
    assert (finding.code, finding.number) == (FindingCode.NUMBER_RESERVED, number)
    assert "No extension is created on it." in finding.message


def test_who_has_one_keeps_it_and_follows_the_directory_with_a_finding_in_every_run() -> None:
    extension, binding = make_extension(number="950"), make_binding(number="950")
    for mobile in ("", "5"):
        plan = plan_of([make_person(number="950", mobile=mobile)], [extension], [binding], rules=_rules())
        assert steps(plan) == (["update 950 mobile"] if mobile else [])
        assert codes(plan) == ["number_reserved"]
        assert "They keep their extension." in only_finding(plan).message


def test_nobody_is_renumbered_to_one() -> None:
    plan = plan_of([make_person(number="950")], [make_extension()], [make_binding()], rules=_rules())
    assert (steps(plan), codes(plan)) == ([], ["number_reserved"])
    assert "They keep extension 201." in only_finding(plan).message


def test_an_extension_that_exists_already_is_adopted() -> None:
    plan = plan_of([make_person(number="950")], [make_extension(number="950")], rules=_rules())
    assert steps(plan) == ["adopt 950"]


def test_what_the_phone_system_says_of_itself_counts_as_well() -> None:
    phone_system = make_phone_system(number_lengths=(4,), emergency_numbers=("2012",))
    people = [make_person(1), make_person(2, number="2012"), make_person(3, number="2013")]
    plan = plan_of(people, phone_system)
    assert (steps(plan), codes(plan)) == (["create 2013"], ["number_reserved", "number_reserved"])


# Ann leaves 950, which her extension keeps; the directory gives it to Nora.
ANN = make_person(5, number=None, account_state=AccountState.DISABLED)
ANNS, BINDING = make_extension(5, number="950"), make_binding(5, number="950")
NORA = make_person(2, number="950")


@pytest.mark.parametrize("rule", [PassedOn.REPLACE, PassedOn.REPORT])
@pytest.mark.parametrize("has_another", [False, True])
def test_no_extension_is_deleted_for_somebody_who_may_not_have_its_number(
    rule: PassedOn, has_another: bool
) -> None:
    theirs = ([make_extension(2)], [make_binding(2)]) if has_another else ([], [])
    rules = _rules(when_number_passed_on=rule)
    plan = plan_of([ANN, NORA], [ANNS, *theirs[0]], [BINDING, *theirs[1]], rules=rules)
    assert (steps(plan), codes(plan)) == (["disable 950"], ["number_reserved"])


def test_an_extension_is_passed_on_with_a_reserved_number_if_the_rules_say_so() -> None:
    rules = _rules(when_number_passed_on=PassedOn.TAKE_OVER)
    plan = plan_of([ANN, NORA], [ANNS], [BINDING], rules=rules)
    assert steps(plan) == ["rebind 950", "update 950 email first_name last_name"]
    assert "They keep their extension." in only_finding(plan).message
