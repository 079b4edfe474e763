"""Invariant 5: no two people ever hold a number; no person ever gets two extensions. Over weeks of random changes."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from shared.database.tables import RunState
from tests.faults.conftest import World, assert_in_step
from tests.support.phone_system import picture
from tests.support.site import Site

# Few numbers for many people, so that they get into each other's way all the time.
NUMBERS = [str(number) for number in range(2000, 2016)]
ROUNDS = 12
CHANGES_A_ROUND = 4


class Turmoil:
    """Random changes to the staff; which ones depends on the seed alone."""

    def __init__(self, world: World, seed: int) -> None:
        self._staff = world.staff
        self._chance = random.Random(seed)
        self._present: list[str] = []
        self._hired = 0

    def change(self) -> str:
        """One thing happens; what it was, for a failed test's message."""
        what: Callable[[], str] = self._chance.choices(
            [self._hire, self._leave, self._renumber, self._swap, self._clear, self._disable, self._rename],
            [5, 2, 6, 3, 1, 3, 2],
        )[0]
        return what() if self._present else self._hire()

    def _someone(self) -> str:
        return self._chance.choice(self._present)

    def _hire(self) -> str:
        login = f"p{self._hired:03}"
        self._hired += 1
        number = self._chance.choice(NUMBERS)
        self._staff.hire(login, number, self._chance.choice(self._staff.units))
        self._present.append(login)
        return f"{login} joins with {number}"

    def _leave(self) -> str:
        login = self._someone()
        self._present.remove(login)
        self._staff.leave(login)
        return f"{login} leaves"

    def _renumber(self) -> str:
        login, number = self._someone(), self._chance.choice(NUMBERS)
        self._staff.change(login, telephoneNumber=number)
        return f"{login} gets {number}"

    def _swap(self) -> str:
        one, other = self._someone(), self._someone()
        numbers = {login: self._number_of(login) for login in (one, other)}
        self._staff.change(one, telephoneNumber=numbers[other])
        self._staff.change(other, telephoneNumber=numbers[one])
        return f"{one} and {other} exchange {numbers}"

    def _clear(self) -> str:
        login = self._someone()
        self._staff.change(login, telephoneNumber=None)
        return f"{login} has no number"

    def _disable(self) -> str:
        login, enabled = self._someone(), self._chance.random() < 0.5
        self._staff.set_enabled(login, enabled)
        return f"{login} is {'enabled' if enabled else 'disabled'}"

    def _rename(self) -> str:
        login = self._someone()
        self._staff.change(login, givenName=f"Changed{self._chance.randrange(1000)}")
        return f"{login} is renamed"

    def _number_of(self, login: str) -> str | None:
        return self._staff.directory.get(self._staff.dn(login)).text("telephoneNumber")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_two_people_ever_hold_a_number_and_no_person_ever_gets_two_extensions(
    world: World, site: Site, seed: int
) -> None:
    turmoil = Turmoil(world, seed)
    strangers = picture(world.phone_system)
    for _round in range(ROUNDS):
        happened = [turmoil.change() for _change in range(CHANGES_A_ROUND)]
        run = site.complete()
        assert run.state in (RunState.DONE, RunState.IN_STEP), (happened, run.error_message, site.story())
        _assert_one_each(world, site, happened)
        assert {number: picture(world.phone_system)[number] for number in strangers} == strangers
        assert_in_step(site)


def _assert_one_each(world: World, site: Site, happened: list[str]) -> None:
    """Bindings and extensions agree one to one, and a person's name is on one extension only."""
    users = {user["Id"]: user for user in picture(world.phone_system).values()}
    bindings = site.bindings()
    numbers = Counter(binding.number for binding in bindings.values())
    assert max(numbers.values(), default=0) <= 1, (happened, numbers)
    for binding in bindings.values():
        assert users[binding.extension_id]["Number"] == binding.number, happened
    # The family name is the login and never changes, so it says whose an extension is.
    holders = Counter(user["LastName"] for user in users.values() if user["LastName"].startswith("Family"))
    assert max(holders.values(), default=0) <= 1, (happened, holders)
    assert sum(holders.values()) == len(bindings), (happened, holders)
