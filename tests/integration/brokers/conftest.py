"""Each broker in turn, both ends, and a Rollcall of separate processes between them."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.conftest import World, world
from tests.faults.deployment import Deployment, deployment
from tests.support.rabbitmq import RabbitServer, rabbit_server
from tests.support.redis import RedisServer, redis_server

__all__ = ["world"]

Broker = RedisServer | RabbitServer
# In one process of a parallel session: the node takes as long to start as a test.
_RABBIT = pytest.param("rabbitmq", marks=pytest.mark.xdist_group("rabbitmq"))
# For a module about what only RabbitMQ does.
rabbit_only = pytest.mark.parametrize("broker", [_RABBIT], indirect=True)


@pytest.fixture(scope="package")
def _rabbit() -> Iterator[RabbitServer]:
    with rabbit_server() as server:
        yield server


@pytest.fixture
def rabbit(_rabbit: RabbitServer) -> Iterator[RabbitServer]:
    """The package's RabbitMQ, running and with empty queues."""
    yield _rabbit
    if not _rabbit.is_running:
        _rabbit.start()
    _rabbit.empty()


@pytest.fixture(params=["redis", _RABBIT])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each broker; the test may stop, start and freeze it."""
    if request.param == "rabbitmq":
        made: RabbitServer = request.getfixturevalue("rabbit")
        yield made
        return
    with redis_server() as server:
        yield server


@pytest.fixture
def processes(broker: Broker, world: World) -> Iterator[Deployment]:
    """A Rollcall of separate processes on the broker; none is started yet."""
    with ExitStack() as stack:
        backend = broker if isinstance(broker, RedisServer) else stack.enter_context(redis_server())
        made = stack.enter_context(deployment(broker.url, result_backend_url=backend.url))
        made.configure(world.sections())
        yield made
