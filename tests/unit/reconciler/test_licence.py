"""What a plan deletes makes room in the licence for what it creates; who finds no room waits alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reconciler.guards import judge
from services.reconciler.licence import fit_into_licence
from shared.domain.command import STAGE_ORDER, Command, CommandKind
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.person import AbsentPerson
from shared.domain.plan import Plan
from shared.domain.rules import Limits, RunFacts
from tests.builders.domain import guid, make_binding, make_extension, make_person, make_phone_system
from tests.unit.reconciler.scenario import codes, plan_of, steps
from tests.unit.reconciler.strategies import Site, sites

Kind = tuple[str, int, tuple[int, ...]]


def _fitted(used: int, most: int | None, *kinds: Kind) -> Plan:
    """Commands given by kind, wave and requirements, numbered from 1."""
    commands = tuple(
        Command(
            sequence, CommandKind(f"{kind}_extension"), "", str(200 + sequence), wave=wave, requires=needed
        )
        for sequence, (kind, wave, needed) in enumerate(kinds, start=1)
    )
    return fit_into_licence(Plan(commands), PhoneSystemSnapshot(used_extensions=used, max_extensions=most))


def _create(wave: int = 0, *needed: int) -> Kind:
    return ("create", wave, needed)


@pytest.mark.parametrize(
    ("used", "most", "kinds", "expected"),
    [
        (8, 10, [_create()] * 2, ["create 201", "create 202"]),
        (8, 10, [_create()] * 3, ["create 201", "create 202", "create 203 !"]),
        (10, 10, [_create()] * 2, ["create 201 !", "create 202 !"]),
        (8, None, [_create()] * 3, ["create 201", "create 202", "create 203"]),
        (10, 10, [_create(), ("delete", 0, ())], ["delete 202", "wave 1: create 201"]),
        (
            10, 10, [_create(), _create(), ("delete", 0, ())],
            ["create 202 !", "delete 203", "wave 1: create 201"],
        ),
        (10, 10, [("delete", 0, ()), _create(1, 1)], ["delete 201", "wave 1: create 202"]),
        (
            9, 10, [_create(), ("delete", 0, ()), _create(1, 2)],
            ["create 201", "delete 202", "wave 1: create 203"],
        ),
        (10, 10, [("renumber", 0, ()), ("delete", 0, (1,))], ["renumber 201 !", "delete 202"]),
        (
            9, 10, [("renumber", 0, ()), ("renumber", 0, ()), ("delete", 0, (1,)), ("delete", 0, (2,))],
            ["renumber 201", "delete 203", "wave 1: renumber 202", "wave 1: delete 204"],
        ),
        (12, 10, [_create(), ("delete", 0, ())], ["create 201 !", "delete 202"]),
    ],
    ids=[
        "just fits", "one too many", "full", "unlimited", "a leaver makes room", "for one of two",
        "the place that is waited for anyway", "is left to who waits for it",
        "a new number needs room for a moment", "and gives it to the next", "over the limit",
    ],
)  # fmt: skip
def test_deletions_come_before_the_creations_that_need_their_places(
    used: int, most: int | None, kinds: list[Kind], expected: list[str]
) -> None:
    plan = _fitted(used, most, *kinds)
    told = [
        (f"wave {command.wave}: " if command.wave else "")
        + f"{command.kind.removesuffix('_extension')} {command.number}"
        + (" !" if command.sequence in plan.beyond_licence else "")
        for command in plan.commands
    ]
    assert told == expected


def test_a_plan_beyond_the_licence_says_so_and_is_still_made() -> None:
    phone_system = make_phone_system(used_extensions=9, max_extensions=10)
    plan = fit_into_licence(plan_of([make_person(1), make_person(2)], phone_system), phone_system)
    assert (plan.counts, codes(plan), plan.beyond_licence) == (
        {"create_extension": 2},
        ["licence_full"],
        (2,),
    )
    assert plan.findings[0].message == (
        "The licence allows 10 extensions and 9 are in use: 1 of 2 new ones will not fit. Enlarge the licence or free "
        "extensions."
    )
    assert plan.findings[0].person_guids == (guid(2),)


def test_with_no_place_free_a_leaver_goes_first_and_the_joiner_gets_the_place() -> None:
    phone_system = make_phone_system([make_extension(1), make_extension(3)], max_extensions=2)
    absent = [AbsentPerson(guid(1), found=False)]
    bindings = [make_binding(1), make_binding(3)]
    plan = fit_into_licence(
        plan_of([make_person(2), make_person(3)], phone_system, bindings, absent), phone_system
    )
    assert steps(plan) == ["disable 201", "delete 201", "wave 1: create 202"]
    assert judge(plan, RunFacts(), Limits()).held == {}


@given(sites(), st.integers(0, 4))
@settings(max_examples=150)
def test_an_order_by_licence_never_adds_more_than_fit_and_changes_nothing_else(site: Site, free: int) -> None:
    made = site.plan()
    used = len(site.phone_system.extensions)
    plan = fit_into_licence(made, PhoneSystemSnapshot(used_extensions=used, max_extensions=used + free))
    assert sorted(map(_deed, plan.commands)) == sorted(map(_deed, made.commands))
    order = [(item.wave, STAGE_ORDER.index(item.stage)) for item in plan.commands]
    assert order == sorted(order)
    done: set[int] = set()
    room = free
    for command in plan.commands:
        if command.sequence in plan.beyond_licence or not done.issuperset(command.requires):
            continue
        done.add(command.sequence)
        room += (command.kind is CommandKind.DELETE_EXTENSION) - (
            command.kind in (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)
        )
        assert room >= 0
    for command in plan.commands:
        before = {item.sequence for item in plan.commands if item.sequence < command.sequence}
        assert before.issuperset(command.requires)


def _deed(command: Command) -> str:
    return f"{command.kind} {command.number} {command.extension_id} {dict(command.after)}"
