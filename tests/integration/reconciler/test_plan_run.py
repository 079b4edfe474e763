"""A run whose parts have all been read: planned once, stored whole, and in the state that follows from it."""

import pytest
from sqlalchemy import func, select

from services.reconciler.plan_run import plan_run
from shared.database.commands import row_command
from shared.database.tables import BindingRow, Event, EventLevel, RunKind, RunState
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import Plan
from shared.settings import store
from shared.settings.documents import LimitsSettings, RulesSettings, Section
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
    SITE,
    bind,
    collect,
    commands_of,
    configure,
    end,
    findings_of,
    log_of,
    planned,
    reasons_of,
    run_of,
    start,
    steps_of,
)

pytestmark = pytest.mark.every_database


@pytest.fixture
def settled(context: Context) -> Context:
    """A site with one person in step and a good run behind it."""
    bind(context, make_binding(1))
    run = planned(context, [make_person(1)], make_phone_system([make_extension(1)]))
    assert run.state == RunState.IN_STEP
    return context


IN_STEP = make_phone_system([make_extension(1)])


def test_a_run_without_commands_is_in_step_and_over(settled: Context) -> None:
    run = planned(settled, [make_person(1)], IN_STEP)
    assert (run.state, run.people, run.counts, run.attempts) == (RunState.IN_STEP, 1, {}, 0)
    assert run.finished_at is not None
    assert log_of(settled, run) == ["run.started", "run.in_step"]


def test_a_plan_within_all_limits_is_executed_at_once(settled: Context) -> None:
    run = planned(settled, [make_person(1, mobile="5"), make_person(2)], IN_STEP)
    assert (run.state, run.finished_at, reasons_of(run)) == (RunState.EXECUTING, None, [])
    assert steps_of(settled, run) == ["create_extension 202", "update_extension 201"]
    assert run.counts == {"create_extension": 1, "update_extension": 1}


def test_a_preview_waits_even_when_nothing_is_against_it(settled: Context) -> None:
    run = planned(settled, [make_person(1), make_person(2)], IN_STEP, kind=RunKind.PREVIEW)
    assert (run.state, steps_of(settled, run)) == (RunState.PLANNED, ["create_extension 202"])


def test_a_plan_beyond_a_limit_is_held_and_says_so_in_the_log(settled: Context) -> None:
    configure(settled, LimitsSettings(updates=0, updates_percent=0))
    run = planned(settled, [make_person(1, mobile="5")], IN_STEP)
    assert (run.state, reasons_of(run)) == (RunState.HELD, ["updates", "updates"])
    assert log_of(settled, run) == ["run.started", "run.held", "run.hold_reason", "run.hold_reason"]


def test_what_is_stored_is_what_was_planned(settled: Context) -> None:
    run = planned(settled, [make_person(1, mobile="5", email="broken"), make_person(2)], IN_STEP)
    stored = Plan(tuple(row_command(row) for row in commands_of(settled, run)))
    assert stored.content_hash == run.plan_hash
    assert {row.state for row in commands_of(settled, run)} == {"pending"}
    assert findings_of(settled, run) == ["bad_email"]
    with settled.database.read() as session:
        entry = session.scalars(select(Event).where(Event.code == "finding.bad_email")).one()
    assert (entry.level, entry.number, entry.person_guid) == (EventLevel.WARNING, "201", guid(1))


def test_a_finding_is_logged_once_and_again_only_when_it_has_been_away(settled: Context) -> None:
    def _logged(*people: Person) -> int:
        run = planned(settled, people, IN_STEP)
        assert run.state == RunState.IN_STEP
        return log_of(settled, run).count("finding.bad_email")

    broken, broken_otherwise, mended = (
        make_person(1, email="broken"), make_person(1, email="otherwise"), make_person(1),
    )  # fmt: skip
    said = [_logged(person) for person in (broken, broken, broken_otherwise, mended, broken)]
    assert said == [1, 0, 1, 0, 1]


def test_the_log_is_not_flooded_by_a_run_with_many_findings(settled: Context) -> None:
    people = [make_person(index, email="broken") for index in range(1, 71)]
    run = planned(settled, people, IN_STEP)
    assert len(findings_of(settled, run)) == 70
    logged = log_of(settled, run)
    assert (logged.count("finding.bad_email"), logged.count("finding.more")) == (50, 1)


def test_a_run_whose_phone_system_could_not_be_read_fails_with_the_reason(settled: Context) -> None:
    run = planned(settled, [make_person(1)], unreadable=["extensions"])
    assert (run.state, run.error_code) == (RunState.FAILED, "bad_credentials")
    assert run.error_message == "The directory refused the password."
    assert (steps_of(settled, run), log_of(settled, run)[-1]) == ([], "run.failed")


def test_a_run_of_which_no_unit_could_be_read_fails(settled: Context) -> None:
    run = planned(settled, [], IN_STEP, unreadable=[SALES, SUPPORT])
    assert (run.state, run.error_code) == (RunState.FAILED, "bad_credentials")


def test_a_run_with_one_unreadable_unit_adds_and_changes_and_removes_nobody(settled: Context) -> None:
    bind(settled, make_binding(2))
    both = make_phone_system([make_extension(1), make_extension(2)])
    gone = [AbsentPerson(guid(2), found=False)]
    run = planned(settled, [make_person(1, mobile="5"), make_person(3)], both, gone, unreadable=[SUPPORT])
    assert steps_of(settled, run) == ["create_extension 203", "update_extension 201"]
    assert (run.state, findings_of(settled, run)) == (RunState.EXECUTING, ["incomplete_snapshot"])


def test_a_run_without_the_word_of_the_directory_on_the_absent_removes_nobody(settled: Context) -> None:
    bind(settled, make_binding(2))
    both = make_phone_system([make_extension(1), make_extension(2)])
    run = planned(settled, [make_person(1)], both, unreadable=["absent"])
    assert (run.state, findings_of(settled, run)) == (RunState.DONE, ["incomplete_snapshot"])


def test_a_leaver_is_counted_for_the_unit_that_held_them_in_the_last_good_run(context: Context) -> None:
    people = [make_person(index, unit=SUPPORT if index > 60 else SALES) for index in range(1, 121)]
    everyone = make_phone_system([make_extension(index) for index in range(1, 121)])
    bind(context, *(make_binding(index) for index in range(1, 121)))
    assert planned(context, people, everyone).state == RunState.IN_STEP
    leavers = [AbsentPerson(guid(index), found=False) for index in range(1, 7)]
    run = planned(context, people[6:], everyone, leavers)
    assert {row.unit for row in commands_of(context, run)} == {SALES}
    # Six of 120 are 5 % of the site, but 10 % of the unit.
    assert [reason["unit"] for reason in run.hold_reasons["reasons"] if reason["code"] == "removals"] == [
        SALES
    ]


def test_rules_are_those_of_the_moment_of_planning_and_the_run_records_them(settled: Context) -> None:
    run_id = start(settled)
    configure(settled, RulesSettings(add_missing=False))
    collect(settled, run_id, [make_person(1), make_person(2)], IN_STEP)
    plan_run(settled, run_id)
    run = run_of(settled, run_id)
    assert run.state == RunState.IN_STEP
    with settled.database.read() as session:
        assert run.settings_versions == store.read(session, SITE, settled.encryption).versions


def test_a_binding_of_which_nothing_is_left_is_forgotten(settled: Context) -> None:
    bind(settled, *(make_binding(place) for place in (2, 3, 4)))
    gone = [AbsentPerson(guid(2), found=False), AbsentPerson(guid(3), found=True)]
    both = make_phone_system([make_extension(1), make_extension(4)])
    planned(settled, [make_person(1), make_person(4)], both, gone)
    with settled.database.read() as session:
        assert set(session.scalars(select(BindingRow.person_guid))) == {guid(1), guid(3), guid(4)}


def test_what_both_ends_agree_on_is_noted_with_the_binding(settled: Context) -> None:
    bind(settled, make_binding(2, shown=None, number="777"))
    both = make_phone_system([make_extension(1), make_extension(2)])
    planned(settled, [make_person(1), make_person(2)], both)
    with settled.database.read() as session:
        row = session.scalars(select(BindingRow).where(BindingRow.person_guid == guid(2))).one()
        noted = (row.number, row.shown_first_name, row.shown_last_name, row.shown_email)
    assert noted == ("202", "Anna2", "Berg2", "anna2@corp.example.test")


def test_a_run_for_one_person_contains_only_that_person(settled: Context) -> None:
    people = [make_person(1, mobile="5"), make_person(2), make_person(3, email="broken")]
    run = planned(settled, people, IN_STEP, kind=RunKind.PERSON, person=guid(2))
    assert (run.state, steps_of(settled, run), findings_of(settled, run)) == (
        RunState.EXECUTING,
        ["create_extension 202"],
        [],
    )


def test_a_run_for_a_leaver_takes_their_rights_at_once(settled: Context) -> None:
    bind(settled, make_binding(2))
    both = make_phone_system([make_extension(1), make_extension(2)])
    gone = [AbsentPerson(guid(2), found=True, distinguished_name="CN=x")]
    run = planned(settled, [make_person(1)], both, gone, kind=RunKind.PERSON, person=guid(2))
    assert (run.state, steps_of(settled, run)) == (RunState.EXECUTING, ["disable_extension 202"])


def test_a_newer_plan_replaces_the_waiting_ones(settled: Context) -> None:
    previews = [
        planned(settled, [make_person(1), make_person(2)], IN_STEP, kind=RunKind.PREVIEW) for _ in "ab"
    ]
    newest = planned(settled, [make_person(1)], IN_STEP)
    replaced = [run_of(settled, run.id) for run in previews]
    assert [run.state for run in replaced] == [RunState.CANCELLED, RunState.CANCELLED]
    assert [run.superseded_by for run in replaced] == [previews[1].id, newest.id]
    assert all(run.finished_at is not None for run in replaced)


def test_a_run_for_one_person_replaces_only_waiting_ones_for_the_same_person(settled: Context) -> None:
    configure(settled, LimitsSettings(updates=0, updates_percent=0))
    everyone = [make_person(1, mobile="5"), make_person(2)]
    full = planned(settled, everyone, IN_STEP)
    end(settled, full, RunState.HELD)
    first = planned(settled, everyone, IN_STEP, kind=RunKind.PERSON, person=guid(1))
    second = planned(settled, everyone, IN_STEP, kind=RunKind.PERSON, person=guid(1))
    assert [run_of(settled, run.id).state for run in (full, first, second)] == ["held", "cancelled", "held"]
    other = planned(settled, everyone, IN_STEP, kind=RunKind.PERSON, person=guid(2))
    assert (other.state, run_of(settled, second.id).state) == (RunState.EXECUTING, RunState.HELD)
    end(settled, other)
    planned(settled, everyone, IN_STEP)
    assert [run_of(settled, run.id).state for run in (full, second)] == ["cancelled", "cancelled"]


def test_a_failed_run_replaces_nothing(settled: Context) -> None:
    waiting = planned(settled, [make_person(1), make_person(2)], IN_STEP, kind=RunKind.PREVIEW)
    planned(settled, [], unreadable=["extensions"])
    assert run_of(settled, waiting.id).state == RunState.PLANNED


def test_a_disabled_account_travels_from_the_pages_to_the_command(settled: Context) -> None:
    run = planned(settled, [make_person(1, account_state=AccountState.EXPIRED)], IN_STEP)
    (row,) = commands_of(settled, run)
    assert (row.kind, row.reason) == (
        "disable_extension",
        "The account of Anna1 Berg1 has expired in the directory.",
    )
    with settled.database.read() as session:
        assert session.scalar(select(func.count()).select_from(BindingRow)) == 1


def test_an_exclusion_that_cannot_be_evaluated_fails_the_run_and_says_which(settled: Context) -> None:
    """An earlier release accepted it; planning without it would take away somebody's protection."""
    values = {"exclusions": [{"kind": "regex", "value": "^(?!Anna)"}], "removal_scope": "all"}
    configure(settled, store.validate(Section.RULES, values, is_stored=True))
    run = planned(
        settled, [make_person(1, mobile="5")], make_phone_system([make_extension(1), make_extension(2)])
    )
    assert (run.state, run.error_code) == (RunState.FAILED, "settings_invalid")
    assert "The exclusion '^(?!Anna)' cannot be evaluated: look-ahead" in (run.error_message or "")
    assert commands_of(settled, run) == []
