"""Invariant 3: a process killed at any instruction; after restart the run ends, every command took effect exactly
once, nothing is lost. Here everything else that can die: while reading, while planning, beat, the broker.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database.tables import PartState, Run, RunState
from shared.worker.queues import Queue
from tests.faults.conftest import World, assert_in_step
from tests.faults.deployment import Deployment
from tests.faults.reaper import Reaper
from tests.support.phone_system import changes_made
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.redis


def created_once(world: World, logins: list[str], first_number: int = 2000) -> bool:
    """Whether exactly these people have an extension, each made once."""
    made = {key: count for key, count in changes_made(world.phone_system).items() if key[0] == "create_user"}
    return made == {("create_user", str(first_number + place)): 1 for place in range(len(logins))}


def test_a_worker_killed_while_both_ends_are_being_read_is_replaced_and_the_run_ends(
    processes: Deployment, world: World
) -> None:
    logins = world.staff.hire_many(30)
    world.directory.faults.freeze_after(8, times=1)
    processes.start_beat()
    reaper = Reaper(processes, world, "hold_after", processes.start_worker)
    reaper.hold("GET", "^/Users$")
    run_id = processes.start_run()

    def _is_reading() -> bool:
        attempts = [part.attempt for part in processes.parts(run_id) if part.kind == "unit"]
        return min(attempts) == 1 and world.phone_system.faults.held > 0

    reaper.strike("both ends being read", _is_reading)
    reaper.release_all()
    assert processes.finish(run_id).state == RunState.DONE
    assert {part.state for part in processes.parts(run_id)} == {PartState.COMPLETE.value}
    assert sum(part.item_count for part in processes.parts(run_id) if part.kind == "unit") == 30
    assert created_once(world, logins)
    assert_in_step(processes)


def test_a_worker_killed_while_planning_leaves_no_half_plan(processes: Deployment, world: World) -> None:
    logins = world.staff.hire_many(600)
    processes.start_worker([Queue.COLLECTOR, Queue.RELAY_CLIENT, Queue.SCHEDULER])
    run_id = processes.start_run()
    wait_until(
        "both ends read",
        lambda: {part.state for part in processes.parts(run_id)} == {PartState.COMPLETE.value},
    )
    planner = processes.start_worker([Queue.RECONCILER])

    # The planner counts its try before it reads; with the database locked from then on it cannot store its plan.
    with _locked_once_planning_began(processes, run_id) as session:
        processes.kill(planner)
        assert session.scalar(select(Run.state).where(Run.id == run_id)) == RunState.COLLECTING
    assert processes.commands(run_id) == []

    processes.start_worker([Queue.RECONCILER])
    processes.start_beat()
    run = processes.wait_for(run_id, {RunState.HELD})
    assert run.counts == {"create_extension": len(logins)}
    assert len(processes.commands(run_id)) == len(logins)
    assert processes.log("run.held") == [f"The plan needs approval (run {run_id}): 600 people, create 600."]


def test_a_killed_child_of_a_worker_does_not_take_its_work_with_it(
    processes: Deployment, world: World
) -> None:
    logins = world.staff.hire_many(10)
    world.fault("hold_after", "POST", "^/Users$")
    worker = processes.start_worker()
    processes.start_beat()
    run_id = processes.start_run()
    processes.wait_for(run_id, {RunState.HELD})
    processes.approve(run_id)
    wait_until("a held creation", lambda: world.phone_system.faults.held > 0)
    # Whichever child has the stage: both die, the worker itself lives on and makes new ones.
    for child in _children(worker.pid):
        os.kill(child, signal.SIGKILL)
    world.release()
    assert processes.wait_for(run_id, {RunState.DONE, RunState.FAILED}).state == RunState.DONE
    assert worker.poll() is None
    assert created_once(world, logins)
    assert_in_step(processes)


def test_a_broker_that_comes_back_empty_and_a_killed_beat_cost_only_time(
    processes: Deployment, world: World, broker: RedisServer
) -> None:
    logins = world.staff.hire_many(12)
    beat = processes.start_beat()
    worker = processes.start_worker()
    world.fault("hold_after", "POST", "^/Users$")
    run_id = processes.start_run()
    processes.wait_for(run_id, {RunState.HELD})
    processes.approve(run_id)
    wait_until("a held creation", lambda: world.phone_system.faults.held > 0)
    processes.kill(beat)
    broker.stop()
    wait_until("the worker to notice", lambda: processes.has_logged("Connection to broker lost"))
    broker.start()
    world.release()
    processes.start_beat()
    assert processes.wait_for(run_id, {RunState.DONE, RunState.FAILED}).state == RunState.DONE
    assert worker.poll() is None, "a worker must outlive its broker"
    assert created_once(world, logins)
    assert_in_step(processes)


@contextmanager
def _locked_once_planning_began(processes: Deployment, run_id: int) -> Iterator[Session]:
    """Hold the database's write lock, taken at the first moment at which the run's planning has begun."""
    deadline = time.monotonic() + 60
    while True:
        with processes.context.database.begin() as session:
            if session.scalar(select(Run.attempts).where(Run.id == run_id)):
                yield session
                return
        assert time.monotonic() < deadline, processes.story()
        time.sleep(0.002)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
