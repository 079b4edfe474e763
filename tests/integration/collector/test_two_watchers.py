"""Of two watchers one watches: the other takes over when that is killed or frozen, and nothing is lost or told twice."""

import os
import signal

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

pytestmark = [pytest.mark.samba, pytest.mark.xdist_group("samba")]


def _changes(made: Deployment) -> list[str]:
    with made.context.database.read() as session:
        return list(session.scalars(select(ChangeRow.guid).order_by(ChangeRow.id)))


def _is_live(made: Deployment) -> bool:
    with made.context.database.read() as session:
        row = session.get(WatchRow, ("default", ""))
        return row is not None and row.state == WatchState.LIVE


def _watches(made: Deployment, process: Process) -> bool:
    return "watcher_begins" in made.output_of(process)


def test_another_watcher_takes_over_from_one_that_is_killed_or_frozen(
    redis_broker: RedisServer, office: Office
) -> None:
    unit = office.unit("Sales")
    people = [office.hire(unit, login) for login in ("anna", "bert", "carl")]
    guids = [office.guid(person) for person in people]
    with deployment(redis_broker.url) as made:
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
        made.freeze(second)
        third = made.start_watch()
        wait_until("the third", lambda: _watches(made, third))
        os.kill(second.pid, signal.SIGCONT)
        wait_until("the second notices", lambda: "watcher_lost_its_lease" in made.output_of(second))
        office.change(people[2], telephoneNumber="102")
        wait_until("carl", lambda: _changes(made) == guids)
        assert [made.terminate(process) for process in (second, third)] == [0, 0]
        # Given back, so that whoever comes next need not wait.
        assert not leases.is_held(made.context.database, "watcher")
