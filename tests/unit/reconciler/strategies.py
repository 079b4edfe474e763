"""Whole situations, drawn so that clashes are the rule."""

import itertools
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


# Made once: to make one costs more than to draw from it.
_EXTENSION_NUMBERS = st.lists(st.sampled_from([n for n in NUMBERS if n != "800"]), unique=True, max_size=5)
_NAME, _IS_SO, _OUTCOME = st.sampled_from(NAMES), st.booleans(), st.sampled_from(Outcome)
_FREE_EMAILS = ("a@x.test", "b@x.test", "c@x.test")
_SOME_EMAIL = {
    free: st.sampled_from(["", *free])
    for count in range(4)
    for free in itertools.permutations(_FREE_EMAILS, count)
}
_PRIMARY = st.sampled_from([1, 2])
_ROLE = st.sampled_from(["users", "users", "users", "system_owners"])
_BOUND = [st.lists(st.integers(1, 8), unique=True, max_size=count) for count in range(6)]
_IS_KNOWN, _SHOWN = st.sampled_from([True, True, True, False]), st.integers(0, 3)
_TEMPLATE = st.sampled_from([None, "900"])
_DEPARTMENT_MODE, _SCOPE = st.sampled_from(DepartmentMode), st.sampled_from(RemovalScope)
_PASSED_ON, _CHANGED = st.sampled_from(PassedOn), st.sampled_from(ChangedIn3cx)
_ADOPTION, _REENABLING = st.sampled_from(Adoption), st.sampled_from(Reenabling)
_EXCLUSIONS = st.sampled_from(
    [(), (Exclusion(ExclusionKind.CONTAINS, "bob"),), (Exclusion(ExclusionKind.NUMBERS, "202-203"),)]
)
_ARCHIVE = st.sampled_from([None, ArchiveRule("203")])


@st.composite
def extensions(draw: st.DrawFn) -> list[Extension]:
    """Extensions with numbers and addresses that 3CX would allow together."""
    numbers = draw(_EXTENSION_NUMBERS)
    free_emails: tuple[str, ...] = _FREE_EMAILS
    made = []
    for index, number in enumerate(numbers):
        email = draw(_SOME_EMAIL[free_emails])
        free_emails = tuple(free for free in free_emails if free != email)
        made.append(
            Extension(
                id=1000 + index,
                number=number,
                first_name=draw(_NAME),
                last_name=draw(_NAME),
                email=email,
                enabled=draw(_IS_SO),
                memberships=(
                    Membership(1, "DEFAULT", draw(_ROLE)),
                    Membership(2, "Support"),
                ),
                primary_department_id=draw(_PRIMARY),
            )
        )
    return made


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """A whole situation; every bound person is present or told of."""
    people = draw(PEOPLE)
    observed = draw(extensions())
    bound = draw(_BOUND[len(observed)])
    bindings = [
        Binding(
            guid(person),
            extension.id if draw(_IS_KNOWN) else 900 + person,
            extension.number,
            disabled_by_rollcall=draw(_IS_SO),
            shown=(
                Shown(extension.first_name, extension.last_name, extension.email),
                Shown(extension.first_name, extension.last_name, ""),
                Shown("Anna", "Bob"),
                None,
            )[draw(_SHOWN)],
        )
        for person, extension in zip(bound, observed, strict=False)
    ]
    present = {person.guid for person in people}
    absent = [
        AbsentPerson(binding.person_guid, draw(_IS_SO), "CN=elsewhere")
        for binding in bindings
        if binding.person_guid not in present
    ]
    rules = Rules(
        units=(UnitRule(SALES, draw(_TEMPLATE)), UnitRule(SUPPORT)),
        when_deleted=draw(_OUTCOME),
        when_moved_out=draw(_OUTCOME),
        when_disabled=draw(_OUTCOME),
        when_number_cleared=draw(_OUTCOME),
        add_missing=draw(_IS_SO),
        add_to_departments=draw(_IS_SO),
        create_missing_departments=draw(_IS_SO),
        department_mode=draw(_DEPARTMENT_MODE),
        removal_scope=draw(_SCOPE),
        when_number_passed_on=draw(_PASSED_ON),
        number_changed_in_3cx=draw(_CHANGED),
        adoption=draw(_ADOPTION),
        reenabling=draw(_REENABLING),
        exclusions=draw(_EXCLUSIONS),
        archive=draw(_ARCHIVE),
    )
    departments = (DEFAULT, Department(2, "Support"))
    phone_system = PhoneSystemSnapshot(tuple(observed), departments, (QUEUE,), len(observed))
    return Site(people, phone_system, bindings, absent, rules)
