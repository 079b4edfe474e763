"""A believable company for the demo: four departments, groups, and a few oddities as every real directory has them.

The same number of people and the same seed give the same company, GUIDs included.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.sandbox.directory.directory import Directory
from services.sandbox.directory.people import People, add_person, written

DEPARTMENTS = ("Sales", "Support", "Engineering", "Administration")
# With fewer people the oddities would be most of what there is to see.
ODDITIES_FROM = 100
BAD_NUMBER = "see reception"

_SHARES = (35, 25, 28, 12)
_WITHOUT_NUMBER = 0.05
_DISABLED = 0.02
_FOUR_DIGITS = 9000


@dataclass(frozen=True, slots=True)
class Oddities:
    """What a careful look at the directory should find; people by their DN."""

    shared_number: tuple[str, tuple[str, str]] | None = None
    bad_number: tuple[str, str] | None = None
    shared_mail: tuple[str, tuple[str, str]] | None = None
    without_number: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()


class Company(Directory):
    """The directory of a company, and the oddities that were built into it."""

    oddities: Oddities = Oddities()


def build_company(
    people: int, seed: int = 1, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Company:
    """A company of so many people in OU=Sales, Support, Engineering and Administration below OU=Staff.

    Numbers have the same length throughout: they begin at 1000, and above 9,000 people at 10000.
    """
    company = Company(seed=seed, now=now)
    chance = random.Random(f"company {people} {seed}")  # noqa: S311
    staff = company.add_unit("Staff")
    units = {name: company.add_unit(name, staff) for name in DEPARTMENTS}
    supply = People(company, seed)
    first = 1000 if people <= _FOUR_DIGITS else 10_000
    # Everybody is in a department at first come, so that even four people fill all of them.
    placed = [*DEPARTMENTS, *chance.choices(DEPARTMENTS, _SHARES, k=max(people - len(DEPARTMENTS), 0))][
        :people
    ]
    has_oddities = people >= ODDITIES_FROM
    without = set(chance.sample(range(people), round(people * _WITHOUT_NUMBER))) if has_oddities else set()
    everyone: list[str] = []
    members: dict[str, list[str]] = {name: [] for name in DEPARTMENTS}
    for index, department in enumerate(placed):
        number = None if index in without else written(first + index, chance)
        dn = add_person(company, units[department], department, supply.next(department), number)
        everyone.append(dn)
        members[department].append(dn)
    _add_groups(company, members)
    if has_oddities:
        company.oddities = _make_oddities(company, everyone, without, chance)
    return company


def _add_groups(company: Company, members: dict[str, list[str]]) -> None:
    """A group for each department inside one for all, so that membership is nested."""
    teams = [company.add_group(f"{name} Team", members[name]) for name in DEPARTMENTS]
    company.add_group("All Staff", teams)
    company.add_group("On Call", members["Support"][:5])


def _make_oddities(
    company: Company, everyone: list[str], without: set[int], chance: random.Random
) -> Oddities:
    with_number = [dn for index, dn in enumerate(everyone) if index not in without]
    # Each oddity gets people of its own, so that a finding has one reason.
    chosen = chance.sample(with_number, 5 + round(len(everyone) * _DISABLED))
    one, other, bad, mail_one, mail_other, *disabled = chosen
    number = company.get(one).text("telephoneNumber") or ""
    company.modify(other, {"telephoneNumber": number})
    company.modify(bad, {"telephoneNumber": BAD_NUMBER})
    mail = company.get(mail_one).text("mail") or ""
    company.modify(mail_other, {"mail": mail})
    for dn in disabled:
        company.disable(dn)
    return Oddities(
        shared_number=(number, (one, other)),
        bad_number=(bad, BAD_NUMBER),
        shared_mail=(mail, (mail_one, mail_other)),
        without_number=tuple(everyone[index] for index in sorted(without)),
        disabled=tuple(disabled),
    )
