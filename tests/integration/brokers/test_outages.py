"""A broker that goes away, or falls silent: the API stays up and says so, nothing is lost, nothing is done twice."""

import time
from collections.abc import Iterator

import httpx
import pytest

from services.api.access import tokens
from services.api.operations.queries import waiting_messages
from shared.database.tables import RunState
from shared.messages import PlanRun
from shared.worker.queues import Queue
from tests.faults.conftest import World, assert_in_step
from tests.faults.deployment import Deployment
from tests.faults.test_invariant_3_other_deaths import created_once
from tests.integration.brokers.conftest import Broker
from tests.support.waiting import wait_until

pytestmark = pytest.mark.redis


@pytest.fixture
def api(processes: Deployment) -> Iterator[httpx.Client]:
    """A client of the API, which runs as a process of its own."""
    _process, address = processes.start_api()
    token = tokens.create_token(processes.context, "tester")
    with httpx.Client(
        base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
    ) as client:
        yield client


def _broker_is_well(api: httpx.Client) -> bool:
    """What health says of the broker; without it the API must stay ready."""
    answer = api.get("/health/ready")
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"]
    well: bool = answer.json()["checks"]["broker"]
    return well


def test_work_goes_on_where_it_stood_when_the_broker_comes_back(
    processes: Deployment, world: World, broker: Broker, api: httpx.Client
) -> None:
    logins = world.staff.hire_many(12)
    processes.start_beat()
    worker = processes.start_worker()
    assert _broker_is_well(api)
    world.fault("hold_after", "POST", "^/Users$")
    run_id = processes.start_run()
    processes.wait_for(run_id, {RunState.HELD})
    processes.approve(run_id)
    wait_until("a held creation", lambda: world.phone_system.faults.held > 0)

    # In order: RabbitMQ may lose queues that are only seconds old in a crash (docs/operate.md).
    broker.shut_down()
    wait_until("health to say so", lambda: not _broker_is_well(api))
    assert api.get(f"/api/v1/runs/{run_id}").json()["state"] == "executing"
    checks = {check["name"]: check for check in api.get("/api/v1/diagnosis").json()["checks"]}
    assert not checks["broker"]["ok"]
    assert "ROLLCALL_BROKER_URL" in checks["broker"]["message"]
    wait_until("the worker to notice", lambda: "Connection to broker lost" in processes.output_of(worker))
    broker.start()
    world.release()

    assert processes.wait_for(run_id, {RunState.DONE, RunState.FAILED}, 90).state == RunState.DONE
    assert worker.poll() is None, "a worker must outlive its broker"
    wait_until("health to say so", lambda: _broker_is_well(api))
    assert created_once(world, logins)
    assert_in_step(processes)


def test_a_broker_that_falls_silent_keeps_nobody_waiting_for_long(
    processes: Deployment, world: World, broker: Broker, api: httpx.Client
) -> None:
    world.staff.hire_many(3)
    with broker.frozen():
        wait_until("health to say so", lambda: not _broker_is_well(api))
        began = time.monotonic()
        started = api.post("/api/v1/sites/default/runs", json={})
        seconds = time.monotonic() - began
        assert started.status_code == 201, started.text
        assert seconds < 30
        assert api.get("/health/live").json() == {"ok": True}
    processes.start_beat()
    processes.start_worker()
    assert processes.finish(started.json()["id"], 90).state == RunState.DONE


def test_how_many_messages_wait_is_told_by_each_broker(processes: Deployment, broker: Broker) -> None:
    assert waiting_messages(processes.context) == dict.fromkeys(Queue, 0)
    hints = [PlanRun(run_id=900_001 + place, correlation_id="none") for place in range(3)]
    processes.context.publish(hints)
    wait_until("the count", lambda: waiting_messages(processes.context)[Queue.RECONCILER] == len(hints))
    assert waiting_messages(processes.context)[Queue.COLLECTOR] == 0
