"""Fixtures that any test may ask for."""

import gc
import os
from collections.abc import Iterator

import pytest
import structlog
from _pytest.nodeid import NodeId
from execnet.xspec import XSpec
from hypothesis import settings
from kombu.transport import memory

from services.relay_client.xapi import connection as phone_systems
from tests.support import databases, forked, in_memory, order, tsql, workers
from tests.support.redis import RedisServer, redis_server
from tests.support.samba import OTHER_REALM, SambaDomain, samba_domain

# How long an example takes says more of what else the machine does than of us. All else is as Hypothesis has it, in CI too.
settings.register_profile(
    "any load", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("any load")


@pytest.fixture(scope="session")
def samba() -> Iterator[SambaDomain]:
    """The session's domain controller; tests keep to organizational units of their own."""
    with samba_domain() as domain:
        yield domain


@pytest.fixture(scope="module")
def other_samba() -> Iterator[SambaDomain]:
    """A controller of another domain, in another forest; whoever stops it starts it again."""
    with samba_domain(OTHER_REALM) as domain:
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


_statements = tsql.Statements()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks of what runs on which database (see tests/support/databases.py) and in a browser."""
    config.addinivalue_line("markers", "every_database: runs on SQLite and PostgreSQL in every session")
    config.addinivalue_line("markers", "sqlite_only(reason): is about the embedded database")
    config.addinivalue_line("markers", "browser: needs chromium")
    # Those that run the tests inherit it from the one that starts them.
    if not hasattr(config, "workerinput") and not config.getoption("basetemp"):
        config.add_cleanup(in_memory.use())
    # The process that starts others to run the tests hands the choice on to them.
    if not config.getoption("numprocesses", None):
        databases.forget_choice()


def pytest_xdist_setupnodes(config: pytest.Config, specs: list[XSpec]) -> None:
    """Fork the processes that run the tests, unless what they do is measured from their first line on."""
    # By the number of tests; ours is by their time.
    config.option.loadscopereorder = False
    if all(spec.popen for spec in specs) and not config.getoption("cov_source", None):
        workers.fork_workers(config)
        config.add_cleanup(forked.close)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """``-n auto``: more than there are cores, because many tests wait for other processes. ``-n logical``, for those that
    do not: as many, because each worker collects all tests first.
    """
    cores = os.cpu_count() or 1
    return cores if config.getoption("numprocesses") == "logical" else 3 * cores


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Do not search for garbage while tests are collected: nearly everything stays. What stays is left out of every
    later search too.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        # Seldom: frozen objects do not count any more, so that everything would be searched every few tests.
        gc.set_threshold(10_000, 20, 50)
        gc.enable()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked ``every_database`` on each; everything else on the session's."""
    if metafunc.definition.get_closest_marker("every_database"):
        metafunc.parametrize("database_kind", databases.kinds_everywhere(), indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of a group on one worker, and those that share something of their file: else each worker would make
    it for itself. What takes longest begins first: else one worker would be at it while the others have nothing left.

    xdist 3.8 reads the group from the end of a test's name, and writes it where pytest 9.2 does not look any more.
    """
    if not config.getoption("loadgroup", False):
        return
    for item in items:
        named = item.get_closest_marker("xdist_group")
        if named or _shares_with_its_file(item):
            group = named.args[0] if named else item.nodeid.partition("::")[0]
            item._id = NodeId.parse(f"{item.nodeid}@{group}")
    order.longest_first(items)


def _shares_with_its_file(item: pytest.Item) -> bool:
    known = getattr(item, "_fixtureinfo", None)
    return known is not None and any(made[-1].scope == "module" for made in known.name2fixturedefs.values())


@pytest.fixture(scope="session", autouse=True)
def _session_databases() -> Iterator[None]:
    with databases.session():
        yield
    forked.close()


@pytest.fixture(autouse=True)
def _nothing_left_by_other_tests() -> None:
    """Neither how an earlier test configured the log, nor its messages, nor what was learnt of a phone system whose port
    another may be given: all are global to the process.
    """
    structlog.reset_defaults()
    phone_systems._LEARNT.clear()
    for waiting in memory.Channel.queues.values():
        with waiting.mutex:
            waiting.queue.clear()


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Iterator[databases.Kind]:
    """The kind of database that the test's deployments are made on."""
    kind: databases.Kind = getattr(request, "param", databases.session_kind())
    only = request.node.get_closest_marker("sqlite_only")
    if only and kind is not databases.Kind.SQLITE:
        pytest.skip(f"of the embedded database only: {only.args[0]}")
    with databases.using(kind):
        if kind is databases.Kind.POSTGRESQL:
            # What is not for SQLite alone is what SQL Server would be asked too.
            with tsql.listening(_statements):
                yield kind
        else:
            yield kind
