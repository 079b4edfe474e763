"""How long a change in a real domain takes until the phone system has it, and what watching costs while nothing changes.

A deployment of processes (watch, worker, beat) on a private PostgreSQL and Redis, in sync with a Samba domain controller; the
phone system is the sandbox, 20 ms away. One change a second for a minute (names, numbers, joiners, leavers, moves), each timed
from the controller's answer to the effect; then 500 at once; then nothing, for one site and for 200.
"""

import os
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, insert, select, update

from bench.idle_hour import cpu_seconds, values_of
from bench.report import Figure
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import Run, RunKind, RunState, SettingsVersion, Site, WatchRow
from shared.domain.watching import WatchState
from shared.migrate import migrate
from shared.settings.store import DEFAULT_SITE
from tests.faults.deployment import Deployment, deployment
from tests.support.changes import changes_left
from tests.support.forked import Process
from tests.support.office import Office
from tests.support.phone_system import phone_system_settings
from tests.support.postgresql import postgres_server
from tests.support.redis import redis_server
from tests.support.samba import samba_domain
from tests.support.waiting import wait_until

PEOPLE = int(os.environ.get("BENCH_LIVE_PEOPLE", "10000"))
SECONDS = 60
BURST = 500
SITES = 200
IDLE_SECONDS = 60
HOUR = 3600
_SPEEDED_UP = ("ROLLCALL_LEASE_SECONDS", "ROLLCALL_SWEEP_SECONDS", "ROLLCALL_TICK_SECONDS")
_FREE = {"removals": 10_000, "disables": 10_000, "updates": 10_000, "people_down_percent": 100}


@dataclass
class _Change:
    """A change that was made, and how to see that the phone system has it."""

    kind: str
    made_at: float
    is_there: Callable[[], bool]
    seen_at: float = 0.0


class _Company:
    """People in one unit, each with the extension that their number says, and the changes of a day."""

    def __init__(self, office: Office, phones: RunningPhoneSystem) -> None:
        self.office, self.state = office, phones.state
        self.unit, self.away = office.unit("Staff"), office.unit("Away")
        logins = [f"p{number:05}" for number in range(PEOPLE)]
        office.domain.load(
            "".join(office.account(self.unit, login, str(10_000 + n)) for n, login in enumerate(logins))
        )
        for n, login in enumerate(logins):
            self.state.add_user(
                {
                    "Number": str(10_000 + n),
                    "FirstName": f"Given{login}",
                    "LastName": f"Family{login}",
                    "EmailAddress": f"{login}.{office.name.lower()}@corp.example.test",
                },
                is_counted=False,
            )
        self._next = 0

    def has(self, number: str, **fields: object) -> bool:
        user = self.state.users.get(self.state.user_by_number.get(number, -1), {})
        return bool(user) and all(user.get(name) == value for name, value in fields.items())

    def is_enabled(self, number: str) -> bool:
        return bool(self.state.user(self.state.user_id_of(number))["Enabled"])

    def change(self, kind: str) -> _Change:
        """Change the next person in this way."""
        n = self._next
        self._next += 1
        number, dn = str(10_000 + n), f"CN=p{n:05},{self.unit}"
        match kind:
            case "name":
                self.office.change(dn, sn=f"Other{n}")
                return self._made(kind, lambda: self.has(number, LastName=f"Other{n}"))
            case "number":
                self.office.change(dn, telephoneNumber=str(60_000 + n))
                return self._made(kind, lambda: self.has(str(60_000 + n)))
            case "joiner":
                self.office.hire(self.unit, f"j{n:05}", str(70_000 + n))
                return self._made(kind, lambda: self.has(str(70_000 + n)))
            case "leaver":
                self.office.delete(dn)
                return self._made(kind, lambda: not self.has(number))
            case _:
                self.office.move(dn, self.away)
                return self._made(kind, lambda: not self.is_enabled(number))

    def _made(self, kind: str, is_there: Callable[[], bool]) -> _Change:
        return _Change(kind, time.monotonic(), is_there)


def measure() -> list[Figure]:
    """Times of changes and processor time of idle hours."""
    with ExitStack() as stack:
        domain = stack.enter_context(samba_domain())
        connection = stack.enter_context(domain.administrator())
        phones = stack.enter_context(
            RunningPhoneSystem(PhoneSystemOptions(latency_ms=20, max_extensions=200_000))
        )
        company = _Company(Office(domain, connection, "Bench"), phones)
        server = stack.enter_context(postgres_server())
        server.execute("CREATE DATABASE rollcall")
        broker = stack.enter_context(redis_server())
        made = stack.enter_context(deployment(broker.url, own_database_url=server.url("rollcall")))
        for name in _SPEEDED_UP:
            del made.environment[name]
        migrate(made.context.database)
        sections = {
            "directory": company.office.settings([company.unit]),
            "phone_system": phone_system_settings(phones),
            "limits": _FREE,
            "rules": {},
            "schedule": {"is_enabled": True, "live": True, "mode": "times", "times": ["00:00"]},
        }
        made.configure(sections)
        made.start_worker()
        made.start_beat()
        made.finish(made.start_run(), 600)
        watch = made.start_watch()
        _until_live(made, 1)
        steady = _one_a_second(made, company)
        phases = _phases(made)
        burst, runs = _burst(made, company)
        one = _idle_hour(watch)
        _copy_site(made)
        _until_live(made, SITES)
        with made.context.database.begin() as session:
            session.execute(update(WatchRow).values(needs_full_reading=None, needed_since=None))
        many = _idle_hour(watch)
    times = sorted(change.seen_at - change.made_at for change in steady)
    p95 = times[int(len(times) * 0.95) - 1]
    return [
        Figure(f"a change, {PEOPLE:,} people, median", statistics.median(times), 1.0, None, phases),
        Figure("a change, 95 of 100", p95, 5.0, 1.0, _by_kind(steady)),
        Figure(f"{BURST} changes at once", burst, 30.0, 1.0, f"{runs} runs, from the last change"),
        Figure("idle hour of watching, 1 site", one, 60.0, 1.0, "processor time of rollcall watch"),
        Figure(f"idle hour of watching, {SITES} sites", many, 400.0, 1.0, "processor time of rollcall watch"),
    ]  # fmt: skip


def _one_a_second(made: Deployment, company: _Company) -> list[_Change]:
    changes: list[_Change] = []
    is_over = threading.Event()

    def _look() -> None:
        while not is_over.wait(0.01):
            for change in [item for item in changes if not item.seen_at]:
                if change.is_there():
                    change.seen_at = time.monotonic()

    thread = threading.Thread(target=_look, daemon=True)
    thread.start()
    began = time.monotonic()
    for second in range(SECONDS):
        time.sleep(max(0.0, began + second - time.monotonic()))
        changes.append(company.change(("name", "number", "joiner", "leaver", "move")[second % 5]))
    try:
        wait_until("every change", lambda: all(change.seen_at for change in changes), 120)
    except TimeoutError:
        missing = [change.kind for change in changes if not change.seen_at]
        raise AssertionError(f"not seen: {missing}\n{made.story()}") from None
    finally:
        is_over.set()
        thread.join()
    return changes


def _burst(made: Deployment, company: _Company) -> tuple[float, int]:
    """Seconds from the last of them until all are there, and how many runs it took."""
    wait_until("nothing waits", lambda: not changes_left(made), 120)
    before = _change_runs(made)
    changes = [company.change("name") for _ in range(BURST)]
    ended = time.monotonic()
    wait_until("all of them", lambda: all(change.is_there() for change in changes), 300)
    seconds = time.monotonic() - ended
    wait_until("nothing waits", lambda: not changes_left(made), 120)
    return seconds, _change_runs(made) - before


def _change_runs(made: Deployment) -> int:
    with made.context.database.read() as session:
        return session.scalar(select(func.count()).where(Run.kind == RunKind.CHANGES.value)) or 0


def _phases(made: Deployment) -> str:
    """Where the time of change runs goes."""
    with made.context.database.read() as session:
        runs = session.scalars(select(Run).where(Run.kind == RunKind.CHANGES.value)).all()
    planned = [(run.planned_at - run.created_at).total_seconds() for run in runs if run.planned_at]
    ended = [
        (run.finished_at - run.planned_at).total_seconds()
        for run in runs
        if run.planned_at and run.finished_at
    ]
    return f"{len(runs)} runs: {statistics.median(planned):.1f} s to read and plan, {statistics.median(ended):.1f} s to do"


def _until_live(made: Deployment, sites: int) -> None:
    def _live() -> int:
        with made.context.database.read() as session:
            answered = WatchRow.state == WatchState.LIVE.value
            return session.scalar(select(func.count()).select_from(WatchRow).where(answered)) or 0

    wait_until("live", lambda: _live() == sites, 300)


def _idle_hour(watch: Process) -> float:
    time.sleep(5)
    began, before = time.monotonic(), cpu_seconds([watch.pid])
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds([watch.pid]) - before) * HOUR / (time.monotonic() - began)


def _copy_site(made: Deployment) -> None:
    """The other sites: copies of the first, of which each has just had the full run that beginning to watch asks for."""
    now = datetime.now(UTC)
    names = [f"site-{number:03}" for number in range(1, SITES)]
    with made.context.database.begin() as session:
        session.execute(insert(Site), [{"id": name, "name": name, "created_at": now} for name in names])
        rows = list(session.scalars(select(SettingsVersion).where(SettingsVersion.site_id == DEFAULT_SITE)))
        session.execute(
            insert(SettingsVersion), [values_of(row) | {"site_id": name} for name in names for row in rows]
        )
        session.execute(
            insert(Run),
            [
                {"site_id": name, "kind": RunKind.FULL.value, "state": RunState.DONE.value, "trigger": "demand",
                 "actor": "bench", "schedule_slot": "bench", "settings_versions": {}, "selection_hash": "",
                 "counts": {}, "hold_reasons": {}, "created_at": now + timedelta(seconds=1)}
                for name in names
            ],
        )  # fmt: skip


def _by_kind(changes: list[_Change]) -> str:
    kinds = sorted({change.kind for change in changes})
    medians = {
        kind: statistics.median(item.seen_at - item.made_at for item in changes if item.kind == kind)
        for kind in kinds
    }
    return ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in medians.items())
