"""What takes longer than a task may ends itself, also on a thread, and is not begun again for ever."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import select

from services.reconciler.plan_run import MAX_ATTEMPTS, plan_run
from shared.database.tables import Event, PartKind, PartState, RunState, SnapshotPart
from shared.domain.person import AbsentPerson
from shared.errors import LeaseHeld, TookTooLong
from shared.work import leases
from shared.work.claimed import claimed
from shared.work.deadline import Deadline
from shared.work.parts import PartWork
from shared.work.runs import RunWork
from shared.worker.context import Context
from tests.builders.domain import make_person, make_phone_system
from tests.integration.reconciler.collected import collect, run_of, start
from tests.support.waiting import wait_until


@pytest.fixture
def hurried(context: Context) -> Context:
    """The deployment, where everything takes too long."""
    return replace(
        context, settings=context.settings.model_copy(update={"task_seconds": 0.0, "lease_seconds": 0.6})
    )


def _told(context: Context, code: str) -> list[str]:
    with context.database.read() as session:
        return list(session.scalars(select(Event.message).where(Event.code == code)))


def test_a_loop_is_let_go_on_until_its_time_is_up() -> None:
    now = [0.0]
    deadline = Deadline(100, lambda: now[0])
    now[0] = 79
    deadline.check()
    now[0] = 81
    with pytest.raises(TookTooLong, match=r"longer than 1\.33 minutes"):
        deadline.check()
    assert not deadline.is_past_the_hard_limit
    now[0] = 100
    assert deadline.is_past_the_hard_limit


def test_a_plan_that_takes_too_long_twice_fails_its_run_with_the_reason(
    context: Context, hurried: Context
) -> None:
    run_id = collect(context, start(context), [make_person(1)], make_phone_system())
    with pytest.raises(TookTooLong):
        plan_run(hurried, run_id)
    assert run_of(hurried, run_id).state == RunState.COLLECTING
    with pytest.raises(TookTooLong):
        plan_run(hurried, run_id)
    run = run_of(hurried, run_id)
    assert (run.state, run.error_code) == (RunState.FAILED, "took_too_long")
    assert (run.error_message or "").startswith("It was interrupted 2 times without progress")
    assert "ROLLCALL_TASK_SECONDS" in _told(hurried, "run.failed")[-1]


def _stored(part: PartWork) -> None:
    part.store([AbsentPerson("somebody", found=False)])


def _ended_by_celery(_part: PartWork) -> None:
    raise SoftTimeLimitExceeded


@pytest.mark.parametrize("how", [_stored, _ended_by_celery])
def test_a_reading_that_takes_too_long_twice_is_given_up_with_the_reason(
    hurried: Context, how: Callable[[PartWork], None]
) -> None:
    start(hurried)
    with hurried.database.read() as session:
        part_id = (
            session.scalars(select(SnapshotPart.id).where(SnapshotPart.kind == PartKind.UNIT)).first() or 0
        )
    for _ in range(2):
        with hurried.database.begin() as session:
            session.get_one(SnapshotPart, part_id).next_attempt_at = None
        with claimed(hurried, PartWork(hurried, part_id, PartKind.UNIT)) as part:
            assert part is not None
            how(part)
    with hurried.database.read() as session:
        ended = session.get_one(SnapshotPart, part_id)
    assert (ended.state, ended.error_code) == (PartState.FAILED, "took_too_long")
    assert "Not tried again in this run." in _told(hurried, "snapshot.failed")[-1]


def test_a_run_that_celery_ends_twice_is_failed_with_the_reason(context: Context) -> None:
    run_id = collect(context, start(context), [make_person(1)], make_phone_system())
    for _ in range(MAX_ATTEMPTS):
        with (
            pytest.raises(TookTooLong),
            claimed(
                context, RunWork(context, run_of(context, run_id), RunState.COLLECTING, "plan", MAX_ATTEMPTS)
            ),
        ):
            raise SoftTimeLimitExceeded
    run = run_of(context, run_id)
    assert (run.state, run.error_code) == (RunState.FAILED, "took_too_long")


def test_threads_that_hang_lose_their_run_and_the_run_is_failed(context: Context, hurried: Context) -> None:
    run_id = collect(context, start(context), [make_person(1)], make_phone_system())
    let_go = threading.Event()
    hung = []

    def _hang() -> None:
        with claimed(hurried, _work()) as work:
            assert work is not None
            let_go.wait(120)
            # What it would still write is refused.
            with hurried.database.begin() as session, pytest.raises(LeaseHeld):
                work.fence(session)
            assert work.is_lost

    def _is_at(attempt: int) -> bool:
        return run_of(hurried, run_id).attempts == attempt

    def _work() -> RunWork:
        return RunWork(hurried, run_of(hurried, run_id), RunState.COLLECTING, "plan", MAX_ATTEMPTS)

    try:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            thread = threading.Thread(target=_hang)
            thread.start()
            hung.append(thread)
            wait_until("it is taken", partial(_is_at, attempt))
            wait_until("the claim to end", lambda: not leases.is_held(hurried.database, "plan"))
        assert not _work().take()
    finally:
        let_go.set()
        for thread in hung:
            thread.join(60)
    run = run_of(hurried, run_id)
    assert (run.state, run.error_code) == (RunState.FAILED, "given_up")
    assert "ended early or hung" in (run.error_message or "")
