"""Planning 100,000 people against 100,000 extensions, beside a bare dict join of the same data."""

import random
from datetime import UTC, datetime
from functools import partial

from bench.report import Figure, best_of_both
from services.reconciler.planner import make_plan
from shared.domain.binding import Binding, Shown
from shared.domain.extension import Extension, Membership, PhoneSystemSnapshot
from shared.domain.person import Person
from shared.domain.rules import Rules, UnitRule, UnitSnapshot

PEOPLE = 100_000
UNIT = "OU=Staff,DC=corp,DC=example,DC=test"
FIELDS = ("number", "first_name", "last_name", "email", "mobile")


def measure() -> list[Figure]:
    """One figure for a site in step (the usual run) and one where a hundredth of all people changed."""
    figures = []
    for changed, goal, note in ((0, 5.0, "in sync: nothing to do"), (PEOPLE // 100, 5.0, "1 % changed")):
        people, extensions, bindings = _site(changed)
        phone_system = PhoneSystemSnapshot(extensions=extensions, used_extensions=PEOPLE)
        rules = Rules(units=(UnitRule(UNIT),))
        units = (UnitSnapshot(UNIT, is_complete=True, people=PEOPLE),)
        plan = make_plan(people, phone_system, bindings, (), rules, units, now=datetime.now(UTC))
        joined = _dict_join(people, extensions, bindings)
        if len(plan.commands) != len(joined) or len(joined) != changed:
            raise AssertionError(f"plan {len(plan.commands)}, join {len(joined)}, changed {changed}")
        ours, reference = best_of_both(
            5,
            partial(make_plan, people, phone_system, bindings, (), rules, units, now=datetime.now(UTC)),
            partial(_dict_join, people, extensions, bindings),
        )
        figures.append(Figure(f"plan {PEOPLE:,} × {PEOPLE:,}", ours, reference, goal, note))
    return figures


def _dict_join(
    people: list[Person], extensions: tuple[Extension, ...], bindings: list[Binding]
) -> list[tuple[Person, Extension]]:
    """The least that any comparison must do: look each person's extension up and compare the five fields."""
    by_id = {extension.id: extension for extension in extensions}
    bound = {binding.person_guid: binding.extension_id for binding in bindings}
    different = []
    for person in people:
        extension = by_id[bound[person.guid]]
        if (person.number, person.first_name, person.last_name, person.email, person.mobile) != (
            extension.number,
            extension.first_name,
            extension.last_name,
            extension.email,
            extension.mobile,
        ):
            different.append((person, extension))
    return different


def _site(changed: int) -> tuple[list[Person], tuple[Extension, ...], list[Binding]]:
    dice = random.Random(1)
    people, extensions, bindings = [], [], []
    for index in range(PEOPLE):
        number = str(100_000 + index)
        first, last = f"First{index % 997}", f"Last{index}"
        mail = f"first{index}.last@corp.example.test"
        guid = f"{index:08x}-0000-4000-8000-000000000000"
        people.append(
            Person(
                guid=guid,
                distinguished_name=f"CN={first} {last},{UNIT}",
                unit=UNIT,
                first_name=f"New{index}" if index < changed else first,
                last_name=last,
                display_name=f"{first} {last}",
                email=mail,
                mobile=f"+1801555{index:06d}",
                number=number,
                number_text=number,
                login=f"user{index}",
            )
        )
        member = (Membership(1, "DEFAULT"),)
        extensions.append(
            # Equal, never identical: as read from another system, so that no comparison is a pointer check.
            Extension(index + 1, "".join(number), "".join([first]), "".join([last]), mail.replace("#", ""),
                      f"+1801555{index:06d}", True, member, 1)
        )  # fmt: skip
        shown = Shown("".join([first]), "".join([last]), "".join([mail]))
        bindings.append(Binding(guid, index + 1, "".join([number]), shown=shown))
    dice.shuffle(people)
    dice.shuffle(extensions)
    return people, tuple(extensions), bindings
