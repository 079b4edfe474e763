"""What must hold of given numbers, whatever people, 3CX and the memory hold."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reconciler.planner import make_plan
from shared.domain.binding import Binding
from shared.domain.command import CommandKind
from shared.domain.extension import Peer, PhoneSystemSnapshot
from shared.domain.numbers import GivenNumber
from shared.domain.person import AccountState, Person
from shared.domain.plan import Plan
from shared.domain.rules import NumberOrder, NumberRange, Outcome, Rules, UnitRule
from tests.builders.domain import SALES, SUPPORT, guid, make_extension, make_person, make_units
from tests.unit.reconciler.model import Model

NOW = datetime(2026, 11, 30, tzinfo=UTC)
# Few, so that clashes are the rule.
NUMBERS = [str(number) for number in range(230, 238)]


@dataclass(frozen=True)
class _World:
    people: list[Person]
    phone_system: PhoneSystemSnapshot
    bindings: list[Binding]
    known: list[GivenNumber]
    rules: Rules

    def plan(self, *, is_complete: bool = True, seed: int | None = None) -> Plan:
        people, bindings, known = list(self.people), list(self.bindings), list(self.known)
        if seed is not None:
            for listed in (people, bindings, known):
                random.Random(seed).shuffle(listed)
        units = make_units(len(people), is_complete=is_complete)
        return make_plan(
            people, self.phone_system, bindings, (), self.rules, units, known_numbers=known, now=NOW
        )

    def after(self, plan: Plan) -> "_World":
        """When the plan was stored and carried out."""
        model = Model(self.phone_system, self.bindings)
        model.apply(plan)
        known = {item.number: item for item in self.known if item.number not in plan.numbers_forgotten}
        known |= {item.number: item for item in (*plan.numbers_reserved, *plan.numbers_changed)}
        return replace(
            self,
            phone_system=model.snapshot(),
            bindings=list(model.bindings.values()),
            known=list(known.values()),
        )


@st.composite
def _worlds(draw: st.DrawFn) -> _World:
    people = [
        make_person(
            index,
            number=draw(st.sampled_from([None, None, None, *NUMBERS])),
            unit=draw(st.sampled_from([SALES, SUPPORT])),
            account_state=draw(st.sampled_from([AccountState.ENABLED] * 3 + [AccountState.DISABLED])),
        )
        for index in draw(st.lists(st.integers(1, 8), unique=True, max_size=7))
    ]
    held = draw(st.lists(st.sampled_from(NUMBERS), unique=True, max_size=4))
    extensions = [make_extension(index, number=number) for index, number in enumerate(held, 1)]
    bindings = [
        Binding(guid(index), 1000 + index, number)
        for index, number in enumerate(held, 1)
        if draw(st.booleans()) and any(person.guid == guid(index) for person in people)
    ]
    known = [
        GivenNumber(
            number,
            draw(st.sampled_from(["", *map(guid, range(1, 9))])),
            "",
            NOW - timedelta(days=draw(st.integers(0, 3))),
            draw(st.booleans()),
            draw(st.sampled_from([None, NOW - timedelta(days=2), NOW - timedelta(days=40)])),
        )
        for number in draw(st.lists(st.sampled_from(NUMBERS), unique=True, max_size=4))
    ]
    ranges = [
        NumberRange(
            first,
            str(int(first) + draw(st.integers(0, 4))),
            unit,
            draw(st.sampled_from([(), ("231",)])),
            order,
        )
        for first, unit, order in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["229", "230", "233"]),
                    st.sampled_from(["", SALES, SUPPORT]),
                    st.sampled_from(NumberOrder),
                ),
                max_size=3,
            )
        )
    ]
    rules = Rules(
        units=(UnitRule(SALES), UnitRule(SUPPORT)),
        number_ranges=tuple(ranges),
        when_disabled=draw(st.sampled_from(Outcome)),
        reserved_numbers=draw(st.sampled_from([(), ("232",)])),
    )
    peers = draw(st.sampled_from([(), (Peer("233", "Queue"),)])) if "233" not in held else ()
    return _World(
        people, PhoneSystemSnapshot(tuple(extensions), (), peers, len(extensions)), bindings, known, rules
    )


def _created(plan: Plan) -> dict[str, str]:
    return {
        command.number: command.person_guid or ""
        for command in plan.commands
        if command.kind is CommandKind.CREATE_EXTENSION
    }


@given(_worlds(), st.integers())
@settings(max_examples=150)
def test_the_same_input_in_any_order_gives_the_same_numbers(world: _World, seed: int) -> None:
    assert world.plan(seed=seed) == world.plan()


@given(_worlds(), st.booleans())
@settings(max_examples=200)
def test_no_given_number_is_anybody_elses_or_outside_of_the_range(world: _World, is_complete: bool) -> None:
    plan = world.plan(is_complete=is_complete)
    directory = {person.number for person in world.people} - {None}
    held = {extension.number for extension in world.phone_system.extensions}
    of = {item.number: item for item in world.known}
    created = _created(plan)
    assert len(set(created.values())) == len(created)
    for item in plan.numbers_reserved:
        before, person = (
            of.get(item.number),
            next(one for one in world.people if one.guid == item.person_guid),
        )
        assert person.number is None
        assert item.number not in directory
        assert item.number not in {peer.number for peer in world.phone_system.peers}
        if item.number in held:
            # Only what is theirs already and not linked yet: reserved or not.
            assert item.number not in created
        else:
            assert item.number != "232" or not world.rules.reserved_numbers
        # An extension that shows them is theirs, whatever is remembered of its number.
        if before is not None and before.person_guid != item.person_guid and item.number in created:
            assert before.released_at is not None
            assert NOW - before.released_at >= timedelta(days=world.rules.number_quarantine_days)
        if before is None and item.number in created:
            assert is_complete
            assert any(
                one.first <= item.number <= one.last and item.number not in one.skip
                for one in world.rules.number_ranges
                if one.unit in ("", person.unit)
            )


@given(_worlds())
@settings(max_examples=200)
def test_planned_again_before_or_after_it_is_done_everybody_has_the_same_number(world: _World) -> None:
    plan = world.plan()
    known = {item.number: item for item in world.known} | {
        item.number: item for item in plan.numbers_reserved
    }
    again = replace(world, known=list(known.values())).plan()
    assert (again.content_hash, again.numbers_reserved) == (plan.content_hash, ())
    served = {item.person_guid for item in plan.numbers_reserved}
    after = world.after(plan)
    done = after.plan()
    # What the first plan forgot is free for those who got none; whoever has a number gets no other.
    assert served.isdisjoint(_created(done).values())
    settled = after.after(done)
    assert served.isdisjoint(item.person_guid for item in settled.plan().numbers_reserved)
    linked = {binding.person_guid: binding.number for binding in settled.bindings}
    for item in plan.numbers_reserved:
        assert linked[item.person_guid] == item.number
