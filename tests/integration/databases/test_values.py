"""What is stored comes back the same from every database."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select

from shared.database import events
from shared.database.engine import Database
from shared.database.search import holds
from shared.database.tables import BindingRow, Event, Lease, Run, Site, SnapshotPage, SnapshotPart

pytestmark = pytest.mark.every_database
MOMENT = datetime(2026, 3, 29, 1, 30, 0, 123457, tzinfo=UTC)


def _log(database: Database, *messages: str) -> None:
    with database.begin() as session:
        events.record(session, "default", *(events.LogEntry("test.said", message) for message in messages))


def test_a_moment_keeps_its_microseconds_and_its_zone(database: Database) -> None:
    with database.begin() as session:
        session.execute(insert(Lease).values(name="n", holder="h", expires_at=MOMENT))
    with database.read() as session:
        assert session.scalar(select(Lease.expires_at)) == MOMENT
        assert session.scalar(select(Lease.name).where(Lease.expires_at == MOMENT)) == "n"
        assert session.scalar(select(func.max(Lease.expires_at))) == MOMENT


@pytest.mark.parametrize(
    "text", ["Zoë Müller", "山田太郎", "Ωμέγα", "🦊", "O'Brien; --", "back\\slash", " padded "]
)
def test_a_text_of_any_script_comes_back_as_it_was(database: Database, text: str) -> None:
    _log(database, text)
    with database.read() as session:
        assert session.scalar(select(Event.message)) == text


def test_a_character_that_postgresql_refuses_is_replaced_on_all(database: Database) -> None:
    _log(database, "a\0b")
    with database.read() as session:
        assert session.scalar(select(Event.message)) == "a\ufffdb"
        assert session.get(Site, "a\0b") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("100% SURE", ["100% sure"]),
        ("a[b", ["A[B]"]),
        ("_", ["x_y"]),
        ("B]", ["A[B]"]),
        ("a\0b", ["a\ufffdb"]),
        ("nothing of it", []),
    ],
)
def test_a_text_is_found_literally_in_either_case(database: Database, text: str, wanted: list[str]) -> None:
    _log(database, "100% sure", "A[B]", "x_y", "xy", "a\0b")
    with database.read() as session:
        assert session.scalars(select(Event.message).where(holds(Event.message, text))).all() == wanted


def test_bytes_and_documents_come_back_as_they_were(database: Database) -> None:
    document = {"ö": [1, None, True, {"deep": "日本\0"}], "big": 2**53}
    payload = bytes(range(256)) * 40
    with database.begin() as session:
        run = Run(
            site_id="default", kind="full", state="done", trigger="test", actor="test", schedule_slot="s",
            settings_versions=document, selection_hash="", counts={}, hold_reasons={}, created_at=MOMENT,
        )  # fmt: skip
        session.add(run)
        session.flush()
        part = SnapshotPart(run_id=run.id, kind="unit", position=0, state="complete", proof={})
        session.add(part)
        session.flush()
        session.execute(
            insert(SnapshotPage).values(part_id=part.id, attempt=1, page=0, item_count=1, payload=payload)
        )
    with database.read() as session:
        assert session.scalar(select(Run.settings_versions)) == document
        assert session.scalar(select(SnapshotPage.payload)) == payload


def test_what_is_true_stays_true(database: Database) -> None:
    with database.begin() as session:
        for number, flag in enumerate((True, False)):
            session.add(
                BindingRow(
                    site_id="default",
                    person_guid=str(number),
                    extension_id=2**31 - 1 - number,
                    number="1",
                    origin="created",
                    is_disabled_by_rollcall=flag,
                    updated_at=MOMENT,
                )
            )
    with database.read() as session:
        rows = session.scalars(select(BindingRow).order_by(BindingRow.person_guid)).all()
        assert [row.is_disabled_by_rollcall for row in rows] == [True, False]
        assert rows[0].extension_id == 2**31 - 1


def test_thousands_of_rows_are_inserted_in_one_call(database: Database) -> None:
    _log(database, *(f"Entry {number}" for number in range(3000)))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 3000
