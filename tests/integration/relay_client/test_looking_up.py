"""Before removals whose evidence is old people are looked up again; the test is the collector that does it."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from services.relay_client.archiving.archive import ArchiveReceipt, ArchiveRequest
from services.relay_client.execution.execute import MOST_INTERRUPTIONS, execute_stage
from shared.database.pages import write_page
from shared.database.tables import PartKind, PartState, Run, SnapshotPart
from shared.domain.command import Command, CommandKind
from shared.domain.person import AccountState, Person, PersonState, Presence
from shared.errors import DirectoryUnavailable
from shared.messages import ExecuteStage, LookUpPeople
from shared.runs import lookups
from shared.runs.lookups import asked_for
from shared.work.claimed import claimed
from shared.work.due import due_messages
from shared.work.parts import MAX_ATTEMPTS, PartWork
from tests.integration.relay_client.conftest import Bench, VerifyingArchiver, change, creation
from tests.support.waiting import wait_until

AWAY = DirectoryUnavailable("The directory is away.", server="dc1")


def removal(bench: Bench, kind: CommandKind, number: str) -> Command:
    """Take the extension of somebody whose account is disabled out of service."""
    after = {
        CommandKind.DISABLE_EXTENSION: {"enabled": False},
        CommandKind.ARCHIVE_EXTENSION: {"archive": "109"},
    }
    return change(bench, kind, number, {}, after.get(kind, {}))


def started(bench: Bench, commands: Sequence[Command], read_ago: timedelta = timedelta(hours=1)) -> int:
    """A run that is executed some time after everybody of it was read, with a disabled account."""
    run_id = bench.start(commands)
    people = [
        Person(command.person_guid or "", "CN=x", "OU=Sales,DC=x", account_state=AccountState.DISABLED)
        for command in commands
    ]
    with bench.context.database.begin() as session:
        parts = select(SnapshotPart.id).where(
            SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.UNIT.value
        )
        write_page(session, session.scalars(parts).one(), 0, 0, people)
        session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.run_id == run_id)
            .values(completed_at=datetime.now(UTC) - read_ago)
        )
        session.execute(update(SnapshotPart).where(SnapshotPart.id.in_(parts)).values(page_count=1))
    return run_id


def look_ups(bench: Bench, run_id: int) -> list[SnapshotPart]:
    """The look-ups of the run."""
    with bench.context.database.read() as session:
        return list(
            session.scalars(
                select(SnapshotPart)
                .where(SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.LOOKUP.value)
                .order_by(SnapshotPart.position)
            )
        )


def look_up(bench: Bench, run_id: int, enabled: Sequence[str] = ()) -> list[str]:
    """Do what the collector does, and find these numbers' people enabled; who was asked for."""
    asked: list[str] = []
    with claimed(
        bench.context, PartWork(bench.context, look_ups(bench, run_id)[-1].id, PartKind.LOOKUP)
    ) as part:
        assert part is not None
        with bench.context.database.read() as session:
            proof = session.get_one(SnapshotPart, part.id).proof
            asked = asked_for(session, run_id, proof)
        part.store(
            [
                PersonState(guid, Presence.SELECTED, number=guid[-3:])
                if guid[-3:] in enabled
                else PersonState(guid, Presence.SELECTED, AccountState.DISABLED)
                for guid in asked
            ]
        )
        part.complete(source="dc1", proof=proof)
    return asked


def fail_look_up(bench: Bench, run_id: int) -> None:
    """The directory is away however often the collector tries."""
    for _attempt in range(MAX_ATTEMPTS):
        with bench.context.database.begin() as session:
            session.execute(update(SnapshotPart).values(next_attempt_at=None))
        with claimed(
            bench.context, PartWork(bench.context, look_ups(bench, run_id)[-1].id, PartKind.LOOKUP)
        ) as part:
            assert part is not None
            raise AWAY
    assert look_ups(bench, run_id)[-1].state == PartState.FAILED


def due(bench: Bench, run_id: int) -> list[type]:
    """What the sweep would publish in a while."""
    with bench.context.database.read() as session:
        later = datetime.now(UTC) + timedelta(minutes=2)
        return [type(message) for message in due_messages(session, later, run_id)]


def states(bench: Bench, run_id: int) -> list[str]:
    """What became of the commands."""
    return [row.state for row in bench.rows(run_id)]


def test_a_removal_on_old_evidence_waits_for_a_look_up_and_obeys_it(bench: Bench) -> None:
    run_id = started(bench, [removal(bench, CommandKind.DELETE_EXTENSION, n) for n in ("101", "102")])
    execute_stage(bench.context, run_id, bench.archiver)
    assert (states(bench, run_id), due(bench, run_id)) == (["pending", "pending"], [LookUpPeople])
    # A message that comes twice asks for nothing more.
    execute_stage(bench.context, run_id, bench.archiver)
    assert len(look_ups(bench, run_id)) == 1
    assert look_up(bench, run_id, enabled=["102"]) == ["guid-101", "guid-102"]
    assert due(bench, run_id) == [ExecuteStage]
    assert bench.drain(run_id).state == "done"
    assert states(bench, run_id) == ["done", "outdated"]
    assert "the account of Somebody is enabled again" in (bench.rows(run_id)[1].error_message or "")
    assert bench.calls("delete_user").keys() == {"101"}


def test_updates_are_not_looked_up(bench: Bench) -> None:
    update_101 = change(bench, CommandKind.UPDATE_EXTENSION, "101", {}, {"mobile": "+49 30 1"})
    run_id = started(bench, [update_101])
    assert bench.drain(run_id).state == "done"
    assert (states(bench, run_id), look_ups(bench, run_id)) == (["done"], [])


def test_while_the_directory_is_away_creations_go_on_and_removals_wait_but_not_for_ever(bench: Bench) -> None:
    renumbering = change(
        bench, CommandKind.RENUMBER_EXTENSION, "103", {}, {"number": "303", "first_name": "A"}
    )
    run_id = started(bench, [creation(1), renumbering, removal(bench, CommandKind.DISABLE_EXTENSION, "101")])
    execute_stage(bench.context, run_id, bench.archiver)
    fail_look_up(bench, run_id)
    execute_stage(bench.context, run_id, bench.archiver)
    assert states(bench, run_id) == ["done", "skipped", "pending"]
    assert "could not confirm it" in (bench.rows(run_id)[1].error_message or "")

    for _time in range(MOST_INTERRUPTIONS - 1):
        with pytest.raises(DirectoryUnavailable, match=r"are looked up again\. This failed"):
            execute_stage(bench.context, run_id, bench.archiver)
        assert due(bench, run_id) == [LookUpPeople]
        fail_look_up(bench, run_id)
    with pytest.raises(DirectoryUnavailable):
        execute_stage(bench.context, run_id, bench.archiver)
    assert (bench.run(run_id).state, bench.run(run_id).error_code) == ("failed", "directory_unavailable")
    assert states(bench, run_id) == ["done", "skipped", "skipped"]
    assert not bench.calls("update_user")


def test_removals_go_on_when_the_directory_is_back(bench: Bench) -> None:
    run_id = started(bench, [removal(bench, CommandKind.DISABLE_EXTENSION, "101")])
    execute_stage(bench.context, run_id, bench.archiver)
    fail_look_up(bench, run_id)
    with pytest.raises(DirectoryUnavailable):
        execute_stage(bench.context, run_id, bench.archiver)
    with bench.context.database.begin() as session:
        session.execute(update(SnapshotPart).values(next_attempt_at=None))
    look_up(bench, run_id)
    assert (bench.drain(run_id).state, states(bench, run_id)) == ("done", ["done"])
    assert len(look_ups(bench, run_id)) == 2


class Slow(VerifyingArchiver):
    """A relay that takes its time for each extension."""

    def archive(self, request: ArchiveRequest) -> ArchiveReceipt:
        """Archive it when what is known is old."""
        until = time.monotonic() + 1.1 * lookups.MAX_AGE.total_seconds()
        wait_until("the archive to be made", lambda: time.monotonic() > until)
        return super().archive(request)


def test_a_stage_that_lasts_longer_looks_up_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "MAX_AGE", timedelta(seconds=2))
    bench.configure(concurrency=1)
    bench.archiver = Slow()
    numbers = ("101", "102", "103")
    run_id = started(bench, [removal(bench, CommandKind.ARCHIVE_EXTENSION, n) for n in numbers], timedelta(0))
    execute_stage(bench.context, run_id, bench.archiver)
    assert bench.archiver.archived == ["101"]
    assert states(bench, run_id) == ["done", "pending", "pending"]
    assert [row.attempts for row in bench.rows(run_id)] == [1, 0, 0]
    execute_stage(bench.context, run_id, bench.archiver)
    assert look_up(bench, run_id, enabled=["102"]) == ["guid-102", "guid-103"]
    assert bench.drain(run_id).state == "done"
    assert states(bench, run_id) == ["done", "outdated", "done"]
    assert bench.archiver.archived == ["101", "103"]


def test_many_are_looked_up_some_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "AT_ONCE", 2)
    run_id = started(bench, [removal(bench, CommandKind.DISABLE_EXTENSION, str(n)) for n in range(101, 106)])
    asked = []
    while bench.run(run_id).state == "executing":
        execute_stage(bench.context, run_id, bench.archiver)
        if due(bench, run_id) == [LookUpPeople]:
            asked.append(look_up(bench, run_id, enabled=["103"]))
    assert [len(guids) for guids in asked] == [2, 2, 1]
    assert states(bench, run_id) == ["done", "done", "outdated", "done", "done"]
    assert all(len(done) == 1 for done in bench.calls("update_user").values())


@pytest.mark.parametrize("was_done", [True, False], ids=["it was done", "it was not done"])
def test_a_command_in_hand_of_a_killed_worker_is_read_back_before_it_counts_as_outdated(
    bench: Bench, was_done: bool
) -> None:
    run_id = started(bench, [removal(bench, CommandKind.DISABLE_EXTENSION, "101")])
    bench.leave_running(run_id)
    if was_done:
        bench.phone_system.state.change_user(bench.id_of("101"), {"Enabled": False})
    execute_stage(bench.context, run_id, bench.archiver)
    look_up(bench, run_id, enabled=["101"])
    assert bench.drain(run_id).state == "done"
    assert states(bench, run_id) == ["done" if was_done else "outdated"]


def test_a_run_cancelled_while_people_are_looked_up_asks_for_nothing_more(bench: Bench) -> None:
    run_id = started(bench, [removal(bench, CommandKind.DISABLE_EXTENSION, "101")])
    execute_stage(bench.context, run_id, bench.archiver)
    bench.end_collecting()
    assert due(bench, run_id) == []
    assert not PartWork(bench.context, look_ups(bench, run_id)[-1].id, PartKind.LOOKUP).take()


def test_a_plan_whose_evidence_is_not_kept_is_not_carried_out(bench: Bench) -> None:
    run_id = started(bench, [removal(bench, CommandKind.DISABLE_EXTENSION, "101")])
    with bench.context.database.begin() as session:
        session.execute(
            update(SnapshotPart).where(SnapshotPart.kind == PartKind.UNIT.value).values(page_count=2)
        )
    execute_stage(bench.context, run_id, bench.archiver)
    look_up(bench, run_id)
    with pytest.raises(Exception, match="is no longer stored"):
        execute_stage(bench.context, run_id, bench.archiver)
    with bench.context.database.read() as session:
        assert session.get_one(Run, run_id).state == "failed"
    assert states(bench, run_id) == ["skipped"]
