"""A PostgreSQL for the session; a phone system's host, and a relay served on it, for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.relay.cluster import Cluster, running_cluster
from tests.integration.relay.peer import Peer, ServedRelay, paired, served
from tests.integration.relay.phones import Phones, make_phones


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The session's server; tests keep to databases of their own."""
    with running_cluster() as server:
        yield server


@pytest.fixture
def phones(cluster: Cluster, tmp_path: Path) -> Phones:
    """A host with a leaver (104), a colleague (105) and an archive extension (900)."""
    return make_phones(tmp_path, cluster.cleared_database())


@pytest.fixture
def relay(phones: Phones) -> Iterator[ServedRelay]:
    """A relay served on that host, not paired yet."""
    with served(phones) as running:
        yield running


@pytest.fixture
def peer(relay: ServedRelay) -> Iterator[Peer]:
    """Its peer."""
    with paired(relay) as side:
        yield side
