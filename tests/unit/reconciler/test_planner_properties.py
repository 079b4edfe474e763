"""What must hold for every plan, whatever the directory and the phone system hold."""

import random
from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.reconciler.guards import judge
from services.reconciler.planner import make_plan
from shared.domain.binding import Binding
from shared.domain.command import CommandKind
from shared.domain.extension import Department, Extension, Membership, PhoneSystemSnapshot
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import VerdictState
from shared.domain.rules import (
    Adoption,
    DepartmentMode,
    Exclusion,
    ExclusionKind,
    Limits,
    Outcome,
    Reenabling,
    RemovalScope,
    Rules,
    RunFacts,
    UnitRule,
)
from tests.builders.domain import DEFAULT, QUEUE, SALES, SUPPORT, guid, make_units
from tests.unit.reconciler.model import Model

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

    def plan(self, *, is_complete: bool = True, shuffled_by: int | None = None):  # type: ignore[no-untyped-def]
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
        return make_plan(people, phone_system, bindings, absent, self.rules, units)


PEOPLE = st.lists(
    st.builds(
        Person,
        guid=st.integers(1, 6).map(guid),
        distinguished_name=st.sampled_from(["CN=x", "CN=y"]),
        unit=st.sampled_from([SALES, SUPPORT]),
        first_name=st.sampled_from(NAMES),
        last_name=st.sampled_from(NAMES),
        email=st.sampled_from(EMAILS),
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
        Binding(guid(person), extension.id, extension.number, disabled_by_rollcall=draw(st.booleans()))
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
        archive_number=draw(st.sampled_from([None, "203"])),
    )
    departments = (DEFAULT, Department(2, "Support"))
    phone_system = PhoneSystemSnapshot(tuple(observed), departments, (QUEUE,), len(observed))
    return Site(people, phone_system, bindings, absent, rules)


def _waits_for_a_second_extension(site: Site) -> bool:
    """Whether a disabled account holds one extension and has the number of another: handled one run after the other."""
    bound = {binding.person_guid: binding.extension_id for binding in site.bindings}
    numbers = {extension.id: extension.number for extension in site.phone_system.extensions}
    return any(
        person.account_state is not AccountState.ENABLED
        and person.guid in bound
        and person.number is not None
        and numbers[bound[person.guid]] != person.number
        for person in site.people
    )


@given(sites())
@settings(max_examples=600, deadline=None)
def test_planning_again_after_executing_gives_an_empty_plan(site: Site) -> None:
    assume(not _waits_for_a_second_extension(site))
    plan = site.plan()
    model = Model(site.phone_system, site.bindings)
    model.apply(plan)
    bindings = list(model.bindings.values())
    again = Site(site.people, model.snapshot(), bindings, site.absent, site.rules).plan()
    assert [(c.kind, c.number, c.before, c.after, c.reason) for c in again.commands] == []


@given(sites(), st.integers())
@settings(max_examples=300, deadline=None)
def test_the_order_of_the_input_never_matters(site: Site, seed: int) -> None:
    plan, shuffled = site.plan(), site.plan(shuffled_by=seed)
    assert shuffled == plan
    assert shuffled.content_hash == plan.content_hash


@given(sites())
@settings(max_examples=300, deadline=None)
def test_no_number_is_ever_given_to_two_people_and_no_person_gets_two_extensions(site: Site) -> None:
    plan = site.plan()
    giving = [
        command
        for command in plan.commands
        if command.kind
        in (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION, CommandKind.ADOPT_EXTENSION)
    ]
    assert max(Counter(command.number for command in giving).values(), default=1) == 1
    assert max(Counter(command.person_guid for command in giving).values(), default=1) == 1


@given(sites())
@settings(max_examples=300, deadline=None)
def test_an_incomplete_snapshot_removes_nobody(site: Site) -> None:
    plan = site.plan(is_complete=False)
    assert not [command for command in plan.commands if command.kind is CommandKind.DELETE_EXTENSION]
    inactive = {person.guid for person in site.people if person.account_state is not AccountState.ENABLED}
    cleared = {person.guid for person in site.people if person.number is None}
    for command in plan.commands:
        if command.kind is CommandKind.DISABLE_EXTENSION:
            assert command.person_guid in inactive | cleared, "disabled on absence alone"


@given(sites())
@settings(max_examples=200, deadline=None)
def test_an_empty_snapshot_removes_nobody(site: Site) -> None:
    plan = replace(site, people=[]).plan()
    assert plan.commands == ()


@given(sites())
@settings(max_examples=300, deadline=None)
def test_what_is_protected_or_excluded_is_never_touched(site: Site) -> None:
    by_id = {extension.id: extension for extension in site.phone_system.extensions}
    reserved = {"900"} if any(unit.template_number for unit in site.rules.units) else set()
    reserved |= {site.rules.archive_number or ""}
    is_bob = any(exclusion.value == "bob" for exclusion in site.rules.exclusions)
    for command in site.plan().commands:
        extension = by_id.get(command.extension_id or 0)
        if extension is None:
            continue
        assert extension.number not in reserved
        if command.kind in (CommandKind.DISABLE_EXTENSION, CommandKind.DELETE_EXTENSION):
            assert not extension.is_system_owner
        if is_bob:
            assert "Bob" not in extension.name


@given(st.integers(1, 60), st.integers(0, 200))
def test_more_removals_than_both_limits_are_always_held(removed: int, kept: int) -> None:
    total = removed + kept
    people = [Person(guid(index), "CN=x", SALES, "A", "B", number=str(1000 + index)) for index in range(kept)]
    observed = tuple(Extension(index + 1, str(1000 + index), "A", "B") for index in range(total))
    bindings = [Binding(guid(index), index + 1, str(1000 + index)) for index in range(total)]
    absent = [AbsentPerson(guid(index), found=False) for index in range(kept, total)]
    units = make_units(kept, people_before=None)
    plan = make_plan(
        people, PhoneSystemSnapshot(observed), bindings, absent, Rules(units=(UnitRule(SALES),)), units
    )
    deletions = plan.counts.get("delete_extension", 0)
    assert deletions == (removed if kept else 0)
    held = judge(plan, RunFacts(units=units), Limits()).state is VerdictState.HELD
    assert held == (deletions > 5 and deletions * 100 > total * 5)
