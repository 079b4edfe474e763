"""What a guard holds waits, the rest is executed at once; and who approves, approves what waits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from services.api.people.use_cases.explain import explain
from services.api.runs.use_cases import decisions
from services.reconciler.plan_run import plan_run
from services.relay_client.execution.execute import execute_stage
from shared.database.tables import BindingRow, CommandRow, Event, Run, RunKind, RunState, SnapshotPart
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.errors import NotFound, PlanChanged
from shared.runs import verdict
from shared.settings.documents import LimitsSettings
from shared.worker.context import Context
from tests.builders.domain import SUPPORT, guid, make_binding, make_extension, make_person, make_phone_system
from tests.integration.reconciler.collected import (
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
    steps_of,
)

PEOPLE = [make_person(index) for index in range(1, 11)]
EVERYONE = make_phone_system([make_extension(index) for index in range(1, 11)])
# 201 is gone, 202 has a mobile number, 203's account is disabled.
TODAY: list[Person] = [
    make_person(2, mobile="5"),
    make_person(3, account_state=AccountState.DISABLED),
    *PEOPLE[3:],
]
GONE = [AbsentPerson(guid(1), found=False)]


@pytest.fixture
def careful(context: Context) -> Context:
    """Ten people with their extensions, after a good run; every removal waits for approval."""
    bind(context, *(make_binding(index) for index in range(1, 11)))
    planned(context, PEOPLE, EVERYONE)
    configure(context, LimitsSettings(removals=0, removals_percent=0))
    return context


def _states(context: Context, run: Run) -> dict[str, str]:
    return dict(zip(steps_of(context, run), (row.state for row in commands_of(context, run)), strict=True))


def _carry_out(context: Context, run: Run, state: str = "done") -> None:
    """What an executor does with everything that is pending, then the end of the execution."""
    with context.database.begin() as session:
        pending = (CommandRow.run_id == run.id, CommandRow.state == "pending")
        session.execute(
            update(CommandRow)
            .where(*pending)
            .values(
                {
                    CommandRow.state: state,
                    CommandRow.error_code: state,
                    CommandRow.finished_at: datetime.now(UTC),
                }
            )
        )
    execute_stage(context, run.id)


def _today(context: Context, **more: Any) -> Run:
    return planned(context, TODAY, EVERYONE, GONE, **more)


def test_what_is_in_doubt_waits_with_its_reason_and_the_rest_is_executed(careful: Context) -> None:
    run = _today(careful)
    assert (run.state, reasons_of(run)) == (RunState.EXECUTING, ["removals", "removals"])
    assert _states(careful, run) == {
        "update_extension 202": "pending",
        "disable_extension 201": "held",
        "disable_extension 203": "pending",
        "delete_extension 201": "held",
    }
    held = [row for row in commands_of(careful, run) if row.state == "held"]
    assert {row.error_code for row in held} == {"removals"}
    assert all("1 of 10 extensions would be deleted" in (row.error_message or "") for row in held)
    assert "run.hold_reason" in log_of(careful, run)


def test_after_the_rest_is_executed_the_run_waits_with_what_remains(careful: Context) -> None:
    run = _today(careful)
    _carry_out(careful, run)
    run = run_of(careful, run.id)
    assert (run.state, run.finished_at) == (RunState.HELD, None)
    assert verdict.waiting_counts(run) == {"delete_extension": 1, "disable_extension": 1}
    with careful.database.read() as session:
        said = session.scalars(select(Event.message).where(Event.run_id == run.id)).all()
    assert said[-1] == (
        f"Run {run.id}: changes within the limits were applied, the others need approval: 2 done, 2 held."
    )


def test_a_worker_that_dies_between_the_executed_part_and_the_wait_is_followed_by_one_that_waits(
    careful: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _today(careful)

    def _dies(*_given: object, **_more: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("services.relay_client.execution.execute.move_run", _dies)
        with pytest.raises(SystemExit):
            _carry_out(careful, run)
    assert run_of(careful, run.id).state == RunState.EXECUTING
    execute_stage(careful, run.id)
    assert run_of(careful, run.id).state == RunState.HELD
    assert sorted(_states(careful, run).values()) == ["done", "done", "held", "held"]


def test_an_approval_lets_what_waits_go_and_the_run_ends(careful: Context) -> None:
    run = _today(careful)
    _carry_out(careful, run)
    decisions.approve(careful, run.id, run.plan_hash or "", "anna")
    assert _states(careful, run)["delete_extension 201"] == "pending"
    assert "removals" not in {row.error_code for row in commands_of(careful, run)}
    _carry_out(careful, run)
    assert run_of(careful, run.id).state == RunState.DONE


def test_what_was_executed_cannot_be_left_out_any_more_but_what_waits_can(careful: Context) -> None:
    run = _today(careful)
    _carry_out(careful, run)
    by_step = {
        step: row.sequence
        for step, row in zip(steps_of(careful, run), commands_of(careful, run), strict=True)
    }
    with pytest.raises(NotFound, match="is not waiting"):
        decisions.approve(careful, run.id, run.plan_hash or "", "anna", [by_step["update_extension 202"]])
    approved = decisions.approve(
        careful, run.id, run.plan_hash or "", "anna", [by_step["disable_extension 201"]]
    )
    assert approved.state == RunState.DONE
    assert sorted(_states(careful, run).values()) == ["done", "done", "left_out", "left_out"]


def test_a_failure_before_the_approval_is_still_told_when_nothing_is_left_to_do(careful: Context) -> None:
    run = _today(careful)
    _carry_out(careful, run, "failed")
    assert run_of(careful, run.id).state == RunState.HELD
    waiting = [row.sequence for row in commands_of(careful, run) if row.state == "held"]
    decisions.approve(careful, run.id, run.plan_hash or "", "anna", waiting)
    execute_stage(careful, run.id)
    assert run_of(careful, run.id).error_code == "commands_failed"


def test_a_rejection_leaves_what_was_executed(careful: Context) -> None:
    run = _today(careful)
    _carry_out(careful, run)
    assert decisions.reject(careful, run.id, "anna").state == RunState.CANCELLED
    assert sorted(_states(careful, run).values()) == ["done", "done", "skipped", "skipped"]


def test_the_remainder_is_replaced_by_a_newer_run_and_its_approval_holds_for_the_same(
    careful: Context,
) -> None:
    run = _today(careful)
    _carry_out(careful, run)
    after = make_phone_system(
        [
            make_extension(1),
            make_extension(2, mobile="5"),
            make_extension(3, enabled=False),
            *EVERYONE.extensions[3:],
        ]
    )
    newer = planned(careful, TODAY, after, GONE)
    assert (newer.state, newer.plan_hash) == (RunState.HELD, run.plan_hash)
    assert _states(careful, run)["delete_extension 201"] == "skipped"
    assert decisions.approve(careful, run.id, run.plan_hash or "", "anna").id == newer.id


def test_an_approval_of_the_whole_is_none_of_the_remainder(careful: Context) -> None:
    previewed = _today(careful, kind=RunKind.PREVIEW)
    assert _states(careful, previewed) == dict.fromkeys(_states(careful, previewed), "pending")
    run = _today(careful)
    _carry_out(careful, run)
    with pytest.raises(PlanChanged):
        decisions.approve(careful, run.id, previewed.plan_hash or "", "anna")


def test_later_runs_are_measured_by_one_that_waits_only_for_the_licence(context: Context) -> None:
    bind(context, *(make_binding(index) for index in range(1, 11)))
    planned(context, PEOPLE, EVERYONE)
    full = make_phone_system(EVERYONE.extensions, max_extensions=10)
    joined = [*PEOPLE, make_person(11)]
    assert planned(context, joined, full).state == RunState.HELD
    # Two fewer than then; of ten it would be one.
    fewer = planned(context, joined[2:], full, [AbsentPerson(guid(index), found=False) for index in (1, 2)])
    assert "11 in the last successful run" in fewer.hold_reasons["reasons"][0]["message"]


def test_a_first_run_is_over_when_its_plan_was_approved_whatever_became_of_it(context: Context) -> None:
    first = planned(context, PEOPLE, make_phone_system())
    assert reasons_of(first) == ["first_run"]
    decisions.approve(context, first.id, first.plan_hash or "", "anna")
    end(context, first, RunState.FAILED)
    assert planned(context, PEOPLE, make_phone_system()).state == RunState.EXECUTING


def test_a_run_that_could_not_read_every_unit_is_never_in_step(careful: Context) -> None:
    run = planned(careful, PEOPLE, EVERYONE, unreadable=[SUPPORT])
    assert (run.state, run.error_code) == (RunState.DONE, "incomplete_snapshot")
    assert verdict.has_warnings(run)
    assert SUPPORT in (run.error_message or "")
    assert "run.done" in log_of(careful, run)


def test_a_run_with_changes_that_could_not_read_every_unit_is_done_with_warnings(careful: Context) -> None:
    run = planned(careful, [make_person(2, mobile="5"), *PEOPLE[2:]], EVERYONE, unreadable=[SUPPORT])
    _carry_out(careful, run)
    run = run_of(careful, run.id)
    assert (run.state, run.error_code, verdict.has_warnings(run)) == ("done", "incomplete_snapshot", True)


def _refuse(context: Context, run: Run) -> Run:
    _carry_out(context, run, "failed")
    return run_of(context, run.id)


def test_what_is_refused_for_ever_fails_one_run_and_is_a_finding_of_the_next_ones(careful: Context) -> None:
    changed = [PEOPLE[0], make_person(2, mobile="5"), *PEOPLE[2:]]
    first = _refuse(careful, planned(careful, changed, EVERYONE))
    assert (first.state, first.error_code) == (RunState.FAILED, "commands_failed")
    for _time in range(2):
        again = planned(careful, changed, EVERYONE)
        assert (again.state, findings_of(careful, again)) == (RunState.EXECUTING, ["refused"])
        again = _refuse(careful, again)
        assert (again.state, again.error_code, verdict.has_warnings(again)) == ("done", "refused", True)
    told = explain(careful, "default", guid(2)).sentences
    assert any("refused to update 202" in sentence for sentence in told)


def test_a_day_of_single_leavers_is_held_where_one_run_of_them_would_be(careful: Context) -> None:
    configure(careful, LimitsSettings(removals=2, removals_percent=5, people_down_percent=100))
    there, ended = list(range(1, 11)), []
    for leaver in (1, 2, 3):
        people = [make_person(index) for index in there if index > leaver]
        phones = make_phone_system([make_extension(index) for index in there if index >= leaver])
        run = planned(careful, people, phones, [AbsentPerson(guid(leaver), found=False)])
        ended.append((run.state, reasons_of(run)))
        _carry_out(careful, run)
        with careful.database.begin() as session:
            session.execute(delete(BindingRow).where(BindingRow.person_guid == guid(leaver)))
    assert ended == [("executing", []), ("executing", []), ("held", ["removals", "removals"])]


def test_a_first_run_is_over_when_it_was_approved_although_a_unit_is_never_read(context: Context) -> None:
    first = planned(context, PEOPLE, make_phone_system(), unreadable=[SUPPORT])
    assert reasons_of(first) == ["first_run"]
    decisions.approve(context, first.id, first.plan_hash or "", "anna")
    end(context, first)
    again = planned(context, PEOPLE, make_phone_system(), unreadable=[SUPPORT])
    assert (again.state, again.error_code) == (RunState.EXECUTING, "incomplete_snapshot")


@pytest.mark.parametrize("rest", [True, False], ids=["with others beside it", "alone"])
def test_an_approval_of_an_old_remainder_counts_for_the_same_one_read_again(
    careful: Context, rest: bool
) -> None:
    run = _today(careful)
    _carry_out(careful, run)
    deletion = next(row.sequence for row in commands_of(careful, run) if row.kind == "delete_extension")
    with careful.database.begin() as session:
        read_before = datetime.now(UTC) - timedelta(days=2)
        session.execute(update(SnapshotPart).values(completed_at=read_before))
    fresh = decisions.approve(careful, run.id, run_of(careful, run.id).plan_hash or "", "anna", [deletion])
    assert fresh.id > run.id
    # What stood before it in the plan is done or not: its rows have other sequences, and are the same.
    people = TODAY if rest else [PEOPLE[1], PEOPLE[2], *TODAY[2:]]
    collect(careful, fresh.id, people, EVERYONE, GONE)
    plan_run(careful, fresh.id)
    assert run_of(careful, fresh.id).state == RunState.EXECUTING
    others = {"update_extension 202": "pending", "disable_extension 203": "pending"} if rest else {}
    assert _states(careful, fresh) == others | {
        "disable_extension 201": "pending",
        "delete_extension 201": "left_out",
    }


def test_an_approval_of_an_old_remainder_counts_for_no_other_one(careful: Context) -> None:
    run = _today(careful)
    _carry_out(careful, run)
    with careful.database.begin() as session:
        session.execute(update(SnapshotPart).values(completed_at=datetime.now(UTC) - timedelta(days=2)))
    fresh = decisions.approve(careful, run.id, run_of(careful, run.id).plan_hash or "", "anna")
    gone = [*GONE, AbsentPerson(guid(2), found=False)]
    collect(careful, fresh.id, TODAY[1:], EVERYONE, gone)
    plan_run(careful, fresh.id)
    states = _states(careful, fresh)
    assert {step: state for step, state in states.items() if "delete" in step} == {
        "delete_extension 201": "held",
        "delete_extension 202": "held",
    }
    assert run_of(careful, fresh.id).approved_hash is None
