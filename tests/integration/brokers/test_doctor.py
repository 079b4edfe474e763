"""What the doctor says of a broker that answers, and of one that would throw work away."""

import re

import pytest
import redis

from services.api.operations.use_cases import doctor
from services.api.operations.use_cases.doctor_of_sites import can_ask
from tests.faults.deployment import Deployment
from tests.integration.brokers.conftest import Broker
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


def test_a_broker_that_answers_is_named_with_its_version(processes: Deployment, broker: Broker) -> None:
    check = doctor.broker(processes.context)
    product = "Redis" if isinstance(broker, RedisServer) else "RabbitMQ"
    assert (check.ok, check.advice) == (True, ())
    assert re.match(rf"{product} \d+\.\d+\.\d+ answers at ", check.message)


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_a_redis_that_throws_messages_away_when_it_is_full_is_advised_against(
    processes: Deployment, broker: RedisServer
) -> None:
    with redis.Redis(port=broker.port) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        # Without a limit nothing is ever thrown away.
        assert doctor.broker(processes.context).advice == ()
        client.config_set("maxmemory", "100mb")
    check = doctor.broker(processes.context)
    assert check.ok
    assert ["maxmemory-policy noeviction" in advice for advice in check.advice] == [True]


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_a_redis_that_keeps_its_version_to_itself_is_well_too(
    processes: Deployment, broker: RedisServer
) -> None:
    with redis.Redis(port=broker.port) as client:
        client.execute_command("ACL", "SETUSER", "default", "-info")
        check = doctor.broker(processes.context)
        client.execute_command("ACL", "SETUSER", "default", "+info")
    assert check.ok
    assert "does not let this user ask" in check.message


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_nobody_waits_for_the_answers_of_workers_that_are_not_there(processes: Deployment) -> None:
    assert not can_ask(doctor.diagnose(processes.context))
    processes.start_worker()
    wait_until("workers at all queues", lambda: can_ask(doctor.diagnose(processes.context)), 60)
