"""Of two watchers one watches: the other takes over when that is killed or frozen, and nothing is lost or told twice."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.database.tables import ChangeRow, WatchRow
from shared.domain.watching import WatchState
from shared.work import leases
from tests.faults.deployment import Deployment, deployment
from tests.support.forked import Process
from tests.support.office import Office
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.samba


def _changes(made: Deployment) -> list[str]:
    with made.context.database.read() as session:
        return list(session.scalars(select(ChangeRow.guid).order_by(ChangeRow.id)))


def _is_live(made: Deployment) -> bool:
    with made.context.database.read() as session:
        row = session.get(WatchRow, ("default", ""))
        return row is not None and row.state == WatchState.LIVE


def _watches(made: Deployment, process: Process) -> bool:
    return "watcher_begins" in made.output_of(process)


def _states_of_threads(process: Process) -> set[str]:
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks}


@contextmanager
def _three_people(broker: RedisServer, office: Office) -> Iterator[tuple[Deployment, list[str], list[str]]]:
    """A site with live changes; the names and the ids of its people."""
    unit = office.unit("Sales")
    people = [office.hire(unit, login) for login in ("anna", "bert", "carl")]
    with deployment(broker.url) as made:
        made.configure(
            {
                "directory": office.settings([unit]),
                "phone_system": {
                    "base_url": "https://pbx.example.test:5001",
                    "client_id": "x",
                    "client_secret": "y",
                },
                "schedule": {"is_enabled": True, "live": True},
            }
        )
        yield made, people, [office.guid(person) for person in people]


def test_another_watcher_takes_over_from_one_that_is_killed(
    redis_broker: RedisServer, office: Office
) -> None:
    with _three_people(redis_broker, office) as (made, people, guids):
        first = made.start_watch()
        wait_until("the first", lambda: _watches(made, first))
        wait_until("live", lambda: _is_live(made))
        second = made.start_watch()
        office.change(people[0], telephoneNumber="100")
        wait_until("anna", lambda: _changes(made) == guids[:1])
        assert not _watches(made, second)
        made.kill(first)
        office.change(people[1], telephoneNumber="101")
        wait_until("bert", lambda: _changes(made) == guids[:2])
        assert _watches(made, second)
        assert made.terminate(second) == 0
        # Given back, so that whoever comes next need not wait.
        assert not leases.is_held(made.context.database, "watcher")


def test_another_watcher_takes_over_from_one_that_is_frozen(
    redis_broker: RedisServer, office: Office
) -> None:
    with _three_people(redis_broker, office) as (made, people, guids):
        first = made.start_watch()
        wait_until("live", lambda: _is_live(made))
        office.change(people[0], telephoneNumber="100")
        wait_until("anna", lambda: _changes(made) == guids[:1])
        made.freeze(first)
        # A thread that still runs may begin to write, and be stopped within that: then nobody could take over.
        assert _states_of_threads(first) == {"T"}
        second = made.start_watch()
        wait_until("the second", lambda: _watches(made, second))
        os.kill(first.pid, signal.SIGCONT)
        wait_until("the first notices", lambda: "watcher_lost_its_lease" in made.output_of(first))
        office.change(people[1], telephoneNumber="101")
        wait_until("bert", lambda: _changes(made) == guids[:2])
        assert [made.terminate(process) for process in (first, second)] == [0, 0]
        # Given back, so that whoever comes next need not wait.
        assert not leases.is_held(made.context.database, "watcher")
