"""The made-up company: believable, and the same each time it is made."""

from datetime import UTC, datetime

import pytest

from services.sandbox.directory import Company, build_company, change_company
from services.sandbox.directory.names import parent

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _build(people: int = 150, seed: int = 1) -> Company:
    return build_company(people, seed, now=lambda: NOON)


def _contents(company: Company) -> dict[str, dict[str, tuple[bytes, ...]]]:
    return {
        entry.dn: {name: attribute.values for name, attribute in entry.attributes.items()}
        for entry in company.entries()
    }


@pytest.mark.parametrize("people", [0, 4, 150])
def test_the_same_seed_makes_the_same_company(people: int) -> None:
    assert _contents(_build(people)) == _contents(_build(people))


def test_another_seed_makes_another_company() -> None:
    first, second = _contents(_build(seed=1)), _contents(_build(seed=2))
    assert first.keys() != second.keys()


def test_the_same_day_passes_in_the_same_company() -> None:
    first, second = _build(), _build()
    for day in range(3):
        assert change_company(first, seed=day) == change_company(second, seed=day)
    assert _contents(first) == _contents(second)


def test_a_company_has_so_many_people_in_four_departments() -> None:
    company = _build()
    assert len(company.people()) == 150
    assert [unit.partition(",")[0] for unit in company.units] == [
        "OU=Sales", "OU=Support", "OU=Engineering", "OU=Administration",
    ]  # fmt: skip
    assert {parent(person.dn) for person in company.people()} == set(company.units)


def test_nobody_shares_a_login_or_an_address_but_for_the_oddities() -> None:
    company = _build(1000)
    logins = [person.text("sAMAccountName") for person in company.people()]
    mails = [(person.text("mail") or "").lower() for person in company.people()]
    assert len(set(logins)) == 1000
    assert len(set(mails)) == 999


def test_the_oddities_are_where_the_company_says_they_are() -> None:
    company = _build()
    odd = company.oddities
    assert odd.shared_number
    assert odd.shared_mail
    assert odd.bad_number
    for attribute, (value, people) in (("telephoneNumber", odd.shared_number), ("mail", odd.shared_mail)):
        holders = {person.dn for person in company.people() if person.text(attribute) == value}
        assert holders == set(people)
    assert company.get(odd.bad_number[0]).text("telephoneNumber") == odd.bad_number[1]
    without = {person.dn for person in company.people() if not person.text("telephoneNumber")}
    assert without == set(odd.without_number)
    disabled = {person.dn for person in company.people() if person.number("userAccountControl") & 2}
    assert disabled == set(odd.disabled)
    assert without
    assert disabled


def test_a_small_company_has_no_oddities() -> None:
    company = _build(20)
    assert company.oddities.shared_number is None
    assert all(person.text("telephoneNumber") for person in company.people())


def test_everybody_is_in_the_group_of_a_department_and_so_in_the_one_for_all() -> None:
    company = _build(20)
    teams = company.get(f"CN=All Staff,{company.users_dn}").values("member")
    members = [member for team in teams for member in company.get(team.decode()).values("member")]
    assert sorted(members) == sorted(person.dn.encode() for person in company.people())


def test_a_day_brings_what_it_says() -> None:
    company = _build()
    before = {person.guid: person for person in company.people()}
    changes = change_company(company)
    after = {person.guid: person for person in company.people()}
    assert {before[guid].dn for guid in before.keys() - after.keys()} == set(changes.left)
    assert {after[guid].dn for guid in after.keys() - before.keys()} == set(changes.joined)
    renamed = dict(changes.renamed)
    assert renamed
    assert changes.moved
    for old, new in (*renamed.items(), changes.moved):
        (guid,) = [guid for guid, person in before.items() if person.dn == old]
        assert after[guid].dn == new
    assert changes.disabled is not None
    assert company.get(changes.disabled).number("userAccountControl") & 2
    untouched = {guid for guid in before.keys() & after.keys() if before[guid] is after[guid]}
    assert len(untouched) == 150 - len(changes.left) - len(renamed) - 2


def test_a_day_leaves_the_oddities_as_they_were() -> None:
    company = _build()
    for day in range(5):
        change_company(company, seed=day)
    assert company.oddities.shared_number
    number, people = company.oddities.shared_number
    assert [company.get(dn).text("telephoneNumber") for dn in people] == [number, number]
    assert company.oddities.bad_number
    assert (
        company.get(company.oddities.bad_number[0]).text("telephoneNumber") == company.oddities.bad_number[1]
    )


def test_a_day_in_an_empty_company_changes_nobody() -> None:
    company = _build(0)
    changes = change_company(company)
    assert (changes.left, changes.renamed, changes.moved, changes.disabled) == ((), (), None, None)
