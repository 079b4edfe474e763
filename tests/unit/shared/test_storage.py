"""The database: a failure of the disk is one clear sentence, and a failed block leaves nothing behind."""

from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from shared import encryption
from shared.database.engine import Database
from shared.database.events import LogEntry, audit, first_broken_audit_entry, record
from shared.database.migrate import newest_revision, schema_status
from shared.database.tables import AuditEntry, Base, Event
from shared.errors import StorageUnavailable
from shared.migrate import migrate
from shared.process_settings import load


def test_a_migrated_database_is_what_the_tables_say(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        differences = [
            item
            for item in compare_metadata(context, Base.metadata)
            if not str(item[0]).startswith("modify_type")
        ]
    assert differences == []
    assert schema_status(database).now == newest_revision()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageUnavailable, match="ROLLCALL_DATA"):
        Database(f"sqlite:///{tmp_path / 'file' / 'data' / 'rollcall.db'}")


def test_a_key_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageUnavailable, match=r"secret\.key"):
        encryption.load(load({}, data=tmp_path / "file"))


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    settings = load({}, data=tmp_path)
    sealed = encryption.load(settings).encrypt("x")
    assert encryption.load(settings).decrypt(sealed) == "x"
    assert (tmp_path / encryption.KEY_FILE).stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == [encryption.KEY_FILE]


@pytest.mark.sqlite_only("whose size a test can limit")
def test_a_full_disk_is_said_and_loses_nothing(database: Database) -> None:
    with database.begin() as session:
        record(session, "default", LogEntry("test.before", "Before."))
    with database.read() as session:
        pages = session.scalar(text("PRAGMA page_count"))
    # SQLite's own limit on the number of pages answers exactly as a full disk does.
    with pytest.raises(StorageUnavailable, match="disk is full"), database.begin() as session:
        session.execute(text(f"PRAGMA max_page_count = {pages}"))
        for number in range(10_000):
            record(session, "default", LogEntry("test.flood", "x" * 500 + str(number)))
    with database.read() as session:
        session.execute(text("PRAGMA max_page_count = 1000000"))
        assert session.scalars(select(Event.code)).all() == ["test.before"]


def test_a_read_only_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "rollcall.db"
    made = Database(f"sqlite:///{path}")
    migrate(made)
    with pytest.raises(StorageUnavailable, match="read-only"), made.begin() as session:
        session.execute(text("PRAGMA query_only = ON"))
        record(session, "default", LogEntry("test.never", "Never."))
    made.close()


def test_a_database_without_tables_says_to_migrate(tmp_path: Path) -> None:
    empty = Database(f"sqlite:///{tmp_path / 'rollcall.db'}")
    with pytest.raises(StorageUnavailable, match="rollcall migrate"), empty.begin() as session:
        record(session, "default", LogEntry("test.never", "Never."))
    empty.close()


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.begin() as session:
        record(session, "default", LogEntry("test.never", "Never."))
        raise ZeroDivisionError
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0


def test_an_audit_entry_that_was_changed_afterwards_is_found(database: Database) -> None:
    with database.begin() as session:
        for number in range(3):
            audit(session, "default", actor="anna", action="plan.approved", details={"run": number})
        assert first_broken_audit_entry(session) is None
        second = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[1].id
    with database.begin() as session:
        session.execute(text("UPDATE audit SET actor = 'nobody' WHERE id = :id"), {"id": second})
    with database.read() as session:
        assert first_broken_audit_entry(session) == second
