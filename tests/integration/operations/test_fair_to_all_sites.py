"""Sixty sites on two workers: those whose directory or phone system hangs do not hold up the others."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from services.api.settings.use_cases import sections as settings
from services.api.sites.use_cases import sites
from services.collector.snapshot import snapshot_unit
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from services.scheduler.due_runs import tick
from shared.database.tables import PartKind, PartState, Run, RunState, SettingsVersion, Site, SnapshotPart
from shared.errors import DirectoryUnavailable, LeaseHeld, PhoneSystemUnavailable
from shared.runs.start import RunRequest, start_run
from shared.work import leases
from shared.work.bulkhead import TURN
from shared.work.claimed import claimed
from shared.work.parts import PartWork
from shared.work.runs import RunWork
from shared.worker.context import Context
from tests.integration.api.conftest import READY
from tests.integration.operations.hanging import Silent, silent_port
from tests.support.phone_system import phone_system_settings
from tests.support.site import embedded_site
from tests.support.waiting import wait_until

SITES, HANGING = 60, 6
# What the defaults are (10 s and 30 s), scaled down.
PATIENCE = 3.0
Json = dict[str, Any]


@pytest.fixture(scope="module")
def healthy() -> Iterator[Json]:
    """The settings of a site whose ends answer."""
    company = build_company(2)
    with (
        RunningDirectory(company, tls=False, allow_plain=True) as directory,
        RunningPhoneSystem(PhoneSystemOptions(extensions=1)) as phones,
    ):
        yield {
            "directory": {
                "servers": [directory.url.partition("//")[2]],
                # So many handshakes would take longer than all the rest.
                "security": "plain",
                "allow_plain": True,
                "user": directory.user,
                "password": directory.password,
                "units": [{"dn": directory.units[0]}],
            },
            "phone_system": phone_system_settings(phones),
        }


@pytest.fixture
def silent() -> Iterator[Silent]:
    """An end that hangs."""
    with silent_port() as made:
        yield made


def _hung(sections: Json, silent: Silent, *, phone_system: bool) -> Json:
    """The settings of a site one of whose ends hangs."""
    if phone_system:
        changed = sections["phone_system"] | {
            "base_url": f"http://127.0.0.1:{silent.port}",
            "timeout_seconds": PATIENCE,
        }
        return sections | {"phone_system": changed}
    changed = sections["directory"] | {
        "servers": [f"127.0.0.1:{silent.port}"],
        "connect_timeout_seconds": PATIENCE,
    }
    return sections | {"directory": changed}


def _make_sites(context: Context, kinds: Sequence[Json]) -> list[str]:
    """Sites with these settings, all of which were due this very quarter of an hour."""
    schedule = {"schedule": {"is_enabled": True, "mode": "every", "every_minutes": 15}}
    names = [f"site-{number:03}" for number in range(len(kinds))]
    long_ago = datetime.now(UTC) - timedelta(days=1)
    saved: dict[int, list[Json]] = {}
    with context.database.begin() as session:
        session.execute(insert(Site), [{"id": name, "name": name, "created_at": long_ago} for name in names])
    for name, sections in zip(names, kinds, strict=True):
        if id(sections) not in saved:
            # Once for each kind, as an administrator would; the rest are copies of what that stored.
            settings.apply_settings(context, name, sections | schedule, "test")
            with context.database.read() as session:
                rows = session.scalars(select(SettingsVersion).where(SettingsVersion.site_id == name))
                saved[id(sections)] = [
                    {"section": row.section, "version": 1, "document": row.document, "actor": "test",
                     "created_at": long_ago} for row in rows
                ]  # fmt: skip
            continue
        with context.database.begin() as session:
            session.execute(insert(SettingsVersion), [row | {"site_id": name} for row in saved[id(sections)]])
    with context.database.begin() as session:
        session.execute(update(SettingsVersion).values(created_at=long_ago))
    return names


def _did_not_answer(context: Context, site: str, *, phone_system: bool) -> None:
    """A run of yesterday of which one end did not answer."""
    error = PhoneSystemUnavailable("It is silent.") if phone_system else DirectoryUnavailable("It is silent.")
    kind = PartKind.EXTENSIONS if phone_system else PartKind.UNIT
    with context.database.begin() as session:
        run = start_run(session, RunRequest(site), context.encryption)
        part = session.scalars(
            select(SnapshotPart).where(SnapshotPart.run_id == run.id, SnapshotPart.kind == kind)
        ).first()
        assert part is not None
        part.error_code, part.state = error.code, PartState.FAILED.value
        run.state, run.created_at = RunState.FAILED.value, datetime.now(UTC) - timedelta(days=1)


def test_hanging_sites_hold_one_worker_and_the_others_go_on(
    tmp_path: Path, healthy: Json, silent: Silent
) -> None:
    hung = {number * (SITES // HANGING): number % 2 == 0 for number in range(HANGING)}
    by_end = {is_phone: _hung(healthy, silent, phone_system=is_phone) for is_phone in (True, False)}
    kinds = [by_end[hung[number]] if number in hung else healthy for number in range(SITES)]
    with embedded_site(tmp_path / "data", worker_threads=2) as site:
        context = site.context
        names = _make_sites(context, kinds)
        for number, is_phone_system in hung.items():
            _did_not_answer(context, names[number], phone_system=is_phone_system)
        assert len(tick(context)) == SITES

        def _are_planned() -> bool:
            with context.database.read() as session:
                held = select(func.count()).where(Run.state == RunState.HELD.value)
                return session.scalar(held) == SITES - HANGING

        wait_until("every healthy site has its plan", _are_planned, 270)
        # They were tried all the time, one after the other, and never did both workers wait.
        assert silent.calls > 1
        assert silent.at_once == 1


@pytest.fixture
def suspect(ready: Context) -> tuple[int, int]:
    """A run, and its first unit, of a site whose directory did not answer last time."""
    _did_not_answer(ready, "default", phone_system=False)
    with ready.database.begin() as session:
        run = start_run(session, RunRequest("default"), ready.encryption)
        unit = (SnapshotPart.run_id == run.id, SnapshotPart.kind == PartKind.UNIT.value)
        part = session.scalars(select(SnapshotPart.id).where(*unit)).first()
    return run.id, part or 0


def _part(context: Context, part_id: int) -> SnapshotPart:
    with context.database.read() as session:
        return session.get_one(SnapshotPart, part_id)


def test_one_that_must_wait_is_put_off_and_not_counted_as_tried(
    ready: Context, suspect: tuple[int, int]
) -> None:
    assert leases.take(ready.database, TURN, "another site", 60)
    snapshot_unit(ready, suspect[1])
    waiting = _part(ready, suspect[1])
    assert (waiting.state, waiting.attempt, waiting.error_code) == ("pending", 0, None)
    assert waiting.next_attempt_at is not None
    # A second message finds it waiting already: it is not put off again, or messages would multiply.
    snapshot_unit(ready, suspect[1])
    assert _part(ready, suspect[1]).next_attempt_at == waiting.next_attempt_at


def test_it_is_tried_when_nobody_else_has_the_turn_and_gives_it_back(
    ready: Context, suspect: tuple[int, int]
) -> None:
    with claimed(ready, PartWork(ready, suspect[1], PartKind.UNIT)) as part:
        assert part is not None
        assert not leases.take(ready.database, TURN, "another site", 60)
    assert leases.take(ready.database, TURN, "another site", 60)


def test_the_other_end_of_the_site_and_other_sites_need_no_turn(
    ready: Context, suspect: tuple[int, int]
) -> None:
    sites.create_site(ready, "oslo", "test")
    settings.apply_settings(ready, "oslo", READY, "test")
    with ready.database.begin() as session:
        elsewhere = start_run(session, RunRequest("oslo"), ready.encryption).id
    assert leases.take(ready.database, TURN, "another site", 60)
    with ready.database.read() as session:
        phone_system = select(SnapshotPart.id).where(
            SnapshotPart.run_id == suspect[0], SnapshotPart.kind == PartKind.EXTENSIONS.value
        )
        free = [
            *session.scalars(phone_system),
            *session.scalars(select(SnapshotPart.id).where(SnapshotPart.run_id == elsewhere)),
        ]
    for part_id in free:
        assert not PartWork(ready, part_id, PartKind.UNIT).is_suspect()


def test_an_answer_ends_the_doubt(ready: Context, suspect: tuple[int, int]) -> None:
    assert leases.take(ready.database, TURN, "another site", 60)
    with ready.database.begin() as session:
        session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.run_id == suspect[0], SnapshotPart.kind == PartKind.UNIT.value)
            .values(state=PartState.COMPLETE.value)
        )
        session.execute(update(Run).values(state=RunState.IN_STEP.value))
        later = start_run(session, RunRequest("default"), ready.encryption).id
        part_id = session.scalars(select(SnapshotPart.id).where(SnapshotPart.run_id == later)).first()
    assert not PartWork(ready, part_id or 0, PartKind.UNIT).is_suspect()


def test_a_stage_that_was_interrupted_waits_for_its_turn_too(
    ready: Context, suspect: tuple[int, int]
) -> None:
    with ready.database.begin() as session:
        run = session.get_one(Run, suspect[0])
        run.state, run.attempts = RunState.EXECUTING.value, 0
    assert leases.take(ready.database, TURN, "another site", 60)
    with claimed(ready, RunWork(ready, run, RunState.EXECUTING, "executor", 20)) as work:
        assert work is not None
    run.attempts = 1
    again = RunWork(ready, run, RunState.EXECUTING, "executor", 20)
    with pytest.raises(LeaseHeld, match="tried first"), claimed(ready, again):
        pytest.fail("it has no turn")


def test_that_somebody_else_took_over_is_not_taken_for_having_to_wait(
    ready: Context, suspect: tuple[int, int]
) -> None:
    taken = claimed(ready, PartWork(ready, suspect[1], PartKind.UNIT))
    with pytest.raises(LeaseHeld, match="taken over"), taken:
        raise LeaseHeld("Another worker has taken over.")
    assert _part(ready, suspect[1]).next_attempt_at is None
