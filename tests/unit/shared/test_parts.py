"""Parts of a snapshot: claimed once, and only the attempt that holds the claim can write or end it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from shared.database.engine import Database
from shared.database.pages import read_items
from shared.database.tables import PartKind, PartState, Run, RunState, SnapshotPage, SnapshotPart
from shared.domain.person import AbsentPerson
from shared.encryption import Encryption
from shared.errors import BadCredentials, DirectoryUnavailable, LeaseHeld
from shared.messages import LocateAbsent, PlanRun, SnapshotExtensions, SnapshotUnit
from shared.runs import parts
from shared.runs.due import due_messages
from shared.runs.start import RunRequest, start_run

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


def _claim(database: Database, part_id: int) -> parts.ClaimedPart:
    claimed = _claimed(database, part_id)
    assert claimed is not None
    return claimed


def _claimed(database: Database, part_id: int) -> parts.ClaimedPart | None:
    with database.read() as session:
        kind = PartKind(session.get_one(SnapshotPart, part_id).kind)
    return parts.claim_part(database, part_id, kind, 60)


def _expire(database: Database, part_id: int) -> None:
    with database.begin() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(SnapshotPart).where(SnapshotPart.id == part_id).values(lease_expires_at=past))


def _finish(database: Database, kind: PartKind, position: int = 0) -> bool:
    claimed = _claim(database, _part_id(database, kind, position))
    return parts.complete_part(database, claimed, pages=0, items=0, source="dc1", proof={})


def test_a_part_is_claimed_by_one_worker_only(database: Database, run_id: int) -> None:
    part = _part_id(database, PartKind.UNIT)
    assert _claimed(database, part) is not None
    assert _claimed(database, part) is None


def test_the_pages_of_a_worker_that_lost_its_lease_never_mix_with_those_of_the_next(
    database: Database, run_id: int
) -> None:
    part = _part_id(database, PartKind.UNIT)
    slow = _claim(database, part)
    parts.store_page(database, slow, 0, [AbsentPerson("old", found=False)], 60)
    _expire(database, part)
    fast = _claim(database, part)
    with pytest.raises(LeaseHeld):
        parts.store_page(database, slow, 1, [AbsentPerson("old too", found=False)], 60)
    parts.store_page(database, fast, 0, [AbsentPerson("new", found=False)], 60)
    with pytest.raises(LeaseHeld):
        parts.complete_part(database, slow, pages=2, items=2, source="dc1", proof={})
    parts.complete_part(database, fast, pages=1, items=1, source="dc1", proof={})
    assert list(read_items(database, part, AbsentPerson)) == [AbsentPerson("new", found=False)]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(SnapshotPage)) == 1


def test_a_cancelled_run_stops_its_readers_at_the_next_page(database: Database, run_id: int) -> None:
    claimed = _claim(database, _part_id(database, PartKind.UNIT))
    with database.begin() as session:
        session.execute(update(Run).values(state=RunState.CANCELLED.value))
    with pytest.raises(LeaseHeld):
        parts.store_page(database, claimed, 0, [AbsentPerson("x", found=False)], 60)


def test_a_transient_failure_is_tried_again_and_given_up_after_three_attempts(
    database: Database, run_id: int
) -> None:
    part = _part_id(database, PartKind.UNIT)
    for attempt in range(1, parts.MAX_ATTEMPTS + 1):
        claimed = _claim(database, part)
        assert claimed.attempt == attempt
        again = parts.fail_part(database, claimed, DirectoryUnavailable("dc1 is down.", retry_after=5))
        assert again == (5 if attempt < parts.MAX_ATTEMPTS else None)
        assert _claimed(database, part) is None, "not before its time"
        with database.begin() as session:
            session.execute(update(SnapshotPart).values(next_attempt_at=None))
    with database.read() as session:
        assert session.get_one(SnapshotPart, part).state == PartState.FAILED


def test_refused_credentials_are_never_tried_again(database: Database, run_id: int) -> None:
    part = _part_id(database, PartKind.UNIT)
    assert parts.fail_part(database, _claim(database, part), BadCredentials("Wrong password.")) is None
    assert _claimed(database, part) is None


def test_the_absent_are_looked_for_only_when_every_unit_has_ended(database: Database, run_id: int) -> None:
    absent = _part_id(database, PartKind.ABSENT)
    _finish(database, PartKind.UNIT, 0)
    assert _claimed(database, absent) is None
    _finish(database, PartKind.UNIT, 1)
    assert _claimed(database, absent) is not None


def test_a_message_with_the_number_of_a_part_of_another_kind_claims_nothing(
    database: Database, run_id: int
) -> None:
    for kind in PartKind:
        for other in set(PartKind) - {kind}:
            assert parts.claim_part(database, _part_id(database, kind), other, 60) is None
    with database.read() as session:
        assert set(session.scalars(select(SnapshotPart.attempt))) == {0}


def test_the_last_part_to_end_says_so(database: Database, run_id: int) -> None:
    assert not _finish(database, PartKind.UNIT, 0)
    assert not _finish(database, PartKind.EXTENSIONS)
    assert not _finish(database, PartKind.UNIT, 1)
    assert _finish(database, PartKind.ABSENT)


def _due(database: Database, after_seconds: float = 0) -> list[type]:
    with database.read() as session:
        now = datetime.now(UTC) + timedelta(seconds=after_seconds)
        return [type(message) for message in due_messages(session, now)]


def test_what_is_due_follows_from_the_database_alone(database: Database, run_id: int) -> None:
    assert _due(database) == [SnapshotUnit, SnapshotUnit, SnapshotExtensions]
    claimed = _claim(database, _part_id(database, PartKind.UNIT, 0))
    assert _due(database) == [SnapshotUnit, SnapshotExtensions], "leased work is not published again"
    assert _due(database, 61) == [SnapshotUnit, SnapshotUnit, SnapshotExtensions], "a dead worker's is"
    parts.complete_part(database, claimed, pages=0, items=0, source="", proof={})
    _finish(database, PartKind.UNIT, 1)
    assert _due(database) == [LocateAbsent, SnapshotExtensions]
    _finish(database, PartKind.ABSENT)
    _finish(database, PartKind.EXTENSIONS)
    assert _due(database) == [PlanRun]
