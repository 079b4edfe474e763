"""100,000 people of a real domain controller in sync with 100,000 extensions: memory of every process, and how long runs take.

The same with 1,000 people first: no process may take much more for a hundred times as many. Workers of one queue each, watch and
beat are processes of their own on a private PostgreSQL and Redis. A loaded domain is kept in the temporary folder, because
loading 100,000 accounts takes minutes. Sizes come from ``BENCH_LARGE_PEOPLE`` and ``BENCH_LARGE_FEW``.
"""

import os
import re
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import insert, select

from bench.report import Figure
from services.collector.active_directory import ActiveDirectory
from services.collector.reader import Scope, Search, first_value
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import BindingRow, Run, RunKind, RunState, WatchRow
from shared.domain.binding import BindingOrigin
from shared.domain.watching import WatchState
from shared.migrate import migrate
from shared.settings.documents import DirectorySettings
from shared.settings.store import DEFAULT_SITE
from shared.worker.queues import Queue
from tests.faults.deployment import Deployment, deployment
from tests.support.changes import changes_left
from tests.support.forked import Process
from tests.support.office import Office
from tests.support.phone_system import phone_system_settings
from tests.support.postgresql import postgres_server
from tests.support.redis import redis_server
from tests.support.samba import SambaDomain
from tests.support.waiting import wait_until

PEOPLE = int(os.environ.get("BENCH_LARGE_PEOPLE", "100000"))
FEW = int(os.environ.get("BENCH_LARGE_FEW", "1000"))
MEMORY_GOAL = 1.3
CHANGE_GOAL_SECONDS = 2.0
CHANGES = 5
_FIRST_NUMBER = 100_000
_LONGEST_RUN_SECONDS = 1800
_LOOK_SECONDS = 0.5
_UNIT = "Staff"
_SHOWN = {
    "telephoneNumber": "",
    "givenName": "shown_first_name",
    "sn": "shown_last_name",
    "mail": "shown_email",
}
_SPEEDED_UP = ("ROLLCALL_LEASE_SECONDS", "ROLLCALL_SWEEP_SECONDS", "ROLLCALL_TICK_SECONDS")


@dataclass(frozen=True, slots=True)
class _Measured:
    """A site of this size: seconds of its runs, and the most MB of any process by what it is."""

    first_run: float
    next_run: float
    change_runs: list[float]
    effects: list[float]
    peaks: dict[str, float]


def measure() -> list[Figure]:
    """Times of runs with many people; peaks of memory beside those with few."""
    few, many = _measured(FEW), _measured(PEOPLE)
    load = f"load of the machine {os.getloadavg()[1]:.1f}"
    return [
        Figure(f"full run, {PEOPLE:,} people, the first", many.first_run, 1.0, None, f"{FEW:,}: {few.first_run:.1f} s"),
        Figure(f"full run, {PEOPLE:,} people, the next", many.next_run, 1.0, None, f"{FEW:,}: {few.next_run:.1f} s; {load}"),
        Figure(f"change run, {PEOPLE:,} people", statistics.median(many.change_runs), CHANGE_GOAL_SECONDS, 1.0,
               f"from the change to 3CX {statistics.median(many.effects):.1f} s; {FEW:,}: {statistics.median(few.change_runs):.1f} s"),
        *(
            Figure(f"peak memory, {name}", peak, few.peaks[name], MEMORY_GOAL, f"{PEOPLE:,} beside {FEW:,} people", "MB")
            for name, peak in many.peaks.items()
        ),
    ]  # fmt: skip


def _measured(people: int) -> _Measured:
    with ExitStack() as stack:
        domain = stack.enter_context(_loaded(people))
        connection = stack.enter_context(domain.administrator())
        office = Office(domain, connection, "Bench", is_new=False)
        unit = f"OU={_UNIT},{office.root}"
        options = PhoneSystemOptions(latency_ms=20, max_extensions=2 * _FIRST_NUMBER)
        phones = stack.enter_context(RunningPhoneSystem(options))
        _fill(phones, office, people)
        server = stack.enter_context(postgres_server())
        server.execute("CREATE DATABASE rollcall")
        broker = stack.enter_context(redis_server())
        made = stack.enter_context(deployment(broker.url, own_database_url=server.url("rollcall")))
        for name in _SPEEDED_UP:
            del made.environment[name]
        migrate(made.context.database)
        directory = office.settings([unit], number_rule={"max_digits": len(str(_FIRST_NUMBER))})
        made.configure(
            {
                "directory": directory,
                "phone_system": phone_system_settings(phones),
                "rules": {},
                "schedule": {"is_enabled": True, "live": True, "mode": "times", "times": ["00:00"]},
            }
        )
        _bind(made, directory, unit, phones)
        processes = {f"worker {queue.value}": made.start_worker([queue]) for queue in Queue}
        processes["beat"] = made.start_beat()
        peaks = stack.enter_context(_watched_memory(processes))
        first = _full_run(made)
        processes["watch"] = made.start_watch()
        _until_live(made)
        # The watch has asked for a reading of everybody: that is the next full run.
        following = _full_run(made)
        effects = [_change(made, office, unit, phones, place) for place in range(CHANGES)]
        with made.context.database.read() as session:
            runs = session.scalars(select(Run).where(Run.kind == RunKind.CHANGES.value)).all()
        seconds = [(run.finished_at - run.created_at).total_seconds() for run in runs if run.finished_at]
    return _Measured(first, following, seconds, effects, dict(peaks))


def _full_run(made: Deployment) -> float:
    run = made.finish(made.start_run(), _LONGEST_RUN_SECONDS)
    if run.state != RunState.IN_STEP or run.finished_at is None:
        raise AssertionError(f"{run.state}, {run.counts}\n{made.story()}")
    return (run.finished_at - run.created_at).total_seconds()


def _change(made: Deployment, office: Office, unit: str, phones: RunningPhoneSystem, place: int) -> float:
    """Seconds until a new name is in the phone system."""
    state, number, name = phones.state, str(_FIRST_NUMBER + place), f"Other{place}"
    office.change(f"CN={_login(place)},{unit}", sn=name)
    began = time.monotonic()
    try:
        wait_until("the change", lambda: state.user(state.user_id_of(number))["LastName"] == name, 120)
    except TimeoutError:
        raise AssertionError(f"not seen\n{made.story()}") from None
    seconds = time.monotonic() - began
    wait_until("nothing waits", lambda: not changes_left(made), 120)
    return seconds


def _until_live(made: Deployment) -> None:
    def _is_live() -> bool:
        with made.context.database.read() as session:
            row = session.get(WatchRow, (DEFAULT_SITE, ""))
            return row is not None and row.state == WatchState.LIVE

    wait_until("live", _is_live, 120)


@contextmanager
def _loaded(people: int) -> Iterator[SambaDomain]:
    """A running controller with so many people, from the temporary folder if it was loaded before."""
    kept = Path(tempfile.gettempdir()) / f"rollcall-bench-domain-{people}"
    with tempfile.TemporaryDirectory(prefix="rollcall-samba-") as folder:
        domain = SambaDomain(Path(folder))
        if kept.exists():
            shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        domain.start()
        try:
            if not kept.exists():
                _load(domain, people)
                domain.stop()
                partly = kept.with_suffix(".partly")
                shutil.rmtree(partly, ignore_errors=True)
                shutil.copytree(
                    folder, partly, symlinks=True, ignore=shutil.ignore_patterns("ldapi", "*.ldif")
                )
                partly.rename(kept)
                domain.start()
            yield domain
        finally:
            domain.kill()


def _load(domain: SambaDomain, people: int) -> None:
    with domain.administrator() as connection:
        office = Office(domain, connection, "Bench")
        unit = office.unit(_UNIT)
        domain.load("".join(office.account(unit, _login(n), str(_FIRST_NUMBER + n)) for n in range(people)))


def _login(place: int) -> str:
    return f"p{place:06}"


def _fill(phones: RunningPhoneSystem, office: Office, people: int) -> None:
    for place in range(people):
        login = _login(place)
        phones.state.add_user(
            {
                "Number": str(_FIRST_NUMBER + place),
                "FirstName": f"Given{login}",
                "LastName": f"Family{login}",
                "EmailAddress": f"{login}.{office.name.lower()}@corp.example.test",
            },
            is_counted=False,
        )


def _bind(made: Deployment, directory: dict[str, object], unit: str, phones: RunningPhoneSystem) -> None:
    """Link everybody, as a first run would have: with what 3CX shows of them."""
    now, ids = datetime.now(UTC), phones.state.user_by_number
    with ActiveDirectory(DirectorySettings.model_validate(directory)) as open_:
        search = Search(unit, "(objectClass=user)", ("objectGUID", *_SHOWN), Scope.SUBTREE)
        rows = [
            {
                "site_id": DEFAULT_SITE, "person_guid": str(UUID(bytes_le=entry.attributes["objectguid"][0])), "extension_id": ids[number], "number": number,
                "origin": BindingOrigin.ADOPTED.value, "updated_at": now,
                **{column: first_value(entry, name).decode() for name, column in _SHOWN.items() if column},
            }
            for entry in open_.reader.entries(search)
            if (number := first_value(entry, "telephoneNumber").decode())
        ]  # fmt: skip
    with made.context.database.begin() as session:
        session.execute(insert(BindingRow), rows)


@contextmanager
def _watched_memory(processes: dict[str, Process]) -> Iterator[dict[str, float]]:
    """The most MB that a process of each name has taken by itself or one below it (proc(5), ``VmHWM``)."""
    peaks: dict[str, float] = {}
    is_over = threading.Event()

    def _look() -> None:
        while not is_over.wait(_LOOK_SECONDS):
            below = _children()
            for name, process in list(processes.items()):
                waiting = [process.pid]
                while waiting:
                    pid = waiting.pop()
                    peaks[name] = max(peaks.get(name, 0.0), _peak_mb(pid))
                    waiting += below.get(pid, [])

    thread = threading.Thread(target=_look, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        is_over.set()
        thread.join()


def _children() -> dict[int, list[int]]:
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
            below.setdefault(int(fields[1]), []).append(int(path.parent.name))
    return below


def _peak_mb(pid: int) -> float:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
        return int(found[1]) / 1024 if found else 0.0
    return 0.0
