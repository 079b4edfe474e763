"""Who is who, as full runs and runs for one person write it down."""

from dataclasses import replace

import pytest
from sqlalchemy import event, select

from shared.database.tables import RollReading, RollRow, RunKind
from shared.domain.extension import ROLE_SYSTEM_OWNER, Edit, Membership
from shared.domain.person import AbsentPerson, AccountState, Person, Presence
from shared.domain.rules import Outcome
from shared.roll import queries
from shared.roll.entry import Drift, RollState, Row
from shared.settings.documents import RulesSettings
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
from tests.integration.reconciler.collected import SITE, bind, configure, planned

pytestmark = pytest.mark.every_database
PAIR = make_phone_system([make_extension(1)])


def _roll(context: Context) -> dict[str, Row]:
    with context.database.read() as session:
        holders = session.scalars(select(RollRow.holder).where(RollRow.site_id == SITE)).all()
        return queries.rows_of(session, SITE, holders)


def _states(context: Context) -> dict[str, RollState]:
    return {holder: row.entry.state for holder, row in _roll(context).items()}


def _differences(context: Context) -> int:
    with context.database.read() as session:
        return session.get_one(RollReading, SITE).differences


def test_everybody_and_every_extension_has_one_row_with_all_that_was_read(context: Context) -> None:
    bind(context, make_binding(1))
    person = make_person(1, sid="S-1-5-21-7", departments=("A", "B"), usn=7)
    owner = make_extension(9, memberships=(Membership(1, "DEFAULT", ROLE_SYSTEM_OWNER),))
    joiner, mute = make_person(2, unit=SUPPORT), make_person(3, number=None)
    gone = make_extension(4)
    planned(context, [person, joiner, mute], make_phone_system([make_extension(1), owner, gone]))
    roll = _roll(context)
    assert {holder: row.entry.state for holder, row in roll.items()} == {
        guid(1): RollState.IN_SYNC,
        guid(2): RollState.WILL_CHANGE,
        guid(3): RollState.NO_NUMBER,
        "extension 1009": RollState.PROTECTED,
        "extension 1004": RollState.NOT_IN_DIRECTORY,
    }
    assert roll[guid(1)].entry.person == person
    assert roll[guid(1)].entry.extension == make_extension(1)
    assert roll[guid(2)].entry.extension is None
    assert roll["extension 1004"].entry.extension == gone


def test_what_has_not_changed_is_not_written(context: Context) -> None:
    bind(context, make_binding(1))
    written: list[str] = []

    def _note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if statement.startswith(("INSERT INTO roll ", "UPDATE roll ", "DELETE FROM roll ")):
            written.append(statement.split()[0])

    event.listen(context.database.engine, "before_cursor_execute", _note)
    planned(context, [make_person(1), make_person(2, number=None)], PAIR)
    assert written == ["INSERT"]
    planned(context, [make_person(1), make_person(2, number=None)], PAIR)
    assert (written, _differences(context)) == (["INSERT"], 0)
    planned(context, [make_person(1, mobile="+47 1"), make_person(2, number=None)], PAIR)
    assert written == ["INSERT", "UPDATE"]


def test_a_full_run_counts_what_the_roll_had_not_known(context: Context) -> None:
    bind(context, make_binding(1))
    planned(context, [make_person(1)], PAIR)
    assert _differences(context) == 0
    planned(context, [make_person(1, first_name="Anne"), make_person(2, number=None)], PAIR)
    assert _differences(context) == 2


def test_somebody_who_is_gone_is_still_found_and_keeps_when_they_were_seen(context: Context) -> None:
    planned(context, [make_person(1, number=None), make_person(2, number=None)])
    with context.database.read() as session:
        read_at = session.get_one(RollReading, SITE).read_at
    planned(context, [make_person(2, number=None)])
    row = _roll(context)[guid(1)]
    assert (row.entry.state, row.entry.is_past) == (RollState.NOT_IN_DIRECTORY, True)
    assert (row.entry.name, row.last_seen_at) == ("Anna1 Berg1", read_at)
    planned(context, [make_person(1, number=None), make_person(2, number=None)])
    row = _roll(context)[guid(1)]
    assert (row.entry.state, row.last_seen_at) == (RollState.NO_NUMBER, None)


def test_nobody_is_gone_by_a_reading_that_is_not_complete(context: Context) -> None:
    planned(context, [make_person(1, number=None), make_person(2, number=None, unit=SUPPORT)])
    planned(context, [make_person(1, number=None)], unreadable=[SUPPORT])
    assert _states(context)[guid(2)] is RollState.NO_NUMBER


def test_a_bound_person_who_is_absent_is_as_the_directory_says(context: Context) -> None:
    configure(context, RulesSettings(when_deleted=Outcome.KEEP, when_moved_out=Outcome.KEEP))
    bind(context, *(make_binding(index, person_name=f"Anna{index}") for index in (1, 2, 3)))
    system = make_phone_system([make_extension(index) for index in (1, 2, 3)])
    planned(context, [make_person(1), make_person(2), make_person(3)], system)
    absent = [AbsentPerson(guid(1), found=False), AbsentPerson(guid(2), found=True)]
    planned(context, [make_person(4, number=None)], system, absent)
    roll = _roll(context)
    assert roll[guid(1)].entry.state is RollState.NOT_IN_DIRECTORY
    assert (roll[guid(2)].entry.state, roll[guid(2)].entry.presence) == (
        RollState.NOT_SELECTED,
        Presence.ELSEWHERE,
    )
    # Nothing was said of the third.
    assert roll[guid(3)].entry.state is RollState.IN_SYNC
    assert roll[guid(1)].entry.person == make_person(1)


def test_an_extension_gone_from_3cx_is_found_by_the_number_it_had(context: Context) -> None:
    configure(context, RulesSettings(when_deleted=Outcome.KEEP))
    planned(context, [make_person(1, number=None)], make_phone_system([make_extension(8)]))
    planned(context, [make_person(1, number=None)], make_phone_system([]))
    row = _roll(context)["extension 1008"]
    assert (row.entry.extension, row.entry.last_extension) == (None, make_extension(8))
    with context.database.read() as session:
        assert "208" in (
            session.scalar(select(RollRow.search).where(RollRow.holder == "extension 1008")) or ""
        )


def test_an_extension_is_one_row_with_its_person_once_they_are_bound(context: Context) -> None:
    configure(context, RulesSettings(when_deleted=Outcome.KEEP))
    planned(context, [make_person(2, number=None)], PAIR)
    bind(context, make_binding(1))
    planned(context, [make_person(1), make_person(2, number=None)], PAIR)
    assert _states(context) == {guid(1): RollState.IN_SYNC, guid(2): RollState.NO_NUMBER}


def test_a_run_for_one_person_changes_the_row_of_nobody_else(context: Context) -> None:
    bind(context, make_binding(1))
    planned(context, [make_person(1), make_person(2, number=None)], PAIR)
    planned(
        context,
        [make_person(1, account_state=AccountState.DISABLED), make_person(2)],
        PAIR,
        kind=RunKind.PERSON,
        person=guid(2),
    )
    assert _states(context) == {guid(1): RollState.IN_SYNC, guid(2): RollState.WILL_CHANGE}


def test_a_field_changed_by_hand_is_told_with_all_that_is_known_of_it(context: Context) -> None:
    bind(context, make_binding(1))
    shown = replace(make_extension(1), last_name="Bergh")
    planned(context, [make_person(1)], make_phone_system([shown]))
    assert _roll(context)[guid(1)].entry.drift == (Drift("last_name", "Bergh", "Berg1", "Berg1"),)
    by_hand = replace(shown, last_name="Berger")
    for edits in ((Edit("201", "grace", "2026-11-30T09:14:02Z"),), ()):
        # The second time the audit log of 3CX has forgotten it.
        planned(context, [make_person(1)], replace(make_phone_system([by_hand]), edits=edits))
        (drift,) = _roll(context)[guid(1)].entry.drift
        assert (drift.shown, drift.changed_by) == ("Berger", "grace")
        assert f"{drift.changed_on:%d.%m.%Y %H:%M}" == "30.11.2026 09:14"


def test_whoever_changed_an_extension_in_3cx_is_not_blamed_for_a_change_of_the_directory(
    context: Context,
) -> None:
    bind(context, make_binding(1))
    phone_system = replace(
        make_phone_system([make_extension(1)]), edits=(Edit("201", "grace", "2026-11-30"),)
    )
    planned(context, [make_person(1, last_name="Bergh")], phone_system)
    (drift,) = _roll(context)[guid(1)].entry.drift
    assert (drift.wanted, drift.changed_by, drift.changed_on) == ("Bergh", "", None)


def test_who_has_a_number_an_address_or_an_extension_is_answered(context: Context) -> None:
    bind(context, make_binding(1))
    odd = make_extension(9, email="ÅSA@corp.example.test", first_name="Åsa", last_name="Ek")
    people: list[Person] = [make_person(1), make_person(2, number="209", email="åsa@corp.example.test")]
    planned(context, people, make_phone_system([make_extension(1), odd]))
    with context.database.read() as session:
        assert queries.guids_by_number(session, SITE, ["201", "209", "", "777"]) == {
            "201": [guid(1)],
            "209": [guid(2)],
        }
        assert queries.guids_by_email(session, SITE, ["åsa@corp.example.test"]) == {
            "åsa@corp.example.test": [guid(2)]
        }
        assert queries.rows_of_extensions(session, SITE, [1001])[1001].entry.holder == guid(1)
        assert queries.people_by_unit(session, SITE) == {SALES: 2}
