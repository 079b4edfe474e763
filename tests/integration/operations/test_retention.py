"""What is old goes in bounded batches; nothing younger goes, and nothing that a plan or a person still needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, func, insert, select, update
from structlog.testing import capture_logs

from services.api.accounts import queries as audit
from services.api.sites.use_cases import sites
from services.scheduler.due_runs import sweep
from services.scheduler.retention import (
    HISTORY,
    SNAPSHOTS,
    apply_retention,
    delete_old_history,
    delete_old_snapshots,
    next_quiet_hour,
)
from shared.database.pages import write_page
from shared.database.tables import (
    CommandRow,
    Event,
    Lease,
    PartKind,
    PartState,
    PhoneSystemToken,
    Run,
    RunKind,
    RunState,
    SnapshotPage,
    SnapshotPart,
)
from shared.domain.command import CommandKind, CommandState
from shared.domain.person import AbsentPerson
from shared.runs.history import last_good_run
from shared.runs.retention import BATCH
from shared.work import leases
from shared.worker.context import Context

NOW = datetime(2026, 11, 24, 3, 0, 5, tzinfo=UTC)
KEPT_DAYS = 365
_ENTRY = {"level": "info", "code": "x", "message": "x", "actor": ""}
_names = count(1)


@dataclass(frozen=True, slots=True)
class Old:
    """A run to be made: so many days ago, ended so (or not), having given somebody a number, with a gap, having
    taken an extension away, with an entry in the Log so many days ago.
    """

    days: float
    state: RunState = RunState.DONE
    kind: RunKind = RunKind.FULL
    gave_number: bool = False
    has_gap: bool = False
    took_away: CommandKind | None = None
    logged_days: float | None = None


def _make(context: Context, site: str, wanted: Sequence[Old]) -> list[int]:
    made = []
    with context.database.begin() as session:
        for old in wanted:
            at = NOW - timedelta(days=old.days)
            has_ended = old.state in (RunState.DONE, RunState.IN_STEP, RunState.FAILED, RunState.CANCELLED)
            run = Run(
                site_id=site, kind=old.kind.value, state=old.state.value, trigger="demand", actor="test",
                schedule_slot=f"slot {next(_names)}", settings_versions={}, selection_hash="", counts={},
                hold_reasons={}, created_at=at, finished_at=at if has_ended else None,
            )  # fmt: skip
            session.add(run)
            session.flush()
            state = PartState.FAILED if old.has_gap else PartState.COMPLETE
            part = SnapshotPart(
                run_id=run.id, kind=PartKind.UNIT.value, position=0, unit="OU=x", state=state.value, proof={},
                page_count=1,
            )  # fmt: skip
            session.add(part)
            session.flush()
            write_page(session, part.id, 0, 0, [AbsentPerson("x", found=False)])
            kind = CommandKind.RENUMBER_EXTENSION if old.gave_number else CommandKind.UPDATE_EXTENSION
            kind = old.took_away or kind
            session.execute(insert(CommandRow).values(_command(run.id, 1, kind, CommandState.DONE, at)))
            if old.logged_days is not None:
                logged = {
                    "site_id": site,
                    "run_id": run.id,
                    "occurred_at": NOW - timedelta(days=old.logged_days),
                }
                session.execute(insert(Event).values(_ENTRY | logged))
            made.append(run.id)
    return made


def _command(
    run_id: int, sequence: int, kind: CommandKind, state: CommandState, at: datetime
) -> dict[str, object]:
    return {
        "run_id": run_id, "sequence": sequence, "wave": 0, "stage": "update", "kind": kind.value, "before": {},
        "after": {}, "requires": [], "reason": "", "state": state.value, "result": {}, "started_at": at,
    }  # fmt: skip


def _left(context: Context, run_ids: Sequence[int]) -> set[int]:
    with context.database.read() as session:
        return set(session.scalars(select(Run.id).where(Run.id.in_(run_ids))))


def _with_pages(context: Context) -> set[int]:
    with context.database.read() as session:
        parts = select(SnapshotPage.part_id)
        return set(session.scalars(select(SnapshotPart.run_id).where(SnapshotPart.id.in_(parts))))


ages = st.one_of(st.floats(0, 800), st.sampled_from([KEPT_DAYS - 0.001, KEPT_DAYS + 0.001]))
olds = st.builds(
    Old,
    days=ages,
    state=st.sampled_from(RunState),
    kind=st.sampled_from(RunKind),
    gave_number=st.booleans(),
    has_gap=st.booleans(),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(olds, max_size=12))
def test_exactly_what_is_old_and_needed_by_nobody_goes(context: Context, wanted: list[Old]) -> None:
    site = f"site-{next(_names)}"
    sites.create_site(context, site, "test")
    ids = _make(context, site, wanted)
    with context.database.read() as session:
        measure = last_good_run(session, site)
    delete_old_history(context, NOW)
    left = _left(context, ids)
    for run_id, old in zip(ids, wanted, strict=True):
        has_ended = old.state in (RunState.DONE, RunState.IN_STEP, RunState.FAILED, RunState.CANCELLED)
        is_measure = measure is not None and measure.id == run_id
        must_stay = old.days < KEPT_DAYS or not has_ended or old.gave_number or is_measure
        assert (run_id in left) is must_stay, old
    with context.database.read() as session:
        after = last_good_run(session, site)
        assert (after and after.id) == (measure and measure.id)
        orphans = select(func.count()).select_from(CommandRow).where(CommandRow.run_id.not_in(select(Run.id)))
        assert session.scalar(orphans) == 0


def _log(context: Context, days: float, entries: int) -> None:
    row = _ENTRY | {"site_id": "default"}
    with context.database.begin() as session:
        session.execute(insert(Event), [row | {"occurred_at": NOW - timedelta(days=days)}] * entries)


@pytest.mark.every_database
def test_thousands_of_old_entries_go_in_bounded_batches_and_the_younger_stay(context: Context) -> None:
    _log(context, 400, 3000)
    _log(context, 365.01, 1)
    _log(context, 364.99, 7)
    deleted: list[int] = []

    def _count(_c: object, cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("DELETE FROM events"):
            deleted.append(cursor.rowcount)  # type: ignore[attr-defined]

    before = len(audit.read_audit(context, limit=500))
    event.listen(context.database.engine, "after_cursor_execute", _count)
    assert delete_old_history(context, NOW).events == 3001
    assert sum(deleted) == 3001
    assert max(deleted) <= BATCH
    with context.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 7
    assert len(audit.read_audit(context, limit=500)) == before


def test_nothing_goes_when_it_shall_be_kept_for_ever(context: Context) -> None:
    _log(context, 4000, 5)
    ids = _make(context, "default", [Old(4000), Old(4000)])
    forever = context.settings.model_copy(update={"keep_runs_days": 0, "keep_log_days": 0})
    delete_old_history(Context(context.app, forever, context.database, context.encryption), NOW)
    assert _left(context, ids) == set(ids)
    with context.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 5


def test_snapshots_of_the_newest_runs_and_of_the_last_good_one_are_kept(context: Context) -> None:
    good = Old(30)
    ids = _make(
        context, "default", [Old(40), good, *[Old(1, RunState.FAILED)] * 30, Old(0, RunState.COLLECTING)]
    )
    assert delete_old_snapshots(context, NOW).pages == 33 - 20 - 1
    assert _with_pages(context) == {ids[1], *ids[-20:]}
    assert delete_old_snapshots(context, NOW).pages == 0


def test_a_run_that_goes_on_keeps_its_snapshot_however_many_are_newer(context: Context) -> None:
    ids = _make(context, "default", [Old(9, RunState.EXECUTING), Old(8, RunState.FAILED), *[Old(1)] * 20])
    delete_old_snapshots(context, NOW)
    assert _with_pages(context) == {ids[0], *ids[-20:]}


def test_change_runs_do_not_push_out_the_snapshots_of_full_ones(context: Context) -> None:
    full = _make(context, "default", [Old(30), Old(20, RunState.FAILED)])
    live = _make(context, "default", [Old(1, kind=RunKind.CHANGES)] * 25)
    delete_old_snapshots(context, NOW)
    assert _with_pages(context) == {*full, *live[-20:]}


def test_change_runs_of_which_nothing_came_go_after_an_hour(context: Context) -> None:
    minutes = 1 / 24 / 60
    ids = _make(context, "default", [Old(minutes * age, kind=RunKind.CHANGES) for age in (90, 90, 30)])
    with context.database.begin() as session:
        session.execute(delete(CommandRow).where(CommandRow.run_id.in_(ids[1:])))
    assert delete_old_snapshots(context, NOW).runs == 1
    assert _left(context, ids) == {ids[0], ids[2]}


REMOVALS = [CommandKind.DISABLE_EXTENSION, CommandKind.DELETE_EXTENSION]


@pytest.mark.parametrize("kind", REMOVALS)
def test_a_removal_keeps_its_evidence_as_long_as_the_log_names_it(
    context: Context, kind: CommandKind
) -> None:
    named = Old(500, took_away=kind, logged_days=KEPT_DAYS - 1)
    cleared = Old(500, took_away=kind)
    only_updated = Old(500, logged_days=KEPT_DAYS - 1)
    ids = _make(context, "default", [named, cleared, only_updated, *[Old(1, RunState.FAILED)] * 20, Old(0)])
    delete_old_snapshots(context, NOW)
    assert ids[0] in _with_pages(context)
    assert not {ids[1], ids[2]} & _with_pages(context)
    delete_old_history(context, NOW)
    assert _left(context, ids[:3]) == {ids[0]}


def test_an_undo_and_what_it_undid_stay_so_that_no_run_does_it_again_without_a_person(
    context: Context,
) -> None:
    undone, forgotten, undo, without_effect, _ = ids = _make(
        context, "default", [Old(500), Old(500), *[Old(500, kind=RunKind.UNDO)] * 2, Old(0)]
    )
    with context.database.begin() as session:
        for run_id, of, state in ((undo, undone, "done"), (without_effect, forgotten, "failed")):
            session.get_one(Run, run_id).undoes = of
            command = select(CommandRow.id).where(CommandRow.run_id == of).scalar_subquery()
            session.execute(
                update(CommandRow).where(CommandRow.run_id == run_id).values(undoes=command, state=state)
            )
    delete_old_history(context, NOW)
    assert _left(context, ids) == {undone, undo, ids[-1]}


def test_evidence_goes_with_the_last_entry_of_the_log_that_names_it(context: Context) -> None:
    old = Old(500, took_away=CommandKind.DELETE_EXTENSION, logged_days=KEPT_DAYS + 1)
    ids = _make(context, "default", [old, Old(0)])
    delete_old_history(context, NOW)
    assert _left(context, ids) == {ids[1]}


def test_work_that_takes_too_long_is_broken_off_and_goes_on_later(context: Context) -> None:
    ids = _make(context, "default", [Old(500), Old(500), Old(500), Old(1)])
    steps = iter([True] * 5)
    delete_old_history(context, NOW, lambda: next(steps, False))
    left = _left(context, ids)
    assert 1 < len(left) < 4
    delete_old_history(context, NOW)
    assert _left(context, ids) == {ids[-1]}


@pytest.fixture
def clocked(context: Context) -> Context:
    """A deployment with one old run and a younger one."""
    _make(context, "default", [Old(500), Old(0)])
    return context


def test_the_history_is_looked_at_once_a_day_at_the_quiet_hour(clocked: Context) -> None:
    begun = datetime.now(UTC)
    with capture_logs() as said:
        apply_retention(clocked, begun)
        apply_retention(clocked, begun)
    assert [(line["chore"], line["runs"]) for line in said if line["event"] == "retention"] == [
        (SNAPSHOTS, 0), (HISTORY, 1),
    ]  # fmt: skip
    with clocked.database.read() as session:
        again_at = session.scalars(select(Lease.expires_at).where(Lease.name == HISTORY)).one()
    quiet = next_quiet_hour(begun, clocked.settings.retention_hour)
    assert abs(again_at - quiet) < timedelta(seconds=30)
    with capture_logs() as said:
        apply_retention(clocked, begun + timedelta(minutes=61))
    # The lease itself is not over by the real clock: another process could not take it either.
    assert not leases.take(clocked.database, HISTORY, "another", 1)


@pytest.mark.parametrize(
    ("now", "hour", "expected"),
    [
        ("2026-11-24T02:59:59", 3, "2026-11-24T03:00:00"),
        ("2026-11-24T03:00:00", 3, "2026-11-25T03:00:00"),
        ("2026-12-31T23:30:00", 0, "2027-01-01T00:00:00"),
    ],
)
def test_the_next_quiet_hour_is_after_now(now: str, hour: int, expected: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_quiet_hour(moment, hour) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_the_sweep_keeps_house(clocked: Context) -> None:
    sweep(clocked)
    with clocked.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Run)) == 1


def test_what_the_dead_left_behind_goes_and_what_is_in_use_stays(context: Context) -> None:
    with context.database.begin() as session:
        for name, age in (("dead", 2.0), ("alive", 0.0)):
            at = NOW - timedelta(days=age)
            session.add(Lease(name=name, holder="x", expires_at=at))
            session.add(PhoneSystemToken(name=name, token="x", obtained_at=at, renew_at=at))
    assert delete_old_history(context, NOW).strays == 2
    with context.database.read() as session:
        assert session.scalars(select(Lease.name)).all() == ["alive"]
        assert session.scalars(select(PhoneSystemToken.name)).all() == ["alive"]
