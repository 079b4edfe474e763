"""What 200 sites of 50 people cost in processor time while nothing happens: an hour without a run, and a run of each.

A whole deployment of processes (API, worker, beat) with their defaults on a private PostgreSQL and Redis; directory and
phone system are the sandbox, in this process and therefore not counted. First every site has a run that finds all
in step. Then nothing is due, and what the processes use in some minutes is extrapolated to an hour.
"""

import os
import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update

from bench.report import Figure
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import Base, BindingRow, Run, RunState, SettingsVersion, Site
from shared.migrate import migrate
from shared.settings.store import DEFAULT_SITE
from tests.faults.deployment import Deployment, deployment
from tests.support.phone_system import phone_system_settings
from tests.support.postgresql import postgres_server
from tests.support.redis import redis_server
from tests.support.staff import directory_settings
from tests.support.waiting import wait_until

SITES = 200
PEOPLE = 50
# A whole number of ticks (15 s) and sweeps (30 s).
WATCHED_SECONDS = 180
HOUR = 3600
_SPEEDED_UP = ("ROLLCALL_LEASE_SECONDS", "ROLLCALL_SWEEP_SECONDS", "ROLLCALL_TICK_SECONDS")


def measure() -> list[Figure]:
    """Two figures in seconds of processor time, against the hour of one core."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server())
        server.execute("CREATE DATABASE rollcall")
        broker = stack.enter_context(redis_server())
        made = stack.enter_context(deployment(broker.url, own_database_url=server.url("rollcall")))
        # The tests hurry; this is about a deployment as it is.
        for name in _SPEEDED_UP:
            del made.environment[name]
        migrate(made.context.database)
        made.configure(_sections(stack))
        worker, beat = made.start_worker(), made.start_beat()
        api, _ = made.start_api()
        made.complete()
        if made.complete().state != RunState.IN_STEP:
            raise AssertionError("the first site is not in step")
        _copy_site(made)
        ours = (worker.pid, beat.pid, api.pid)
        before = cpu_seconds(ours)
        _run_all(made)
        round_seconds = cpu_seconds(ours) - before
        idle_seconds, beside = _idle_hour(ours, [_parent_of_server(server.data)])
    return [
        Figure(
            f"idle hour, {SITES} sites", idle_seconds, HOUR, None,
            f"all processes of Rollcall; PostgreSQL beside them {beside:.1f} s",
        ),
        Figure(
            f"a run of each of {SITES} sites × {PEOPLE} in step", round_seconds, HOUR, None,
            f"{round_seconds / SITES * 1000:.0f} ms a run, with an idle hour {idle_seconds + round_seconds:.0f} s",
        ),
    ]  # fmt: skip


def _sections(stack: ExitStack) -> dict[str, dict[str, Any]]:
    directory = stack.enter_context(RunningDirectory(build_company(PEOPLE)))
    phones = stack.enter_context(RunningPhoneSystem(PhoneSystemOptions(extensions=0)))
    return {
        "directory": directory_settings(directory, *directory.units),
        "phone_system": phone_system_settings(phones),
        # Midnight alone is a slot: none falls due while this is measured.
        "schedule": {"is_enabled": True, "mode": "times", "times": ["00:00"], "time_zone": "UTC"},
    }


def _copy_site(made: Deployment) -> None:
    """Make the other sites as copies of the first, with its settings and bindings, all of yesterday."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with made.context.database.begin() as session:
        names = [f"site-{number:03}" for number in range(1, SITES)]
        session.execute(insert(Site), [{"id": name, "name": name, "created_at": yesterday} for name in names])
        for table in (SettingsVersion, BindingRow):
            rows = list(session.scalars(select(table).where(table.site_id == DEFAULT_SITE)))
            copies = [values_of(row) | {"site_id": name} for name in names for row in rows]
            session.execute(insert(table), copies)
        session.execute(update(SettingsVersion).values(created_at=yesterday))


def values_of(row: Base) -> dict[str, Any]:
    return {
        column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs if column.key != "id"
    }


def _run_all(made: Deployment) -> None:
    """Wait until every copy has had the run that beat starts for today's slot."""

    def _ended(*states: RunState) -> int:
        with made.context.database.read() as session:
            ended = select(func.count()).where(Run.site_id != DEFAULT_SITE, Run.state.in_(states))
            return session.scalar(ended) or 0

    wait_until("a run of every site", lambda: _ended(RunState.IN_STEP) == SITES - 1, 600)


def _idle_hour(ours: Iterable[int], beside: Iterable[int]) -> tuple[float, float]:
    """Processor seconds of an hour in which nothing happens: of these processes, and of those beside them."""
    roots = (list(ours), list(beside))
    began, before = time.monotonic(), [cpu_seconds(root) for root in roots]
    time.sleep(WATCHED_SECONDS)
    passed = time.monotonic() - began
    used = [(cpu_seconds(root) - old) * HOUR / passed for root, old in zip(roots, before, strict=True)]
    return used[0], used[1]


def _parent_of_server(data: Path) -> int:
    return int((data / "postmaster.pid").read_text(encoding="utf-8").split()[0])


def cpu_seconds(roots: Iterable[int]) -> float:
    """Processor time of these processes and all below them, also of those that have ended (proc(5), ``stat``)."""
    below: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(path.parent.name)
        below.setdefault(int(fields[1]), []).append(pid)
        ticks[pid] = sum(int(field) for field in fields[11:15])
    waiting, total = list(roots), 0
    while waiting:
        pid = waiting.pop()
        total += ticks.get(pid, 0)
        waiting += below.get(pid, [])
    return total / os.sysconf("SC_CLK_TCK")
