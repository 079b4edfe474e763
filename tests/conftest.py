"""Fixtures that any test may ask for."""

from collections.abc import Iterator

import pytest

from tests.support.redis import RedisServer, redis_server
from tests.support.samba import SambaDomain, samba_domain


@pytest.fixture(scope="session")
def samba() -> Iterator[SambaDomain]:
    """The session's domain controller; tests keep to organizational units of their own."""
    with samba_domain() as domain:
        yield domain


@pytest.fixture
def own_samba() -> Iterator[SambaDomain]:
    """A domain controller that the test may stop, kill or freeze."""
    with samba_domain() as domain:
        yield domain


@pytest.fixture(scope="session")
def redis_broker() -> Iterator[RedisServer]:
    """The session's Redis."""
    with redis_server() as server:
        yield server
