"""The plan of a situation, made with everybody at hand and made with those set aside who are in sync: the same."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.reconciler.planner import make_plan
from services.reconciler.roll_entries import entries_of
from services.reconciler.set_aside import Ends, Rest, can_be_set_aside, concerned, set_aside
from shared.domain.binding import Binding, LeftBehind
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.grace import Grace
from shared.domain.owed import Owed
from shared.domain.person import AbsentPerson, Person
from shared.domain.plan import Plan
from shared.domain.rules import Rules, UnitSnapshot
from shared.roll.entry import Entry


def make_either_way(
    people: Iterable[Person],
    phone_system: PhoneSystemSnapshot,
    bindings: Iterable[Binding],
    absent: Iterable[AbsentPerson],
    rules: Rules,
    units: tuple[UnitSnapshot, ...],
    left_behind: Iterable[LeftBehind] = (),
    owed: Iterable[Owed] = (),
    graces: Iterable[Grace] = (),
    *,
    now: datetime,
) -> Plan:
    """As ``make_plan``."""
    people, bindings, absent = list(people), list(bindings), list(absent)
    left_behind, owed, graces = list(left_behind), list(owed), list(graces)
    plan = make_plan(people, phone_system, bindings, absent, rules, units, left_behind, owed, graces, now=now)
    if not can_be_set_aside(rules):
        return plan
    rest = divided(people, phone_system, bindings, absent, rules, left_behind, owed, graces)
    of_rest = make_plan(
        rest.people,
        replace(phone_system, extensions=rest.extensions),
        rest.bindings,
        absent,
        rest.rules,
        units,
        left_behind,
        owed,
        graces,
        in_sync=rest.in_sync,
        now=now,
    )
    assert replace(of_rest, seen=None) == replace(plan, seen=None)
    assert _roll(of_rest) == _roll(plan)
    return plan


def divided(
    people: list[Person],
    phone_system: PhoneSystemSnapshot,
    bindings: list[Binding],
    absent: Iterable[AbsentPerson] = (),
    rules: Rules | None = None,
    left_behind: Iterable[LeftBehind] = (),
    owed: Iterable[Owed] = (),
    graces: Iterable[Grace] = (),
) -> Rest:
    """Those who are left to plan, and whoever is in sync."""
    ends = Ends(lambda: people, lambda: phone_system.extensions, lambda: bindings)
    about = concerned(owed, (), left_behind, graces, absent, None)
    return set_aside(ends, about, rules or Rules(), replace(phone_system, extensions=()))


def _roll(plan: Plan) -> list[Entry]:
    assert plan.seen is not None
    return sorted(entries_of(plan, plan.seen, {}), key=lambda entry: entry.holder)
