"""A run is planned once: whatever comes twice, dies, is overtaken or never ends."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, event, func, select, update

from services.reconciler.plan_run import MAX_ATTEMPTS, plan_run
from shared.database.engine import Database
from shared.database.tables import CommandRow, FindingRow, Lease, Run, RunState, SnapshotPage
from shared.errors import LeaseHeld
from shared.work import leases
from shared.worker.context import Context
from tests.builders.domain import make_person, make_phone_system
from tests.integration.reconciler.collected import collect, log_of, run_of, start, steps_of


@pytest.fixture
def run_id(context: Context) -> int:
    """A run that waits to be planned: one person to create, one finding."""
    return collect(context, start(context), [make_person(1, email="broken")], make_phone_system())


def _rows(context: Context) -> tuple[int, int]:
    with context.database.read() as session:
        commands = session.scalar(select(func.count()).select_from(CommandRow)) or 0
        return commands, session.scalar(select(func.count()).select_from(FindingRow)) or 0


def test_a_run_delivered_twice_is_planned_once(context: Context, run_id: int) -> None:
    plan_run(context, run_id)
    first = run_of(context, run_id)
    plan_run(context, run_id)
    again = run_of(context, run_id)
    assert (_rows(context), again.planned_at, again.state) == ((1, 1), first.planned_at, RunState.HELD)
    assert log_of(context, again).count("run.held") == 1


def test_a_run_delivered_to_four_workers_at_once_is_planned_once(context: Context, run_id: int) -> None:
    together = threading.Barrier(4)

    def _plan() -> None:
        together.wait()
        try:
            plan_run(context, run_id)
        except LeaseHeld:
            return

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(_plan) for _ in range(4)]:
            future.result()
    assert (_rows(context), run_of(context, run_id).state) == ((1, 1), RunState.HELD)


def test_a_run_that_is_still_read_is_not_planned(context: Context) -> None:
    run_id = start(context)
    plan_run(context, run_id)
    assert (run_of(context, run_id).state, run_of(context, run_id).attempts) == (RunState.COLLECTING, 0)
    plan_run(context, 4711)


def test_a_living_planner_is_left_alone_and_a_dead_ones_work_is_taken_over(
    context: Context, run_id: int
) -> None:
    name = f"plan:{run_id}"
    leases.take(context.database, name, "somebody else", 60)
    with pytest.raises(LeaseHeld):
        plan_run(context, run_id)
    assert run_of(context, run_id).state == RunState.COLLECTING
    leases.take(context.database, name, "somebody else", -1)
    plan_run(context, run_id)
    assert run_of(context, run_id).state == RunState.HELD


@contextmanager
def _paused_planner(context: Context, run_id: int) -> Iterator[Future[None]]:
    """A planner of another process that stands still while it reads, until the block ends."""
    database = Database(context.settings.effective_database_url)
    reached, go_on = threading.Event(), threading.Event()

    @event.listens_for(database.engine, "before_cursor_execute")
    def _stop_at_pages(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM snapshot_pages" in statement:
            reached.set()
            assert go_on.wait(60)

    with ThreadPoolExecutor(1) as pool:
        planning = pool.submit(plan_run, replace(context, database=database), run_id)
        try:
            assert reached.wait(60)
            yield planning
        finally:
            go_on.set()
            wait([planning], 60)
    database.close()


def test_a_planner_that_was_thought_dead_adds_nothing_when_it_wakes(context: Context, run_id: int) -> None:
    with _paused_planner(context, run_id) as planning:
        with context.database.begin() as session:
            session.execute(delete(Lease))
        plan_run(context, run_id)
        first = run_of(context, run_id)
    with pytest.raises(LeaseHeld, match="taken over"):
        planning.result()
    assert first.state == RunState.HELD
    assert (_rows(context), run_of(context, run_id).planned_at) == ((1, 1), first.planned_at)


def test_a_run_cancelled_while_it_is_planned_stays_cancelled(context: Context, run_id: int) -> None:
    with _paused_planner(context, run_id) as planning, context.database.begin() as session:
        session.execute(update(Run).values(state=RunState.CANCELLED.value))
    planning.result()
    run = run_of(context, run_id)
    assert (run.state, run.plan_hash, _rows(context)) == (RunState.CANCELLED, None, (0, 0))


def test_a_run_that_keeps_killing_its_planner_is_given_up(context: Context, run_id: int) -> None:
    with context.database.begin() as session:
        session.execute(delete(SnapshotPage))
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(LookupError):
            plan_run(context, run_id)
    assert run_of(context, run_id).state == RunState.COLLECTING
    plan_run(context, run_id)
    run = run_of(context, run_id)
    assert (run.state, run.error_code, steps_of(context, run)) == (RunState.FAILED, "given_up", [])
    assert run.error_message == (
        "The run could not be planned after 2 attempts: each time the worker ended early or hung. See the workers' process log. The "
        "usual cause is memory."
    )
    assert log_of(context, run)[-1] == "run.failed"
