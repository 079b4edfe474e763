"""``kill -TERM`` of each process in the middle of a run: it ends in order and hands back what it has not begun."""

from pathlib import Path

import pytest
from sqlalchemy import select

from shared.database.tables import CommandRow, RunState
from shared.domain.command import CommandState
from shared.work import leases
from shared.work.due import SCHEDULER
from shared.worker.queues import Queue
from tests.faults.conftest import World, assert_in_step
from tests.faults.deployment import Deployment
from tests.faults.test_invariant_3_other_deaths import created_once
from tests.support.waiting import wait_until

pytestmark = pytest.mark.redis


def _states(processes: Deployment, run_id: int) -> dict[str, int]:
    with processes.context.database.read() as session:
        rows = session.scalars(select(CommandRow.state).where(CommandRow.run_id == run_id)).all()
    return {state: rows.count(state) for state in set(rows)}


def test_a_worker_that_is_told_to_end_finishes_what_it_began_and_leaves_the_rest_to_the_next(
    processes: Deployment, world: World
) -> None:
    logins = world.staff.hire_many(300)
    processes.start_beat()
    collector = processes.start_worker([Queue.COLLECTOR, Queue.RECONCILER, Queue.SCHEDULER])
    executor = processes.start_worker([Queue.RELAY_CLIENT])
    world.fault("hold_before", "POST", "^/Users$")
    run_id = processes.start_run()
    processes.wait_for(run_id, {RunState.HELD})
    processes.approve(run_id)
    wait_until("a held creation", lambda: world.phone_system.faults.held > 0)

    executor.terminate()
    wait_until("it to begin to end", lambda: "Warm shutdown" in processes.output_of(executor))
    world.release()
    assert executor.wait(60) == 0
    states = _states(processes, run_id)
    # Nothing is left in doubt, and most of the work is not done: it ended for the signal, not because it was ready.
    assert set(states) <= {CommandState.DONE.value, CommandState.PENDING.value}
    assert states[CommandState.PENDING.value] > 100

    processes.start_worker([Queue.RELAY_CLIENT])
    assert processes.wait_for(run_id, {RunState.DONE, RunState.FAILED}).state == RunState.DONE
    assert created_once(world, logins)
    assert processes.terminate(collector) == 0
    processes.start_worker([Queue.COLLECTOR, Queue.RECONCILER, Queue.SCHEDULER])
    assert_in_step(processes)


def test_a_killed_worker_leaves_nothing_in_the_temporary_folder(
    processes: Deployment, tmp_path: Path
) -> None:
    processes.environment["TMPDIR"] = str(tmp_path)
    worker = processes.start_worker()
    wait_until("the worker is ready", lambda: "ready." in processes.output_of(worker))
    processes.kill(worker)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_is_told_to_end_while_it_reads_leaves_a_run_that_ends(
    processes: Deployment, world: World
) -> None:
    logins = world.staff.hire_many(30)
    processes.start_beat()
    world.fault("hold_before", "GET", "^/Users$")
    first = processes.start_worker()
    run_id = processes.start_run()
    wait_until("a held reading", lambda: world.phone_system.faults.held > 0)
    first.terminate()
    wait_until("it to begin to end", lambda: "Warm shutdown" in processes.output_of(first))
    processes.start_worker()
    world.release()
    assert first.wait(60) == 0
    assert processes.finish(run_id).state == RunState.DONE
    assert created_once(world, logins)


def test_beat_and_api_end_in_order_and_their_successors_go_on(processes: Deployment, world: World) -> None:
    logins = world.staff.hire_many(10)
    beat = processes.start_beat()
    api, _address = processes.start_api()
    wait_until("beat", lambda: "Beat publishes" in processes.output_of(beat))
    run_id = processes.start_run()
    assert processes.terminate(api) == 0
    assert processes.terminate(beat) == 0
    processes.start_api()
    processes.start_beat()
    processes.start_worker()
    assert processes.finish(run_id).state == RunState.DONE
    assert created_once(world, logins)


def test_beat_looks_at_the_schedules_as_soon_as_it_begins(processes: Deployment) -> None:
    processes.environment |= {"ROLLCALL_TICK_SECONDS": "60", "ROLLCALL_SWEEP_SECONDS": "3600"}
    processes.start_worker([Queue.SCHEDULER])
    processes.start_beat()
    database = processes.context.database
    wait_until("the first look", lambda: leases.is_held(database, SCHEDULER), 40)
