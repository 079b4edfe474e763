"""A holder of work that is killed, or frozen and thawed: the next one gets the work, and the first can write no more."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from sqlalchemy import select, update

from shared.database.pages import read_items
from shared.database.tables import Event, PartKind, PartState, Run, RunState, SnapshotPart
from shared.domain.command import Stage
from shared.domain.person import AbsentPerson
from shared.errors import LeaseHeld
from shared.runs import lookups
from shared.runs.start import RunRequest, start_run
from shared.work import leases
from shared.work.claimed import Work
from shared.worker.context import Context
from tests.support.between_writes import between_writes
from tests.support.holder import LEASE, LEASE_SECONDS, context_on, finish, part_work, run_work
from tests.support.waiting import wait_until

pytestmark = pytest.mark.every_database
SECOND = AbsentPerson("second owner", found=False)
W = TypeVar("W", bound=Work)


class Holder:
    """The first owner of a piece of work, in a process of its own."""

    def __init__(self, context: Context, what: str, number: int) -> None:
        self._database = context.database
        url = context.database.url.render_as_string(hide_password=False)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.holder",
                str(context.settings.data),
                url,
                what,
                str(number),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._heard() == "taken"

    @property
    def is_gone(self) -> bool:
        """Whether it was killed."""
        return self._process.returncode is not None

    def freeze(self) -> None:
        """Stop it between two beats of its heart; returns when no thread of it runs any more."""
        with between_writes(self._database):
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self._process.kill()
        self._process.communicate()

    def thawed(self) -> str:
        """What it says after it went on and tried to write."""
        self._process.send_signal(signal.SIGCONT)
        assert self._process.stdin is not None
        self._process.stdin.write("go on\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def _holding(context: Context, what: str, number: int) -> Iterator[Holder]:
    holder = Holder(context, what, number)
    try:
        yield holder
    finally:
        if not holder.is_gone:
            holder.kill()


@pytest.fixture
def owner(ready: Context) -> Iterator[Context]:
    """The wiring of the second owner, whose claims end soon too."""
    made = context_on(ready.settings.data, ready.database.url.render_as_string(hide_password=False))
    yield made
    made.database.close()


@pytest.fixture
def run_id(owner: Context, ready: Context) -> int:
    """A run that has just been started."""
    with owner.database.begin() as session:
        return start_run(session, RunRequest("default"), ready.encryption).id


@pytest.fixture(params=[PartKind.UNIT, PartKind.LOOKUP])
def part_id(owner: Context, run_id: int, request: pytest.FixtureRequest) -> int:
    """Its first unit, or, while it is executed, people to be looked up."""
    if request.param is PartKind.LOOKUP:
        with owner.database.begin() as session:
            session.execute(update(Run).values(state=RunState.EXECUTING.value))
            lookups.ask(session, run_id, 0, Stage.DISABLE, 1)
    with owner.database.read() as session:
        part_ids = select(SnapshotPart.id).where(SnapshotPart.kind == request.param.value)
        return session.scalars(part_ids.order_by(SnapshotPart.id)).first() or 0


@pytest.fixture
def executing(owner: Context, run_id: int) -> int:
    """The run, being executed."""
    with owner.database.begin() as session:
        session.execute(update(Run).values(state=RunState.EXECUTING.value))
    return run_id


def _taken(make: Callable[[], W]) -> W:
    """The work, as soon as the claim of the one before has run out."""
    found: list[W] = []

    def _take() -> bool:
        work = make()
        try:
            is_ours = work.take()
        except LeaseHeld:
            return False
        if is_ours:
            found.append(work)
        return is_ours

    wait_until("the claim to run out", _take, 30)
    return found[0]


def test_a_living_holder_keeps_its_part_for_many_times_its_lease(owner: Context, part_id: int) -> None:
    with _holding(owner, "part", part_id) as holder:
        until = time.monotonic() + 3 * LEASE_SECONDS
        while time.monotonic() < until:
            assert not part_work(owner, part_id).take()
            time.sleep(LEASE_SECONDS / 10)
        assert holder.thawed() == "written"


def test_the_part_of_a_killed_reader_is_read_by_the_next(owner: Context, part_id: int) -> None:
    with _holding(owner, "part", part_id) as holder:
        holder.kill()
        second = _taken(lambda: part_work(owner, part_id))
    assert second.attempt == 2
    second.store([SECOND])
    second.complete(source="second owner", proof={})
    assert list(read_items(owner.database, part_id, AbsentPerson)) == [SECOND]


@pytest.mark.parametrize("is_complete", [True, False], ids=["done by the second", "the second is at it"])
def test_a_reader_that_was_frozen_past_its_claim_writes_nothing(
    owner: Context, part_id: int, is_complete: bool
) -> None:
    with _holding(owner, "part", part_id) as holder:
        holder.freeze()
        second = _taken(lambda: part_work(owner, part_id))
        second.store([SECOND])
        if is_complete:
            second.complete(source="second owner", proof={})
        assert holder.thawed() == "refused"
    if not is_complete:
        second.complete(source="second owner", proof={})
    assert list(read_items(owner.database, part_id, AbsentPerson)) == [SECOND]
    with owner.database.read() as session:
        part = session.get_one(SnapshotPart, part_id)
    assert (part.state, part.source, part.attempt) == (PartState.COMPLETE, "second owner", 2)


def test_the_run_of_a_killed_executor_is_executed_by_the_next(owner: Context, executing: int) -> None:
    with _holding(owner, "run", executing) as holder:
        holder.kill()
        second = _taken(lambda: run_work(owner, executing))
    finish(second)
    with owner.database.read() as session:
        assert session.get_one(Run, executing).state == RunState.DONE


def test_a_run_that_ended_two_workers_is_failed_with_its_reason(owner: Context, executing: int) -> None:
    for _ in range(2):
        wait_until("the end of the lease", lambda: not leases.is_held(owner.database, LEASE), 30)
        with _holding(owner, "run", executing) as holder:
            holder.kill()
    wait_until("the end of the lease", lambda: not leases.is_held(owner.database, LEASE), 30)
    assert not run_work(owner, executing).take()
    with owner.database.read() as session:
        run = session.get_one(Run, executing)
        (told,) = session.scalars(select(Event.message).where(Event.code == "run.failed")).all()
    assert (run.state, run.error_code) == (RunState.FAILED, "given_up")
    assert "after 2 attempts: each time the worker ended early or hung" in told


@pytest.mark.parametrize("is_finished", [True, False], ids=["done by the second", "the second is at it"])
def test_an_executor_that_was_frozen_past_its_lease_writes_nothing(
    owner: Context, executing: int, is_finished: bool
) -> None:
    with _holding(owner, "run", executing) as holder:
        holder.freeze()
        second = _taken(lambda: run_work(owner, executing))
        if is_finished:
            finish(second)
        with owner.database.read() as session:
            before = session.get_one(Run, executing)
        assert holder.thawed() == "refused"
    with owner.database.read() as session:
        after = session.get_one(Run, executing)
    assert (after.state, after.finished_at, after.attempts) == (
        before.state,
        before.finished_at,
        before.attempts,
    )
    assert after.state == (RunState.DONE if is_finished else RunState.EXECUTING)
