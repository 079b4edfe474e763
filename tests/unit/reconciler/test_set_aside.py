"""Who is set aside because nothing concerns them, and that a plan without them is the same."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.binding import LeftBehind, Shown
from shared.domain.extension import Membership, Peer
from shared.domain.owed import Owed
from shared.domain.person import AccountState
from shared.domain.rules import Exclusion, ExclusionKind, Rules, UnitRule
from tests.builders.domain import (
    NOW,
    SALES,
    SUPPORT,
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_units,
)
from tests.unit.reconciler.aside import divided, make_either_way
from tests.unit.reconciler.strategies import EMAILS, NAMES, NUMBERS, Site, sites

FEW = 6
PEOPLE = [make_person(1), make_person(2)]
EXTENSIONS = (make_extension(1), make_extension(2))
BINDINGS = [make_binding(1), make_binding(2)]


@st.composite
def sites_with_colleagues(draw: st.DrawFn) -> Site:
    """A situation with people in sync beside it, who may have a number, a name or an address that others claim too."""
    site = draw(sites())
    people, extensions, bindings = [*site.people], [*site.phone_system.extensions], [*site.bindings]
    numbers = {item.number for item in extensions}
    emails = {item.email.casefold() for item in extensions if item.email}
    for index in range(50, 50 + draw(st.integers(1, FEW))):
        both = {
            "number": draw(st.sampled_from([*NUMBERS, str(450 + index)])),
            "email": draw(st.sampled_from([*EMAILS[:-1], f"{index}@x.test"])),
            "first_name": draw(st.sampled_from(NAMES)),
            "last_name": draw(st.sampled_from(NAMES)),
        }
        if both["number"] in numbers or both["email"].casefold() in emails:
            continue
        numbers.add(both["number"])
        emails |= {both["email"].casefold()} - {""}
        people.append(make_person(index, **both))
        extensions.append(make_extension(index, **both))
        shown = Shown(both["first_name"], both["last_name"], both["email"])
        bindings.append(make_binding(index, number=both["number"], shown=shown))
    snapshot = replace(site.phone_system, extensions=tuple(extensions))
    return Site(people, snapshot, bindings, site.absent, site.rules)


@given(sites_with_colleagues(), st.booleans())
@settings(max_examples=300)
def test_a_plan_without_those_who_are_in_sync_is_the_plan_with_them(site: Site, is_complete: bool) -> None:
    units = make_units(len(site.people), is_complete=is_complete)
    make_either_way(site.people, site.phone_system, site.bindings, site.absent, site.rules, units, now=NOW)


def test_whoever_is_in_sync_is_set_aside_with_their_extension_and_their_link() -> None:
    rest = divided(
        [*PEOPLE, make_person(3)],
        make_phone_system([*EXTENSIONS, make_extension(4)]),
        [*BINDINGS, make_binding(3)],
    )
    assert [person.guid for person in rest.people] == [guid(3)]
    assert [extension.id for extension in rest.extensions] == [1004]
    assert [binding.person_guid for binding in rest.bindings] == [guid(3)]
    assert list(rest.in_sync) == list(rest.in_sync) == list(zip(PEOPLE, EXTENSIONS, strict=True))
    assert len(rest.in_sync) == len(PEOPLE)


FURTHER = (("mobile_twin", "yes"),)


@pytest.mark.parametrize(
    ("person", "extension", "binding"),
    [
        ({"account_state": AccountState.DISABLED}, {}, {}),
        ({"number": "299"}, {}, {}),
        ({"number": None}, {}, {}),
        ({"first_name": "Eva"}, {}, {}),
        ({"last_name": "Stein"}, {}, {}),
        ({"email": "eva@x.test"}, {}, {}),
        ({"mobile": "5"}, {}, {}),
        ({"further": FURTHER}, {}, {}),
        ({}, {"enabled": False}, {}),
        ({}, {"memberships": (Membership(1, "DEFAULT", "system_owners"),)}, {}),
        ({"number": "HD1"}, {"number": "HD1"}, {"number": "HD1"}),
        ({}, {}, {"extension_id": 1009}),
        ({}, {}, {"number": "299"}),
        ({}, {}, {"shown": None}),
        ({}, {}, {"shown": Shown("Eva", "Stein", "")}),
    ],
)
def test_nobody_is_set_aside_for_whom_something_differs(
    person: dict[str, Any], extension: dict[str, Any], binding: dict[str, Any]
) -> None:
    rest = divided(
        [make_person(1, **person), PEOPLE[1]],
        make_phone_system([make_extension(1, **extension), EXTENSIONS[1]]),
        [make_binding(1, **binding), BINDINGS[1]],
    )
    assert [found.guid for found, _ in rest.in_sync] == [guid(2)]


@pytest.mark.parametrize(
    ("more", "about"),
    [
        ({"people": [make_person(1, unit=SUPPORT)]}, {}),
        ({"people": [make_person(3, number="201")]}, {}),
        ({"people": [make_person(3, email="ANNA1@corp.example.test")]}, {}),
        ({"people": [make_person(3, template="201")]}, {}),
        ({"extensions": [make_extension(3, email="ANNA1@corp.example.test")]}, {}),
        ({"bindings": [make_binding(3, extension_id=1001)]}, {}),
        ({"bindings": [make_binding(3, number="201")]}, {}),
        ({"peers": (Peer("201", "queue"),)}, {}),
        ({"emergency_numbers": ("201",)}, {}),
        ({}, {"rules": Rules(units=(UnitRule(SALES, template_number="201"),))}),
        ({}, {"rules": Rules(exclusions=(Exclusion(ExclusionKind.NUMBERS, "201"),))}),
        ({}, {"rules": Rules(exclusions=(Exclusion(ExclusionKind.EXACT, "Anna1 Berg1"),))}),
        ({}, {"rules": Rules(reserved_numbers=("201",))}),
        ({}, {"owed": [Owed("201", guid(9), "Eva")]}),
        ({}, {"owed": [Owed("299", guid(1), "Anna")]}),
        ({}, {"owed": [Owed("299", guid(9), "Eva", {"email": "ANNA1@corp.example.test"})]}),
        ({}, {"owed": [Owed("299", guid(9), "Eva", former_id=1001)]}),
        ({}, {"left_behind": [LeftBehind(guid(9), "Eva", 1001, "Eva", "Stein", "299")]}),
    ],
)
def test_nobody_is_set_aside_whom_somebody_or_something_else_concerns(
    more: dict[str, Any], about: dict[str, Any]
) -> None:
    more = dict(more)
    people = [*PEOPLE, *more.pop("people", ())]
    extensions = [*EXTENSIONS, *more.pop("extensions", ())]
    bindings = [*BINDINGS, *more.pop("bindings", ())]
    rest = divided(people, make_phone_system(extensions, **more), bindings, **about)
    assert [found.guid for found, _ in rest.in_sync] == [guid(2)]


@pytest.mark.parametrize(
    ("person", "is_aside"),
    [
        ({"departments": ("DEFAULT",)}, True),
        ({"departments": ("default",)}, True),
        ({"departments": ()}, True),
        ({"departments": ("Sales",)}, False),
        ({"departments": ("DEFAULT",), "unmapped": (("email", "is no address"),)}, False),
    ],
)
def test_where_departments_are_managed_whoever_is_in_theirs_is_set_aside(
    person: dict[str, Any], is_aside: bool
) -> None:
    rest = divided(
        [make_person(1, **person)],
        make_phone_system([EXTENSIONS[0]]),
        [BINDINGS[0]],
        rules=Rules(add_to_departments=True),
    )
    assert [found.guid for found, _ in rest.in_sync] == [guid(1)] * is_aside
