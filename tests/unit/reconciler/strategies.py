"""Whole situations, drawn so that clashes are the rule."""

import random
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from services.reconciler.planner import make_plan
from shared.domain.binding import Binding, Shown
from shared.domain.extension import Department, Extension, Membership, PhoneSystemSnapshot
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import Plan
from shared.domain.rules import (
    Adoption,
    ArchiveRule,
    ChangedIn3cx,
    DepartmentMode,
    Exclusion,
    ExclusionKind,
    Outcome,
    PassedOn,
    Reenabling,
    RemovalScope,
    Rules,
    UnitRule,
)
from tests.builders.domain import DEFAULT, NOW, QUEUE, SALES, SUPPORT, guid, make_units

# Few of everything, so that clashes are the rule: numbers, names, addresses, departments.
NUMBERS = ["200", "201", "202", "203", "800", "900"]
NAMES = ["Anna", "Bob", "Ümit", "O'Hara"]
EMAILS = ["", "a@x.test", "A@x.test", "b@x.test", "c@x.test", "broken"]
DEPARTMENTS = ["Sales", "SALES", "Support", ""]


@dataclass(frozen=True)
class Site:
    """One drawn situation."""

    people: list[Person]
    phone_system: PhoneSystemSnapshot
    bindings: list[Binding]
    absent: list[AbsentPerson]
    rules: Rules

    def plan(self, *, is_complete: bool = True, shuffled_by: int | None = None) -> Plan:
        """The plan, from inputs in another order if asked."""
        people, bindings, absent = list(self.people), list(self.bindings), list(self.absent)
        phone_system = self.phone_system
        if shuffled_by is not None:
            dice = random.Random(shuffled_by)
            for listed in (people, bindings, absent):
                dice.shuffle(listed)
            extensions = list(phone_system.extensions)
            dice.shuffle(extensions)
            phone_system = replace(phone_system, extensions=tuple(extensions))
        units = make_units(len(self.people), is_complete=is_complete)
        return make_plan(people, phone_system, bindings, absent, self.rules, units, now=NOW)


PEOPLE = st.lists(
    st.builds(
        Person,
        guid=st.integers(1, 6).map(guid),
        distinguished_name=st.sampled_from(["CN=x", "CN=y"]),
        unit=st.sampled_from([SALES, SUPPORT]),
        first_name=st.sampled_from(NAMES),
        last_name=st.sampled_from(NAMES),
        email=st.sampled_from(EMAILS),
        mobile=st.sampled_from(["", "5"]),
        number=st.none() | st.sampled_from(NUMBERS),
        number_problem=st.none() | st.just("too short"),
        departments=st.sampled_from(DEPARTMENTS).map(lambda name: (name,) if name else ()),
        account_state=st.sampled_from(AccountState),
    ).map(lambda person: replace(person, number_problem=None) if person.number else person),
    max_size=6,
    unique_by=lambda person: (person.guid, person.unit),
)


@st.composite
def extensions(draw: st.DrawFn) -> list[Extension]:
    """Extensions with numbers and addresses that 3CX would allow together."""
    numbers = draw(st.lists(st.sampled_from([n for n in NUMBERS if n != "800"]), unique=True, max_size=5))
    free_emails = ["a@x.test", "b@x.test", "c@x.test"]
    made = []
    for index, number in enumerate(numbers):
        email = draw(st.sampled_from(["", *free_emails]))
        if email:
            free_emails.remove(email)
        primary = draw(st.sampled_from([1, 2]))
        made.append(
            Extension(
                id=1000 + index,
                number=number,
                first_name=draw(st.sampled_from(NAMES)),
                last_name=draw(st.sampled_from(NAMES)),
                email=email,
                enabled=draw(st.booleans()),
                memberships=(
                    Membership(
                        1, "DEFAULT", draw(st.sampled_from(["users", "users", "users", "system_owners"]))
                    ),
                    Membership(2, "Support"),
                ),
                primary_department_id=primary,
            )
        )
    return made


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """A whole situation; every bound person is present or told of."""
    people = draw(PEOPLE)
    observed = draw(extensions())
    bound = draw(st.lists(st.integers(1, 8), unique=True, max_size=len(observed)))
    bindings = [
        Binding(
            guid(person),
            draw(st.sampled_from([extension.id, extension.id, extension.id, 900 + person])),
            extension.number,
            disabled_by_rollcall=draw(st.booleans()),
            shown=draw(
                st.sampled_from(
                    [
                        Shown(extension.first_name, extension.last_name, extension.email),
                        Shown(extension.first_name, extension.last_name, ""),
                        Shown("Anna", "Bob"),
                        None,
                    ]
                )
            ),
        )
        for person, extension in zip(bound, observed, strict=False)
    ]
    present = {person.guid for person in people}
    absent = [
        AbsentPerson(binding.person_guid, draw(st.booleans()), "CN=elsewhere")
        for binding in bindings
        if binding.person_guid not in present
    ]
    rules = Rules(
        units=(UnitRule(SALES, draw(st.sampled_from([None, "900"]))), UnitRule(SUPPORT)),
        when_deleted=draw(st.sampled_from(Outcome)),
        when_moved_out=draw(st.sampled_from(Outcome)),
        when_disabled=draw(st.sampled_from(Outcome)),
        when_number_cleared=draw(st.sampled_from(Outcome)),
        add_missing=draw(st.booleans()),
        add_to_departments=draw(st.booleans()),
        create_missing_departments=draw(st.booleans()),
        department_mode=draw(st.sampled_from(DepartmentMode)),
        removal_scope=draw(st.sampled_from(RemovalScope)),
        when_number_passed_on=draw(st.sampled_from(PassedOn)),
        number_changed_in_3cx=draw(st.sampled_from(ChangedIn3cx)),
        adoption=draw(st.sampled_from(Adoption)),
        reenabling=draw(st.sampled_from(Reenabling)),
        exclusions=draw(
            st.sampled_from(
                [
                    (),
                    (Exclusion(ExclusionKind.CONTAINS, "bob"),),
                    (Exclusion(ExclusionKind.NUMBERS, "202-203"),),
                ]
            )
        ),
        archive=draw(st.sampled_from([None, ArchiveRule("203")])),
    )
    departments = (DEFAULT, Department(2, "Support"))
    phone_system = PhoneSystemSnapshot(tuple(observed), departments, (QUEUE,), len(observed))
    return Site(people, phone_system, bindings, absent, rules)
