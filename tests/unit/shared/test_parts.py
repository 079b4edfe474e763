"""Parts of a snapshot: claimed once, and only the attempt that holds the claim can write or end it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from shared.database.engine import Database
from shared.database.pages import read_items
from shared.database.tables import Event, PartKind, PartState, Run, RunState, SnapshotPage, SnapshotPart
from shared.domain.person import AbsentPerson
from shared.encryption import Encryption
from shared.errors import BadCredentials, DirectoryUnavailable, LeaseHeld
from shared.messages import LocateAbsent, PlanRun, SnapshotExtensions, SnapshotUnit
from shared.runs.start import RunRequest, start_run
from shared.work.due import due_messages
from shared.work.parts import MAX_ATTEMPTS, PartWork, are_all_ended
from shared.worker.context import Context

pytestmark = pytest.mark.every_database


@pytest.fixture
def run_id(database: Database, encryption: Encryption, ready_site: str) -> int:
    """A run that collects: two units, the absent, the extensions."""
    with database.begin() as session:
        return start_run(session, RunRequest(ready_site), encryption).id


def _part_id(database: Database, kind: PartKind, position: int = 0) -> int:
    with database.read() as session:
        return session.scalars(
            select(SnapshotPart.id).where(SnapshotPart.kind == kind, SnapshotPart.position == position)
        ).one()


def _claim(context: Context, part_id: int) -> PartWork:
    claimed = _claimed(context, part_id)
    assert claimed is not None
    return claimed


def _claimed(context: Context, part_id: int) -> PartWork | None:
    with context.database.read() as session:
        kind = PartKind(session.get_one(SnapshotPart, part_id).kind)
    work = PartWork(context, part_id, kind)
    return work if work.take() else None


def _expire(database: Database, part_id: int) -> None:
    with database.begin() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(SnapshotPart).where(SnapshotPart.id == part_id).values(lease_expires_at=past))


def _finish(context: Context, kind: PartKind, position: int = 0) -> bool:
    work = _claim(context, _part_id(context.database, kind, position))
    work.complete(source="dc1", proof={})
    with context.database.read() as session:
        return are_all_ended(session, work.run_id)


def test_a_part_is_claimed_by_one_worker_only(context: Context, run_id: int) -> None:
    part = _part_id(context.database, PartKind.UNIT)
    assert _claimed(context, part) is not None
    assert _claimed(context, part) is None


def test_the_pages_of_a_worker_that_lost_its_claim_never_mix_with_those_of_the_next(
    context: Context, run_id: int
) -> None:
    database = context.database
    part = _part_id(database, PartKind.UNIT)
    slow = _claim(context, part)
    slow.store([AbsentPerson("old", found=False)])
    _expire(database, part)
    fast = _claim(context, part)
    assert not slow.renew()
    with pytest.raises(LeaseHeld):
        slow.store([AbsentPerson("old too", found=False)])
    with pytest.raises(LeaseHeld):
        slow.start_over()
    fast.store([AbsentPerson("new", found=False)])
    with pytest.raises(LeaseHeld):
        slow.complete(source="dc1", proof={})
    for error in (DirectoryUnavailable("dc1 is down."), BadCredentials("Wrong password.")):
        with pytest.raises(LeaseHeld):
            slow.fail(error)
    fast.complete(source="dc1", proof={})
    assert list(read_items(database, part, AbsentPerson)) == [AbsentPerson("new", found=False)]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(SnapshotPage)) == 1


def test_a_cancelled_run_stops_its_readers_at_the_next_page(context: Context, run_id: int) -> None:
    claimed = _claim(context, _part_id(context.database, PartKind.UNIT))
    with context.database.begin() as session:
        session.execute(update(Run).values(state=RunState.CANCELLED.value))
    with pytest.raises(LeaseHeld):
        claimed.store([AbsentPerson("x", found=False)])
    assert not claimed.renew()


def test_a_transient_failure_is_tried_again_and_given_up_after_three_attempts(
    context: Context, run_id: int
) -> None:
    database = context.database
    part = _part_id(database, PartKind.UNIT)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claimed = _claim(context, part)
        assert claimed.attempt == attempt
        again = claimed.fail(DirectoryUnavailable("dc1 is down.", retry_after=5))
        assert again == (5 if attempt < MAX_ATTEMPTS else 0)
        assert _claimed(context, part) is None, "not before its time"
        with database.begin() as session:
            session.execute(update(SnapshotPart).values(next_attempt_at=None))
    with database.read() as session:
        assert session.get_one(SnapshotPart, part).state == PartState.FAILED


def test_a_part_whose_workers_die_is_given_up_after_three_claims_and_the_log_says_so(
    context: Context, run_id: int
) -> None:
    part = _part_id(context.database, PartKind.UNIT)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert _claim(context, part).attempt == attempt
        assert _claimed(context, part) is None, "its claim has not expired"
        _expire(context.database, part)
    assert _claimed(context, part) is None
    with context.database.read() as session:
        given_up = session.get_one(SnapshotPart, part)
        said = session.scalars(select(Event.message).order_by(Event.id.desc())).first() or ""
    assert (given_up.state, given_up.error_code, given_up.attempt) == ("failed", "given_up", MAX_ATTEMPTS)
    assert said.startswith(
        "The organizational unit OU=Sales,DC=x could not be read (attempt 3): It was started 3 times"
    )
    assert said.endswith("Not tried again in this run.")


def test_refused_credentials_are_never_tried_again(context: Context, run_id: int) -> None:
    part = _part_id(context.database, PartKind.UNIT)
    assert _claim(context, part).fail(BadCredentials("Wrong password.")) == 0
    assert _claimed(context, part) is None


def test_the_absent_are_looked_for_only_when_every_unit_has_ended(context: Context, run_id: int) -> None:
    absent = _part_id(context.database, PartKind.ABSENT)
    _finish(context, PartKind.UNIT, 0)
    assert _claimed(context, absent) is None
    _finish(context, PartKind.UNIT, 1)
    assert _claimed(context, absent) is not None


def test_a_message_with_the_number_of_a_part_of_another_kind_claims_nothing(
    context: Context, run_id: int
) -> None:
    # A look-up comes only when the plan is executed, the others are of change runs.
    for kind in (PartKind.UNIT, PartKind.ABSENT, PartKind.EXTENSIONS):
        for other in set(PartKind) - {kind}:
            assert not PartWork(context, _part_id(context.database, kind), other).take()
    with context.database.read() as session:
        assert set(session.scalars(select(SnapshotPart.attempt))) == {0}


def test_the_last_part_to_end_says_so(context: Context, run_id: int) -> None:
    assert not _finish(context, PartKind.UNIT, 0)
    assert not _finish(context, PartKind.EXTENSIONS)
    assert not _finish(context, PartKind.UNIT, 1)
    assert _finish(context, PartKind.ABSENT)


def _due(database: Database, after_seconds: float = 0) -> list[type]:
    with database.read() as session:
        now = datetime.now(UTC) + timedelta(seconds=after_seconds)
        return [type(message) for message in due_messages(session, now)]


@pytest.mark.parametrize("column", ["lease_expires_at", "next_attempt_at"])
def test_a_part_that_waits_since_before_the_clock_was_set_back_is_taken(
    context: Context, run_id: int, column: str
) -> None:
    part = _part_id(context.database, PartKind.EXTENSIONS)

    def _wait(**time_left: float) -> None:
        with context.database.begin() as session:
            until = datetime.now(UTC) + timedelta(**time_left)
            session.execute(update(SnapshotPart).where(SnapshotPart.id == part).values({column: until}))

    _wait(minutes=4)
    assert _due(context.database) == [SnapshotUnit, SnapshotUnit]
    assert _claimed(context, part) is None
    _wait(hours=2)
    assert _due(context.database) == [SnapshotUnit, SnapshotUnit, SnapshotExtensions]
    assert _claimed(context, part) is not None


def test_what_is_due_follows_from_the_database_alone(context: Context, run_id: int) -> None:
    database = context.database
    assert _due(database) == [SnapshotUnit, SnapshotUnit, SnapshotExtensions]
    claimed = _claim(context, _part_id(database, PartKind.UNIT, 0))
    assert _due(database) == [SnapshotUnit, SnapshotExtensions], "leased work is not published again"
    assert _due(database, 61) == [SnapshotUnit, SnapshotUnit, SnapshotExtensions], "a dead worker's is"
    claimed.complete(source="", proof={})
    _finish(context, PartKind.UNIT, 1)
    assert _due(database) == [LocateAbsent, SnapshotExtensions]
    _finish(context, PartKind.ABSENT)
    _finish(context, PartKind.EXTENSIONS)
    assert _due(database) == [PlanRun]
