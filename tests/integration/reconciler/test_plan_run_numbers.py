"""Numbers from ranges across runs: kept with the first plan, given once, and the same in every later one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from services.reconciler import plan_whole as planning
from services.reconciler.planner import make_plan
from shared.database import given_numbers
from shared.database.tables import CommandRow, GivenNumberRow, RunKind, RunState
from shared.domain.numbers import GivenNumber
from shared.settings.documents import NumberRangeSettings, RulesSettings
from shared.worker.context import Context
from tests.builders.domain import SALES, guid, make_binding, make_extension, make_person, make_phone_system
from tests.integration.reconciler.collected import (
    SITE,
    bind,
    configure,
    findings_of,
    planned,
    reasons_of,
    steps_of,
)

pytestmark = pytest.mark.every_database
RANGES = (NumberRangeSettings(unit=SALES, first="230", last="239"),)
ANNA, BOB = make_person(1, number=None), make_person(2, number=None)


def _kept(context: Context) -> dict[str, tuple[str, bool, bool]]:
    with context.database.read() as session:
        return {
            item.number: (item.person_guid, item.is_used, item.released_at is not None)
            for item in given_numbers.read(session, SITE)
        }


def test_a_number_is_kept_from_the_first_plan_on_and_rests_when_its_person_is_gone(context: Context) -> None:
    bind(context, make_binding(9))
    holder = make_person(9), make_extension(9)
    configure(context, RulesSettings(number_ranges=RANGES, number_quarantine_days=30))
    run = planned(context, [BOB, holder[0]], make_phone_system([holder[1]]), kind=RunKind.PREVIEW)
    assert steps_of(context, run) == ["create_extension 230"]
    assert _kept(context) == {"230": (guid(2), False, False)}
    # Somebody who comes before them by name changes nothing.
    run = planned(context, [ANNA, BOB, holder[0]], make_phone_system([holder[1]]), kind=RunKind.PREVIEW)
    with context.database.read() as session:
        rows = session.execute(
            select(CommandRow.number, CommandRow.person_guid).where(CommandRow.run_id == run.id)
        ).all()
    assert {tuple(row) for row in rows} == {("230", guid(2)), ("231", guid(1))}
    # Created and linked: in use. Gone from both ends: released.
    bind(context, make_binding(2, number="230"))
    both = make_phone_system([holder[1], make_extension(2, number="230")])
    planned(context, [BOB, holder[0]], both, kind=RunKind.PREVIEW)
    assert _kept(context) == {"230": (guid(2), True, False)}
    assert steps_of(context, planned(context, [BOB, holder[0]], both)) == []


def test_ranges_that_were_never_looked_at_hold_the_plan(context: Context) -> None:
    bind(context, make_binding(9))
    both = [make_person(9), ANNA], make_phone_system([make_extension(9)])
    assert planned(context, *both).state == RunState.IN_STEP
    configure(context, RulesSettings(number_ranges=RANGES))
    run = planned(context, *both)
    assert (run.state, reasons_of(run)) == (RunState.HELD, ["selection_changed"])


def test_a_run_for_one_person_keeps_only_their_number(context: Context) -> None:
    bind(context, make_binding(9))
    configure(context, RulesSettings(number_ranges=RANGES))
    people = [ANNA, BOB, make_person(9)]
    planned(context, people, make_phone_system([make_extension(9)]), kind=RunKind.PERSON, person=guid(2))
    assert _kept(context) == {"231": (guid(2), False, False)}


def test_a_number_that_another_run_gives_meanwhile_is_given_to_nobody_else(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(context, RulesSettings(number_ranges=RANGES))
    calls: list[int] = []

    def _overtaken(*arguments: Any, **named: Any) -> Any:
        plan = make_plan(*arguments, **named)
        if not calls:
            with context.database.begin() as session:
                taken = GivenNumber("230", guid(7), "Carl", datetime.now(UTC))
                given_numbers.remember(session, SITE, [taken], (), {})
        calls.append(1)
        return plan

    monkeypatch.setattr(planning, "make_plan", _overtaken)
    run = planned(context, [ANNA, make_person(9)], make_phone_system())
    assert (len(calls), steps_of(context, run)[0]) == (2, "create_extension 209")
    assert "create_extension 231" in steps_of(context, run)
    assert _kept(context)["231"] == (guid(1), False, False)


def test_of_two_who_keep_a_released_number_at_once_one_gets_it(context: Context) -> None:
    now = datetime.now(UTC)
    old = GivenNumber("230", guid(1), "Anna", now, is_used=True, released_at=now)
    with context.database.begin() as session:
        given_numbers.remember(session, SITE, [old], (), {})
    with context.database.begin() as session:
        given_numbers.remember(session, SITE, [GivenNumber("230", guid(2), "Bob", now)], (), {"230": old})
    with pytest.raises(given_numbers.GivenMeanwhile), context.database.begin() as session:
        given_numbers.remember(session, SITE, [GivenNumber("230", guid(3), "Carl", now)], (), {"230": old})
    assert _kept(context) == {"230": (guid(2), False, False)}


def test_what_was_written_for_one_person_says_nothing_of_the_next(context: Context) -> None:
    now = datetime.now(UTC)
    old = GivenNumber("230", guid(1), "Anna", now, is_used=True, released_at=now)
    with context.database.begin() as session:
        session.add(
            GivenNumberRow(
                site_id=SITE, number="230", person_guid=guid(1), given_at=now, is_used=True, released_at=now,
                written_to="ipPhone", write_attempts=3,
            )
        )  # fmt: skip
    with context.database.begin() as session:
        given_numbers.remember(session, SITE, [GivenNumber("230", guid(2), "Bob", now)], (), {"230": old})
    with context.database.read() as session:
        row = session.get_one(GivenNumberRow, (SITE, "230"))
        assert (row.written_to, row.write_attempts, row.person_guid) == ("", 0, guid(2))


def test_a_site_is_in_sync_only_when_its_given_numbers_stand_in_the_directory(context: Context) -> None:
    bind(context, make_binding(2, number="230"))
    configure(context, RulesSettings(number_ranges=RANGES))
    both = [BOB], make_phone_system([make_extension(2, number="230")])
    with context.database.begin() as session:
        kept = GivenNumber("230", guid(2), "Bob", datetime.now(UTC), is_used=True)
        given_numbers.remember(session, SITE, [kept], (), {})
    assert planned(context, *both).state == RunState.IN_STEP
    # Turned on: the next plan says where it is to be written, the one after that it is not yet.
    configure(context, RulesSettings(number_ranges=RANGES, write_back_attribute="ipPhone"))
    assert planned(context, *both).state == RunState.IN_STEP
    run = planned(context, *both)
    assert (run.state, run.error_code) == (RunState.DONE, "number_not_written")
    assert "Number 230 (Bob) is not written to ipPhone in the directory yet." in (run.error_message or "")
    with context.database.begin() as session:
        session.get_one(GivenNumberRow, (SITE, "230")).written_to = "ipPhone"
    assert planned(context, *both).state == RunState.IN_STEP
    # Another attribute: it is to stand there as well. Turned off: nowhere.
    configure(context, RulesSettings(number_ranges=RANGES, write_back_attribute="pager"))
    planned(context, *both)
    assert planned(context, *both).error_code == "number_not_written"
    configure(context, RulesSettings(number_ranges=RANGES))
    assert planned(context, *both).state == RunState.IN_STEP


def test_a_used_up_range_is_told_with_those_who_get_no_number(context: Context) -> None:
    configure(context, RulesSettings(number_ranges=(NumberRangeSettings(first="230", last="230"),)))
    run = planned(context, [ANNA, BOB], make_phone_system())
    assert findings_of(context, run) == ["number_range_empty"]
