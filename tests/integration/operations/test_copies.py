"""The embedded database is copied once a day and before an upgrade, whole and while others write; a copy can be gone back to."""

import shutil
import sqlite3
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from services.cli.deployment import open_deployment
from services.scheduler.copies import copy_database
from services.scheduler.due_runs import sweep
from shared.database.migrate import newest_revision
from shared.database.tables import Event
from shared.errors import StorageUnavailable
from shared.process_settings import load
from shared.worker.context import Context
from tests.support import first_release

NOW = datetime(2026, 11, 30, 3, 0, 5, tzinfo=UTC)


@pytest.fixture
def opened(tmp_path: Path) -> Context:
    """A deployment with the embedded database."""
    return open_deployment(load({}, data=tmp_path / "data"))


def _events(context: Context) -> list[str]:
    with context.database.read() as session:
        return list(session.scalars(select(Event.code).order_by(Event.id)))


def _write(context: Context, entries: int) -> None:
    row = {
        "site_id": "default",
        "level": "info",
        "code": "x",
        "message": "x",
        "actor": "",
        "occurred_at": NOW,
    }
    with context.database.begin() as session:
        session.execute(insert(Event), [row] * entries)


def test_a_copy_made_while_others_write_can_be_gone_back_to(opened: Context, tmp_path: Path) -> None:
    ended = threading.Event()

    def _go_on() -> None:
        while not ended.is_set():
            _write(opened, 10)

    writer = threading.Thread(target=_go_on)
    writer.start()
    try:
        copy = copy_database(opened, NOW)
    finally:
        ended.set()
        writer.join()
    assert copy is not None
    assert copy.name == "rollcall-2026-11-30.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(copy) as looked_at:
        assert looked_at.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    opened.database.close()
    # As docs/recover.md says.
    for file in opened.settings.data.glob("rollcall.db*"):
        file.unlink()
    shutil.copy(copy, opened.settings.data / "rollcall.db")
    again = open_deployment(load({}, data=tmp_path / "data"))
    with again.database.read() as session:
        assert int(session.scalar(select(func.count()).select_from(Event)) or 0) % 10 == 0
    _write(again, 1)
    again.database.close()


def test_it_is_copied_once_a_day_and_old_copies_go(opened: Context) -> None:
    made = [copy_database(opened, NOW + timedelta(hours=hours)) for hours in range(0, 24 * 10, 6)]
    assert len([copy for copy in made if copy]) == 1
    folder = opened.settings.data / "copies"
    (folder / "rollcall-notes.db").touch()
    (folder / "rollcall-2026-11-22.db").touch()
    (folder / "rollcall-2026-11-22-schema-0004.db").touch()
    (folder / "rollcall-2026-11-23.db").touch()
    with opened.database.begin() as session:
        session.connection().exec_driver_sql("DELETE FROM leases")
    assert copy_database(opened, NOW)
    assert {file.name for file in folder.iterdir()} == {
        "rollcall-notes.db", "rollcall-2026-11-23.db", "rollcall-2026-11-30.db",
    }  # fmt: skip


def test_a_copy_that_fails_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.touch()
    context = open_deployment(load({}, data=tmp_path / "data", copies=blocked / "copies"))
    assert copy_database(context, NOW) is None
    assert _events(context) == ["copy.failed"]
    context.database.close()


def test_none_is_made_where_none_is_wanted(tmp_path: Path) -> None:
    context = open_deployment(load({}, data=tmp_path / "data", keep_copies_days=0))
    sweep(context)
    assert not (context.settings.data / "copies").exists()
    context.database.close()


def test_the_sweep_makes_one(opened: Context) -> None:
    sweep(opened)
    assert len(list((opened.settings.data / "copies").iterdir())) == 1


def test_before_an_upgrade_the_database_is_copied_as_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first_release.lay_out(data)
    runs = first_release.rows_of(data / "rollcall.db", "SELECT id, state FROM runs ORDER BY id")
    open_deployment(load({}, data=data)).database.close()
    (copy,) = (data / "copies").iterdir()
    assert copy.name.endswith(f"-schema-{first_release.REVISION}.db")
    assert first_release.rows_of(copy, "SELECT id, state FROM runs ORDER BY id") == runs
    assert first_release.rows_of(copy, "SELECT version_num FROM alembic_version") == [
        (first_release.REVISION,)
    ]
    # There is nothing to upgrade any more.
    open_deployment(load({}, data=data)).database.close()
    assert list((data / "copies").iterdir()) == [copy]


def test_without_its_copy_a_database_is_not_upgraded(tmp_path: Path) -> None:
    data = tmp_path / "data"
    file = first_release.lay_out(data)
    blocked = tmp_path / "blocked"
    blocked.touch()
    with pytest.raises(StorageUnavailable, match="ROLLCALL_COPIES"):
        open_deployment(load({}, data=data, copies=blocked / "copies"))
    stands_at = "SELECT version_num FROM alembic_version"
    assert first_release.rows_of(file, stands_at) == [(first_release.REVISION,)]
    open_deployment(load({}, data=data, keep_copies_days=0)).database.close()
    assert first_release.rows_of(file, stands_at) == [(newest_revision(),)]
