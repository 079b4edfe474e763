"""Starting a run: one at a time per site, one per schedule slot, none on settings that cannot work."""

import threading

import pytest
from sqlalchemy import select, update

from shared.database.engine import Database
from shared.database.tables import Run, RunState, SnapshotPart
from shared.encryption import Encryption
from shared.errors import Conflict, SettingsInvalid
from shared.runs.start import RunRequest, start_run

pytestmark = pytest.mark.every_database


def test_a_site_without_settings_says_everything_that_is_missing(
    database: Database, encryption: Encryption
) -> None:
    with pytest.raises(SettingsInvalid) as refused, database.begin() as session:
        start_run(session, RunRequest("default"), encryption)
    for setting in (
        "directory.servers",
        "directory.units",
        "phone_system.base_url",
        "phone_system.client_id",
    ):
        assert setting in refused.value.message


def test_a_refused_start_leaves_nothing_behind(database: Database, encryption: Encryption) -> None:
    with pytest.raises(SettingsInvalid), database.begin() as session:
        start_run(session, RunRequest("default"), encryption)
    with database.read() as session:
        assert session.scalars(select(Run)).all() == []
        assert session.scalars(select(SnapshotPart)).all() == []


def test_of_many_starters_at_once_exactly_one_starts_a_run(
    database: Database, encryption: Encryption, ready_site: str
) -> None:
    barrier = threading.Barrier(6)
    started: list[int] = []
    refused: list[Conflict] = []

    def _start() -> None:
        barrier.wait()
        try:
            with database.begin() as session:
                run_id = start_run(session, RunRequest(ready_site), encryption).id
            started.append(run_id)
        except Conflict as conflict:
            refused.append(conflict)

    threads = [threading.Thread(target=_start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 1
    assert len(refused) == 5
    assert refused[0].details["run_id"] == started[0]


def test_one_slot_of_the_schedule_starts_one_run_only(
    database: Database, encryption: Encryption, ready_site: str
) -> None:
    request = RunRequest(ready_site, trigger="schedule", schedule_slot="2026-11-23T02:00:00Z")
    with database.begin() as session:
        start_run(session, request, encryption)
        session.execute(update(Run).values(state=RunState.DONE.value))
    with pytest.raises(Conflict, match="started already"), database.begin() as session:
        start_run(session, request, encryption)
