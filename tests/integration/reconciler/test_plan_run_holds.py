"""What counts as the last good run: a measure with gaps would let through what nobody has looked at."""

from dataclasses import replace

import pytest

from services.reconciler.plan_run import plan_run
from shared.database.tables import RunKind, RunState
from shared.domain.person import AbsentPerson, Person
from shared.settings.documents import UnitSettings
from shared.worker.context import Context
from tests.builders.domain import (
    SALES,
    SUPPORT,
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
)
from tests.integration.reconciler.collected import (
    DIRECTORY,
    bind,
    collect,
    configure,
    end,
    planned,
    reasons_of,
    run_of,
    start,
)

PEOPLE = [make_person(index) for index in range(1, 11)]
EVERYONE = make_phone_system([make_extension(index) for index in range(1, 11)])
CHANGED = [make_person(1, mobile="5"), *PEOPLE[1:]]
NARROWER = DIRECTORY.model_copy(update={"filter": "(company=Example)"})


@pytest.fixture
def bound(context: Context) -> Context:
    """Ten people with their extensions, and no run yet."""
    bind(context, *(make_binding(index) for index in range(1, 11)))
    return context


def _without(*indices: int) -> tuple[list[Person], list[AbsentPerson]]:
    return (
        [person for person in PEOPLE if person.guid not in {guid(index) for index in indices}],
        [AbsentPerson(guid(index), found=False) for index in indices],
    )


def test_the_first_run_of_a_site_is_held(bound: Context) -> None:
    run = planned(bound, CHANGED, EVERYONE)
    assert (run.state, reasons_of(run)) == (RunState.HELD, ["first_run"])


@pytest.mark.parametrize("ending", [RunState.FAILED, RunState.CANCELLED, RunState.PLANNED, RunState.HELD])
def test_a_run_that_did_not_end_well_is_no_first_run_behind_us(bound: Context, ending: RunState) -> None:
    end(bound, planned(bound, CHANGED, EVERYONE), ending)
    assert reasons_of(planned(bound, CHANGED, EVERYONE)) == ["first_run"]


def test_after_a_good_run_the_next_goes_by_itself(bound: Context) -> None:
    end(bound, planned(bound, CHANGED, EVERYONE))
    assert planned(bound, CHANGED, EVERYONE).state == RunState.EXECUTING


def test_a_run_for_one_person_is_no_good_run_for_the_site(bound: Context) -> None:
    run = planned(bound, CHANGED, EVERYONE, kind=RunKind.PERSON, person=guid(1))
    assert reasons_of(run) == ["first_run"]
    end(bound, run)
    assert reasons_of(planned(bound, CHANGED, EVERYONE)) == ["first_run"]


@pytest.mark.parametrize(
    "changed",
    [
        NARROWER,
        DIRECTORY.model_copy(
            update={"units": (*DIRECTORY.units, UnitSettings(dn="OU=New,DC=corp,DC=example"))}
        ),
        DIRECTORY.model_copy(update={"required_group": "CN=Phones,DC=corp,DC=example"}),
    ],
    ids=["filter", "units", "group"],
)
def test_a_changed_selection_is_held_once(bound: Context, changed: object) -> None:
    planned(bound, PEOPLE, EVERYONE)
    configure(bound, changed)  # type: ignore[arg-type]
    held = planned(bound, CHANGED, EVERYONE)
    assert reasons_of(held) == ["selection_changed"]
    end(bound, held)
    assert planned(bound, CHANGED, EVERYONE).state == RunState.EXECUTING


def test_a_selection_changed_while_the_run_was_reading_is_held(bound: Context) -> None:
    """The parts may have been read with the new filter although the run was started with the old one."""
    planned(bound, PEOPLE, EVERYONE)
    run_id = start(bound)
    configure(bound, NARROWER)
    people, gone = _without(1)
    collect(bound, run_id, people, EVERYONE, gone)
    plan_run(bound, run_id)
    assert reasons_of(run_of(bound, run_id)) == ["selection_changed"]


def test_a_run_with_an_unreadable_unit_hides_no_changed_selection(bound: Context) -> None:
    planned(bound, PEOPLE, EVERYONE)
    configure(bound, NARROWER)
    assert planned(bound, PEOPLE, EVERYONE, unreadable=[SUPPORT]).state == RunState.DONE
    people, gone = _without(1)
    assert reasons_of(planned(bound, people, EVERYONE, gone)) == ["selection_changed"]


def test_a_run_with_an_unreadable_unit_hides_no_loss_of_people(bound: Context) -> None:
    planned(bound, PEOPLE, EVERYONE)
    others = [replace(person, unit=SUPPORT) for person in PEOPLE[:1]]
    planned(bound, others, EVERYONE, unreadable=[SALES])
    people, gone = _without(1, 2)
    assert reasons_of(planned(bound, people, EVERYONE, gone)) == ["people_down", "people_down"]


def test_a_shrunken_snapshot_is_held(bound: Context) -> None:
    planned(bound, PEOPLE, EVERYONE)
    people, gone = _without(1, 2)
    run = planned(bound, people, EVERYONE, gone)
    assert (run.state, reasons_of(run)) == (RunState.HELD, ["people_down", "people_down"])


def test_one_leaver_of_a_small_site_goes_at_once(bound: Context) -> None:
    planned(bound, PEOPLE, EVERYONE)
    people, gone = _without(1)
    assert planned(bound, people, EVERYONE, gone).state == RunState.EXECUTING


def test_a_unit_that_became_empty_is_held(bound: Context) -> None:
    in_both = [*PEOPLE[:9], make_person(10, unit=SUPPORT)]
    planned(bound, in_both, EVERYONE)
    people, gone = _without(10)
    run = planned(bound, people, EVERYONE, gone)
    assert reasons_of(run) == ["empty_snapshot"]
    assert run.hold_reasons["reasons"][0]["unit"] == SUPPORT


def test_creations_beyond_the_licence_are_held(bound: Context) -> None:
    planned(bound, PEOPLE, EVERYONE)
    full = make_phone_system(EVERYONE.extensions, max_extensions=10)
    run = planned(bound, [*PEOPLE, make_person(11, unit=SALES)], full)
    assert (run.state, reasons_of(run)) == (RunState.HELD, ["licence"])
