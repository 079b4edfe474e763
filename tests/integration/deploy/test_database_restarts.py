"""A database that is restarted in the middle of a run: the processes outlive it, nothing is lost, nothing done twice."""

from collections.abc import Iterator

import pytest

from shared.database.engine import Database
from shared.database.tables import RunState
from shared.migrate import migrate
from tests.faults.conftest import World, assert_in_step, broker, world
from tests.faults.deployment import Deployment, deployment
from tests.faults.test_invariant_3_other_deaths import created_once
from tests.support.postgresql import PostgresServer, postgres_server
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

__all__ = ["broker", "world"]

pytestmark = pytest.mark.redis


@pytest.fixture
def postgresql() -> Iterator[PostgresServer]:
    """A server of the test's own, with an empty database ``rollcall``."""
    with postgres_server() as server:
        server.execute("CREATE DATABASE rollcall")
        database = Database(server.url("rollcall"))
        migrate(database)
        database.close()
        yield server


@pytest.fixture
def processes(broker: RedisServer, postgresql: PostgresServer, world: World) -> Iterator[Deployment]:
    """A Rollcall of separate processes on that database; none is started yet."""
    with deployment(broker.url, own_database_url=postgresql.url("rollcall")) as made:
        made.configure(world.sections())
        yield made


def test_work_goes_on_where_it_stood_when_the_database_comes_back(
    processes: Deployment, world: World, postgresql: PostgresServer
) -> None:
    logins = world.staff.hire_many(40)
    beat, worker = processes.start_beat(), processes.start_worker()
    world.fault("hold_after", "POST", "^/Users$", skip=10)
    run_id = processes.start_run()
    processes.wait_for(run_id, {RunState.HELD})
    processes.approve(run_id)
    wait_until("a held creation", lambda: world.phone_system.faults.held > 0)
    postgresql.stop()
    world.release()
    wait_until("the worker to notice", lambda: "storage_unavailable" in processes.output_of(worker))
    postgresql.start()
    # A connection that the test used a moment ago is not asked whether it still stands.
    processes.context.database.close()
    assert processes.wait_for(run_id, {RunState.DONE, RunState.FAILED}).state == RunState.DONE
    assert worker.poll() is None
    assert beat.poll() is None
    assert created_once(world, logins)
    assert_in_step(processes)
