"""Changes in the directory while everything between them and the phone system dies: each takes effect once, none is lost."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy import func, select

from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import CommandRow, Run, RunKind, RunState, WatchRow
from shared.domain.command import CommandState
from shared.domain.watching import WatchState
from shared.runs import changes
from tests.faults.conftest import FREE, assert_in_step
from tests.faults.deployment import Deployment, deployment
from tests.support.changes import changes_left
from tests.support.forked import Process
from tests.support.office import Office
from tests.support.phone_system import changes_made, phone_system_settings, picture
from tests.support.redis import RedisServer, redis_server
from tests.support.samba import SambaDomain
from tests.support.waiting import wait_until

# 33 changes a round.
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
PEOPLE = 24 * ROUNDS
pytestmark = [pytest.mark.samba, pytest.mark.redis, pytest.mark.timeout(300 * ROUNDS)]


@pytest.fixture
def office(samba: SambaDomain) -> Iterator[Office]:
    """An organizational unit for this test alone."""
    with samba.administrator() as connection:
        yield Office(samba, connection, "Faulty")


@dataclass
class Trouble:
    """What keeps the site live, and every way to end it; who dies next is drawn with a fixed seed."""

    made: Deployment
    office: Office
    unit: str
    phone_system: RunningPhoneSystem
    broker: RedisServer
    dice: random.Random
    held: int = 0
    worker: Process = field(init=False)
    watcher: Process = field(init=False)
    beat: Process = field(init=False)

    def begin(self) -> None:
        self.worker, self.watcher = self.made.start_worker(), self.made.start_watch()
        self.beat = self.made.start_beat()

    def strikes(self) -> list[Callable[[], None]]:
        """Each kind of trouble once a round, in an order by chance."""
        listed = ROUNDS * [
            self.worker_dies, self.worker_dies_in_the_middle, self.watcher_dies, self.watcher_freezes,
            self.broker_is_emptied, self.controller_freezes, self.phone_system_is_away,
            self.database_is_locked,
        ]  # fmt: skip
        self.dice.shuffle(listed)
        return listed

    def worker_dies(self) -> None:
        self.made.kill(self.worker)
        self.worker = self.made.start_worker()

    def worker_dies_in_the_middle(self) -> None:
        """Just after something took effect, and before it is known."""
        assert (
            self.phone_system.faults.add({"kind": "hold_after", "method": "PATCH", "path": "/Users"}) is None
        )
        before = self.phone_system.faults.held
        # Whatever was changed before may be done by now.
        self.held += 1
        self.office.change(f"CN=p{PEOPLE:02},{self.unit}", sn=f"Held{self.held}")
        wait_until("a held change", lambda: self.phone_system.faults.held > before, 120)
        self.worker_dies()
        httpx.post(
            f"{self.phone_system.base_url}/sandbox/release", trust_env=False, verify=False
        ).raise_for_status()

    def watcher_dies(self) -> None:
        self.made.kill(self.watcher)
        self.watcher = self.made.start_watch()

    def watcher_freezes(self) -> None:
        """Until another one has taken over."""
        self.made.freeze(self.watcher)
        other = self.made.start_watch()
        wait_until("the other watcher", lambda: "watcher_begins" in self.made.output_of(other))
        os.kill(self.watcher.pid, signal.SIGCONT)
        self.made.kill(self.watcher)
        self.watcher = other

    def broker_is_emptied(self) -> None:
        self.broker.stop()
        self.broker.start()

    def controller_freezes(self) -> None:
        self.office.domain.freeze()
        self.worker_dies()
        self.office.domain.thaw()

    def phone_system_is_away(self) -> None:
        fault = {"kind": "status", "status": 503, "body": "html", "times": 3}
        assert self.phone_system.faults.add(fault) is None

    def database_is_locked(self) -> None:
        """While a new worker starts."""
        with self.made.context.database.begin():
            self.worker_dies()

    def is_live(self) -> bool:
        with self.made.context.database.read() as session:
            row = session.get(WatchRow, ("default", ""))
            return row is not None and row.state == WatchState.LIVE and row.needs_full_reading is None


def test_every_change_takes_effect_once_whatever_dies_meanwhile(office: Office) -> None:
    unit = office.unit("Staff")
    for place in range(PEOPLE + 1):
        office.hire(unit, f"p{place:02}", str(2000 + place))
    with (
        RunningPhoneSystem(PhoneSystemOptions(extensions=5)) as phone_system,
        redis_server() as broker,
        deployment(broker.url) as made,
    ):
        made.configure(
            {
                "directory": office.settings([unit]),
                "phone_system": phone_system_settings(phone_system, concurrency=4),
                "limits": FREE,
                "rules": {},
                "schedule": {"is_enabled": True, "mode": "every", "every_minutes": 1440, "live": True},
            }
        )
        trouble = Trouble(made, office, unit, phone_system, broker, random.Random(19))
        trouble.begin()
        # The watch starts the first full run by itself.
        wait_until("the first full run", lambda: _runs(made) == [1], 120)
        assert made.finish(1).state == RunState.DONE
        wait_until("live", trouble.is_live, 120)
        phone_system.state.calls.clear()
        expected = Counter({("update_user", str(2000 + PEOPLE)): ROUNDS})
        strikes = trouble.strikes()
        for turn, strike in enumerate(strikes):
            first = 3 * turn
            office.change(f"CN=p{first:02},{unit}", sn=f"Renamed{turn}")
            office.disable(f"CN=p{first + 1:02},{unit}")
            office.delete(f"CN=p{first + 2:02},{unit}")
            office.hire(unit, f"new{turn}", str(2500 + turn))
            expected["update_user", str(2000 + first)] += 1
            expected["update_user", str(2001 + first)] += 1
            # Disabled first.
            expected["update_user", str(2002 + first)] += 1
            expected["delete_user", str(2002 + first)] += 1
            expected["create_user", str(2500 + turn)] += 1
            strike()

        def _is_done() -> bool:
            return changes_made(phone_system) == expected and not changes_left(made)

        try:
            wait_until("every change", _is_done, 180)
        except TimeoutError as error:
            missing, more = expected - changes_made(phone_system), changes_made(phone_system) - expected
            raise AssertionError(f"{error}: missing {missing}, too many {more}\n{made.story()}") from error
        shown = picture(phone_system)
        for turn in range(len(strikes)):
            assert shown[str(2000 + 3 * turn)]["LastName"] == f"Renamed{turn}"
            assert not shown[str(2001 + 3 * turn)]["Enabled"]
            assert str(2002 + 3 * turn) not in shown
            assert shown[str(2500 + turn)]["FirstName"] == f"Givennew{turn}"
        wait_until("no run is active", lambda: not _is_active(made), 120)
        assert_in_step(made)
        by_kind = _commands_by_kind(made)
        assert by_kind[RunKind.CHANGES.value] > sum(by_kind.values()) / 2, by_kind
        assert changes_made(phone_system) == expected, "a full run found nothing more"


def _runs(made: Deployment) -> list[int]:
    with made.context.database.read() as session:
        return list(session.scalars(select(Run.id)))


def _commands_by_kind(made: Deployment) -> Counter[str]:
    """How many commands runs of each kind have carried out since the first one."""
    with made.context.database.read() as session:
        rows = session.execute(
            select(Run.kind, func.count())
            .join(CommandRow, CommandRow.run_id == Run.id)
            .where(Run.id > 1, CommandRow.state == CommandState.DONE.value)
            .group_by(Run.kind)
        )
        return Counter({kind: count for kind, count in rows})  # noqa: C416 - a row is no pair to mypy


def _is_active(made: Deployment) -> bool:
    with made.context.database.read() as session:
        return changes.is_active(session, "default")
