"""Approving, rejecting and cancelling: what was approved is what is executed, and nothing else."""

import threading

import httpx
import pytest
from sqlalchemy import select

from services.api.accounts import queries as audit
from services.api.runs.use_cases import runs
from services.api.settings.use_cases.exclusions import Subject, exclude
from shared.database.tables import CommandRow, Event, Run, RunState
from shared.errors import Conflict, NotFound, PlanChanged, RollcallError
from shared.worker.context import Context
from tests.integration.api.builders import COMMANDS, make_plan, make_run, set_state

pytestmark = pytest.mark.every_database

OTHER = "0" * 64


def _states(context: Context, run_id: int) -> list[str]:
    with context.database.read() as session:
        rows = session.scalars(
            select(CommandRow).where(CommandRow.run_id == run_id).order_by(CommandRow.sequence)
        )
        return [row.state for row in rows]


def _run(context: Context, run_id: int) -> Run:
    return runs.get_run(context, run_id)


@pytest.mark.parametrize("state", [RunState.HELD, RunState.PLANNED])
def test_an_approved_plan_is_executed(ready: Context, state: RunState) -> None:
    run_id, plan_hash = make_plan(ready, state=state)
    approved = runs.approve(ready, run_id, plan_hash, "anna")
    assert (approved.state, approved.approved_by, approved.approved_hash) == ("executing", "anna", plan_hash)
    assert approved.approved_at is not None


def test_an_approval_of_another_plan_changes_nothing(ready: Context) -> None:
    run_id, _ = make_plan(ready)
    with pytest.raises(PlanChanged):
        runs.approve(ready, run_id, OTHER, "anna", [4])
    assert _run(ready, run_id).state == "held"
    assert _states(ready, run_id) == ["pending"] * 4


def test_left_out_commands_take_their_dependents_with_them(ready: Context) -> None:
    run_id, plan_hash = make_plan(ready)
    runs.approve(ready, run_id, plan_hash, "anna", [1])
    assert _states(ready, run_id) == ["left_out", "left_out", "left_out", "pending"]


@pytest.mark.parametrize("state", [RunState.HELD, RunState.PLANNED])
def test_who_was_excluded_since_the_plan_was_made_is_left_out_whoever_approves(
    ready: Context, state: RunState
) -> None:
    run_id, plan_hash = make_plan(ready, state=state)
    with ready.database.read() as session:
        last = session.scalars(
            select(CommandRow).where(CommandRow.run_id == run_id).order_by(CommandRow.sequence.desc())
        ).first()
    assert last is not None
    assert last.number
    exclude(ready, "default", [Subject(last.number)], by_name=False, actor="bert")
    runs.approve(ready, run_id, plan_hash, "anna")
    assert _states(ready, run_id)[-1] == "left_out"
    assert "pending" in _states(ready, run_id)


def test_a_plan_of_which_nothing_is_left_is_done(ready: Context) -> None:
    run_id, plan_hash = make_plan(ready)
    approved = runs.approve(ready, run_id, plan_hash, "anna", [1, 4])
    assert approved.state == "done"
    assert approved.finished_at is not None


def test_leaving_out_a_command_that_is_not_there_approves_nothing(ready: Context) -> None:
    run_id, plan_hash = make_plan(ready)
    with pytest.raises(NotFound, match="command 9 is not waiting"):
        runs.approve(ready, run_id, plan_hash, "anna", [4, 9])
    assert _states(ready, run_id) == ["pending"] * 4


@pytest.mark.parametrize(
    "state", [RunState.EXECUTING, RunState.DONE, RunState.CANCELLED, RunState.COLLECTING]
)
def test_a_run_that_does_not_wait_cannot_be_approved(ready: Context, state: RunState) -> None:
    run_id, plan_hash = make_plan(ready)
    set_state(ready, run_id, state)
    with pytest.raises(Conflict, match="does not wait"):
        runs.approve(ready, run_id, plan_hash, "anna")


def test_an_approval_follows_the_run_that_replaced_this_one(ready: Context) -> None:
    old, plan_hash = make_plan(ready)
    new, _ = make_plan(ready)
    set_state(ready, old, RunState.CANCELLED, superseded_by=new)
    assert runs.approve(ready, old, plan_hash, "anna").id == new
    assert _run(ready, new).state == "executing"
    assert _run(ready, old).state == "cancelled"


def test_an_approval_does_not_follow_to_another_plan(ready: Context) -> None:
    old, plan_hash = make_plan(ready)
    new, _ = make_plan(ready, COMMANDS[:2])
    set_state(ready, old, RunState.CANCELLED, superseded_by=new)
    with pytest.raises(PlanChanged, match=f"replaced by run {new}"):
        runs.approve(ready, old, plan_hash, "anna")
    assert _run(ready, new).state == "held"


def test_nothing_is_approved_while_another_run_of_the_site_is_going(ready: Context) -> None:
    run_id, plan_hash = make_plan(ready)
    make_run(ready)
    with pytest.raises(Conflict, match="still active"):
        runs.approve(ready, run_id, plan_hash, "anna")


def test_of_two_who_decide_at_once_one_wins(ready: Context) -> None:
    run_id, plan_hash = make_plan(ready)
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def _decide(approving: bool) -> None:
        together.wait()
        try:
            if approving:
                runs.approve(ready, run_id, plan_hash, "anna")
            else:
                runs.reject(ready, run_id, "bob")
            outcomes.append("won")
        except RollcallError as error:
            outcomes.append(error.code)

    deciders = [threading.Thread(target=_decide, args=(approving,)) for approving in (True, False)]
    for decider in deciders:
        decider.start()
    for decider in deciders:
        decider.join()
    assert sorted(outcomes) == ["conflict", "won"]


def test_a_rejected_plan_is_never_executed(ready: Context) -> None:
    run_id, plan_hash = make_plan(ready)
    assert runs.reject(ready, run_id, "anna", "Not today.").state == "cancelled"
    assert _states(ready, run_id) == ["skipped"] * 4
    with pytest.raises(Conflict):
        runs.approve(ready, run_id, plan_hash, "anna")


@pytest.mark.parametrize("state", [RunState.COLLECTING, RunState.PLANNED, RunState.HELD, RunState.EXECUTING])
def test_a_going_or_waiting_run_can_be_cancelled(ready: Context, state: RunState) -> None:
    run_id, _ = make_plan(ready)
    set_state(ready, run_id, state)
    assert runs.cancel(ready, run_id, "anna").state == "cancelled"
    assert _states(ready, run_id) == ["skipped"] * 4


def test_a_cancelled_run_leaves_what_was_done(ready: Context) -> None:
    run_id, plan_hash = make_plan(ready)
    runs.approve(ready, run_id, plan_hash, "anna")
    with ready.database.begin() as session:
        for row, state in zip(
            session.scalars(
                select(CommandRow).where(CommandRow.run_id == run_id).order_by(CommandRow.sequence)
            ),
            ("done", "running"),
            strict=False,
        ):
            row.state = state
    runs.cancel(ready, run_id, "anna")
    assert _states(ready, run_id) == ["done", "failed", "skipped", "skipped"]


def test_an_ended_run_cannot_be_cancelled(ready: Context) -> None:
    run_id, _ = make_plan(ready, state=RunState.DONE)
    with pytest.raises(Conflict, match="is done"):
        runs.cancel(ready, run_id, "anna")


def test_every_decision_is_in_the_log_and_the_audit(ready: Context) -> None:
    for decide in (runs.reject, runs.cancel):
        decide(ready, make_plan(ready)[0], "anna")
    run_id, plan_hash = make_plan(ready)
    runs.approve(ready, run_id, plan_hash, "anna", [4])
    wanted = ["run.rejected", "run.cancelled", "run.approved"]
    with ready.database.read() as session:
        assert (
            session.scalars(select(Event.code).where(Event.code.in_(wanted)).order_by(Event.id)).all()
            == wanted
        )
    entries = audit.read_audit(ready, limit=3)[::-1]
    assert [(entry.action, entry.actor) for entry in entries] == [(action, "anna") for action in wanted]
    assert entries[-1].details == {"run_id": run_id, "plan_hash": plan_hash, "left_out": [4]}
    assert audit.verify_audit(ready) is None


def test_a_plan_is_approved_over_http(ready: Context, client: httpx.Client) -> None:
    run_id, plan_hash = make_plan(ready)
    answer = client.post(f"/api/v1/runs/{run_id}/approve", json={"plan_hash": plan_hash, "leave_out": [4]})
    assert (answer.status_code, answer.json()["state"]) == (200, "executing")
    assert answer.json()["approved_by"] == "token:tester"


def test_an_approval_of_another_plan_is_a_409_problem(ready: Context, client: httpx.Client) -> None:
    run_id, plan_hash = make_plan(ready)
    answer = client.post(f"/api/v1/runs/{run_id}/approve", json={"plan_hash": OTHER})
    assert (answer.status_code, answer.json()["code"]) == (409, "plan_changed")
    assert answer.json()["details"] == {"run_id": run_id, "plan_hash": plan_hash}


def test_a_plan_is_rejected_and_a_run_cancelled_over_http(ready: Context, client: httpx.Client) -> None:
    rejected = client.post(f"/api/v1/runs/{make_plan(ready)[0]}/reject", json={"reason": "Not today."})
    cancelled = client.post(f"/api/v1/runs/{make_plan(ready)[0]}/cancel")
    assert [answer.json()["state"] for answer in (rejected, cancelled)] == ["cancelled", "cancelled"]
