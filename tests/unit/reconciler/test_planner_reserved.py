"""Numbers that nobody may be given: the reason is named, nobody is created on one, and who has one keeps it."""

from typing import Any

import phonenumbers
import pytest

from services.reconciler.reserved_numbers import ReservedNumbers
from shared.domain.emergency_numbers import EMERGENCY_NUMBERS
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.plan import FindingCode
from shared.domain.rules import Rules
from shared.settings.documents import SiteSettings
from tests.builders.domain import make_binding, make_extension, make_person, make_phone_system, make_rules
from tests.unit.reconciler.scenario import codes, only_finding, plan_of, steps

COUNTRIES = ["AT", "AU", "CA", "CH", "DE", "FR", "GB", "IE", "IT", "LU", "NL", "NO", "SE", "US"]


def _rules(**changes: Any) -> Rules:
    return make_rules(reserved_numbers=("112", "900-999"), **changes)


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_emergency_number_of_a_country_is_reserved_as_installed(country: str) -> None:
    candidates = [f"{number:0{length}}" for length in (2, 3) for number in range(10**length)]
    theirs = {number for number in candidates if phonenumbers.is_emergency_number(number, country)}
    assert theirs
    assert theirs <= set(EMERGENCY_NUMBERS) == set(SiteSettings().to_rules().reserved_numbers)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("112", "is an emergency number in AT, AU"),
        ("900", "is reserved by the rules (900-999)"),
        ("999", "is reserved by the rules (900-999)"),
        ("911", "is reserved by the rules (900-999)"),
        ("123", "is an emergency number in 3CX"),
        ("2041", "has 4 digits, and extension numbers in 3CX have 3 or 5"),
        ("204", None),
        ("0900", "has 4 digits"),
        ("20412", None),
        ("90000", None),
    ],
)
def test_the_reason_is_named(number: str, said: str | None) -> None:
    phone_system = PhoneSystemSnapshot(emergency_numbers=("123",), number_lengths=(3, 5))
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
