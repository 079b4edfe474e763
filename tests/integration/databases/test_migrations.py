"""Migrations on every database: from nothing and from each revision with data, back again, and many at once."""

import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, bindparam, column, insert, inspect, select, table, text

from shared.database.engine import Database
from shared.database.migrate import SCRIPTS, State, newest_revision, schema_status
from shared.database.tables import Account, Base, ConsoleSession, Lease, Site
from shared.database.types import MOMENT
from shared.errors import Conflict, SettingsInvalid
from shared.migrate import migrate

pytestmark = pytest.mark.every_database
REVISIONS = [
    script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()
][::-1]  # fmt: skip
_MIGRATE = """
import sys
from shared.database.engine import Database
from shared.migrate import migrate
print(*migrate(Database(sys.argv[1])))
"""
NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
# Named with its type, because SQLite's own way to store dates ends with Python 3.12.
_AT = bindparam("now", type_=MOMENT)


def _tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names()) - {"alembic_version"}


def _fill(database: Database) -> dict[str, int]:
    """One row in every table that there is, each column with something in it; how many rows each holds."""
    there = MetaData()
    there.reflect(database.engine)
    with database.begin() as session:
        for name in [one.name for one in there.sorted_tables]:
            if name in ("alembic_version", "sites"):
                continue
            ours = Base.metadata.tables[name]
            values = {column: _value(name, column) for column in there.tables[name].c.keys()}  # noqa: SIM118
            given = {column: value for column, value in values.items() if value is not None}
            # Without what our table would add by itself: the defaults of columns that are not there yet.
            session.execute(
                insert(table(name, *(column(key, ours.c[key].type) for key in given))).values(given)
            )
    return _counts(database)


def _value(table_name: str, name: str) -> object:
    """A value that every rule of the tables accepts."""
    known: dict[str, object] = {
        "site_id": "default", "run_id": 1, "part_id": 1, "account_id": 1, "id": None, "level": "info",
        "origin": "created", "severity": "info", "source": "own", "role": "manager", "stage": "create",
        "state": {"commands": "pending", "snapshot_parts": "pending", "watches": "live", "outbox": "pending"}.get(
            table_name, "collecting"
        ),
        "code": "duplicate_number" if table_name == "findings" else "test.filled",
        "kind": {"runs": "full", "snapshot_parts": "unit", "commands": "create_extension"}.get(table_name, "logo"),
    }  # fmt: skip
    ours = Base.metadata.tables[table_name].c[name]
    if name == "id" and ours.autoincrement is False:
        return 1
    if name in known:
        return known[name]
    kind = ours.type
    values: dict[type[Any], object] = {
        int: 1,
        str: f"ä€ {name}"[:20],
        bool: True,
        datetime: NOW,
        bytes: b"\0\xff",
        # Only JSON has no type of its own.
        object: {"ö": [1]},
    }
    return values[getattr(kind, "impl_instance", kind).python_type]


def _counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            name: session.scalar(text(f"SELECT count(*) FROM {name}")) or 0
            for name in sorted(_tables(database))
        }


def test_the_migrated_tables_are_those_of_the_models(database: Database) -> None:
    with database.read() as session:
        context = MigrationContext.configure(
            session.connection(), opts={"compare_type": not database.is_sqlite}
        )
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_data_of_every_revision_survives_to_the_newest(empty: Database, revision: str) -> None:
    migrate(empty, revision)
    if revision != newest_revision():
        with empty.begin() as session:
            session.execute(Site.__table__.insert().values(id="default", name="Default", created_at=NOW))  # type: ignore[attr-defined]
    before = _fill(empty)
    assert migrate(empty) == (revision, newest_revision())
    after = _counts(empty)
    assert {name: after[name] for name in before} == before
    with empty.read() as session:
        assert session.scalars(select(Lease.expires_at)).all() == [NOW]


@pytest.mark.parametrize(("older", "newer"), list(pairwise(["base", *REVISIONS])))
def test_every_revision_can_be_undone_and_done_again(database: Database, older: str, newer: str) -> None:
    migrate(database, newer)
    tables = _tables(database)
    _fill(database) if newer == newest_revision() else None
    assert migrate(database, older) == (newer, None if older == "base" else older)
    if older == "base":
        assert _tables(database) == set()
    migrate(database, newer)
    assert _tables(database) == tables


def test_no_command_of_an_ended_run_seems_to_be_in_hand_after_an_upgrade(database: Database) -> None:
    migrate(database, "0008")
    _fill(database)
    with database.begin() as session:
        session.execute(text("UPDATE runs SET state = 'cancelled'"))
        session.execute(text("UPDATE commands SET state = 'running'"))
    migrate(database)
    with database.read() as session:
        assert session.execute(text("SELECT state, error_code FROM commands")).one() == (
            "failed",
            "outcome_unknown",
        )


def test_a_downgrade_executes_nothing_that_waits_for_approval(database: Database) -> None:
    _fill(database)
    for state, after in (("held", "pending"), ("executing", "left_out")):
        migrate(database)
        with database.begin() as session:
            session.execute(text("UPDATE runs SET state = :state"), {"state": state})
            session.execute(text("UPDATE commands SET state = 'held'"))
        migrate(database, "0007")
        with database.read() as session:
            assert session.scalars(text("SELECT state FROM commands")).all() == [after]


def test_a_downgrade_leaves_no_token_with_more_rights_than_it_had(database: Database) -> None:
    with database.begin() as session:
        for name, role, site in (
            ("all", "manager", None),
            ("look", "viewer", None),
            ("one", "manager", "default"),
        ):
            session.execute(
                text(
                    "INSERT INTO api_tokens (name, token_hash, created_at, role, site_id) "
                    "VALUES (:name, :name, :now, :role, :site)"
                ).bindparams(_AT),
                {"name": name, "now": NOW.replace(tzinfo=None), "role": role, "site": site},
            )
    migrate(database, "0002")
    with database.read() as session:
        assert session.scalars(text("SELECT name FROM api_tokens")).all() == ["all"]


# Tables and columns whose values a newer version may add to: nothing refuses them.
GROWING = [
    ("findings", "code"), ("commands", "kind"), ("commands", "stage"), ("snapshot_parts", "kind"), ("runs", "kind"),
    ("bindings", "origin"), ("accounts", "source"),
]  # fmt: skip


def test_codes_and_kinds_of_a_newer_version_can_be_stored_and_a_downgrade_leaves_none(
    database: Database,
) -> None:
    filled = _fill(database)
    with database.begin() as session:
        for name, growing in GROWING:
            session.execute(text(f"UPDATE {name} SET {growing} = 'added_later'"))
    migrate(database, "0004")
    with database.read() as session:
        for name, growing in GROWING:
            assert "added_later" not in session.scalars(text(f"SELECT {growing} FROM {name}")).all()
        # The person's extension, the way in and the run stay, in a word that the older version knows.
        assert session.scalars(text("SELECT origin FROM bindings")).all() == ["adopted"]
        assert session.execute(text("SELECT source, password_hash FROM accounts")).one() == ("own", None)
        assert session.scalars(text("SELECT kind FROM runs")).all() == ["person"]
    migrate(database)
    # Rules that were never saved are written down for an older version, which has other ones.
    kept = filled | {"settings": filled["settings"] + 1}
    assert _counts(database) == kept | dict.fromkeys(
        (
            "findings",
            "notified_states",
            "outbox",
            "commands",
            "snapshot_parts",
            "snapshot_pages",
            "reading_memories",
            "person_doubts",
            "owed_steps",
            "second_factors",
            "sign_in_challenges",
            "refusals",
            "audit_heads",
            "graces",
            "given_numbers",
            "watches",
            "roll",
            "roll_readings",
            "changes",
        ),
        0,
    )


def test_a_table_that_others_refer_to_is_changed_with_its_rows(empty: Database) -> None:
    migrate(empty, "0002")
    with empty.begin() as session:
        session.execute(
            text(
                "INSERT INTO accounts (name, display_name, role, created_at) VALUES ('anna', 'Anna', 'viewer', :now)"
            ).bindparams(_AT),
            {"now": NOW.replace(tzinfo=None)},
        )
        session.execute(
            text(
                "INSERT INTO console_sessions (token_hash, account_id, address, created_at, last_seen_at, expires_at) "
                "SELECT 'h', id, '::1', :now, :now, :now FROM accounts"
            ).bindparams(_AT),
            {"now": NOW.replace(tzinfo=None)},
        )
    migrate(empty)
    with empty.read() as session:
        account = session.scalars(select(Account)).one()
        assert session.scalars(select(ConsoleSession.account_id)).one() == account.id
        assert account.source == "own"


def test_four_processes_that_migrate_at_once_make_one_database(
    empty: Database,
) -> None:
    url = empty.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen([sys.executable, "-c", _MIGRATE, url], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = sorted(process.communicate(timeout=120)[0] for process in processes)
    assert [process.returncode for process in processes] == [0] * 4, said
    assert said == sorted(
        [f"None {newest_revision()}\n", *[f"{newest_revision()} {newest_revision()}\n"] * 3]
    )
    assert schema_status(empty).now == newest_revision()


def test_a_migration_that_fails_leaves_everything_as_it_was(empty: Database) -> None:
    migrate(empty, REVISIONS[0])
    with empty.begin() as session:
        session.execute(text("CREATE TABLE assets (id INTEGER)"))
    before = _tables(empty)
    with pytest.raises(Exception, match="assets"):
        migrate(empty)
    assert schema_status(empty).now == REVISIONS[0]
    assert _tables(empty) == before


def test_a_database_of_a_newer_version_is_usable_but_not_migrated(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    found = schema_status(database)
    assert (found.state, found.is_usable) == (State.NEWER, True)
    assert "newer" in found.message
    with pytest.raises(Conflict, match="newer version"):
        migrate(database)


def test_a_revision_that_is_none_is_refused_with_those_there_are(database: Database) -> None:
    with pytest.raises(SettingsInvalid, match=r"'0815'.*base, 0001"):
        migrate(database, "0815")
