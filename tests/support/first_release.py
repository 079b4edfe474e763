"""The data folder that the first release has left (tests/data/first-release), and both ends as they were at that moment."""

import gzip
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, delete, insert, select, text

from services.sandbox.directory import Company, RunningDirectory
from services.sandbox.directory.directory import SERVICE_ACCOUNT
from services.sandbox.phone_system import RunningPhoneSystem
from services.sandbox.phone_system.user_fields import DEFAULTS
from shared.database.engine import Database
from shared.domain.person import AccountState, Person
from shared.migrate import migrate
from tests.support.databases import database_url

DATA = Path(__file__).parents[1] / "data/first-release"
REVISION = "0004"
PEOPLE = 300
# The run that was executing when its process was killed.
KILLED_RUN = 6

Json = dict[str, Any]


def lay_out(folder: Path) -> Path:
    """Put a copy of the data folder there; the file of its database."""
    folder.mkdir(parents=True)
    file = folder / "rollcall.db"
    file.write_bytes(gzip.decompress((DATA / "rollcall.db.gz").read_bytes()))
    (folder / "secret.key").write_bytes((DATA / "secret.key").read_bytes())
    (folder / "secret.key").chmod(0o600)
    return file


def rows_of(file: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database of the first release holds, asked without anything of ours."""
    with sqlite3.connect(file) as connection:
        return connection.execute(query).fetchall()


def change(file: Path, statement: str, *values: Any) -> None:
    """Change the database as the first release could have."""
    with sqlite3.connect(file) as connection:
        connection.execute(statement, values)
    connection.close()


def point_at(file: Path, directory: RunningDirectory, phone_system: RunningPhoneSystem) -> None:
    """Let the settings of the site reach both ends where they are served now."""
    addresses: dict[str, Json] = {
        "directory": {
            "servers": [directory.url.partition("//")[2]],
            "ca_certificate": directory.ca_certificate,
        },
        "phone_system": {"base_url": phone_system.base_url},
    }
    for section, changes in addresses.items():
        (document,) = rows_of(file, f"SELECT document FROM settings WHERE section = '{section}'")
        changed = json.dumps(json.loads(document[0]) | changes)
        change(file, "UPDATE settings SET document = ? WHERE section = ?", changed, section)


def load_where_tests_run(folder: Path) -> str:
    """Where the test's databases are on a server, bring every row there by dump and load; the URL, empty for the file."""
    url = database_url(folder)
    if not url:
        return url
    database = Database(url)
    migrate(database, REVISION)
    source = create_engine(f"sqlite:///{folder / 'rollcall.db'}")
    with source.connect() as reading, database.engine.begin() as writing:
        _copy(reading, writing)
    source.dispose()
    database.close()
    return url


def _copy(reading: Connection, writing: Connection) -> None:
    before, now = MetaData(), MetaData()
    before.reflect(reading)
    now.reflect(writing)
    for table in now.sorted_tables:
        if table.name == "alembic_version":
            continue
        writing.execute(delete(table))
        rows = [dict(row) for row in reading.execute(select(before.tables[table.name])).mappings()]
        if rows:
            writing.execute(insert(table), rows)
        if rows and isinstance(rows[0].get("id"), int):
            # As a dump does: the next number is behind those that were loaded.
            writing.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), :last)"),
                {"last": max(row["id"] for row in rows)},
            )


def make_as_read(company: Company, people: Iterable[Person], password: str) -> None:
    """Give the company just these people, as they were read; ``password`` is that of the account that reads it."""
    wanted = {person.guid: person for person in people}
    for entry in company.people():
        person = wanted.get(str(entry.guid))
        if person is None:
            company.delete(entry.dn)
            continue
        assert entry.dn == person.distinguished_name
        company.modify(
            entry.dn,
            {
                "givenName": person.first_name or None,
                "sn": person.last_name or None,
                "mail": person.email or None,
                "mobile": person.mobile or None,
                "telephoneNumber": person.number_text or None,
            },
        )
        company.set_enabled(entry.dn, person.account_state is not AccountState.DISABLED)
    company.set_password(f"CN={SERVICE_ACCOUNT},{company.users_dn}", password)


def furnish(phone_system: RunningPhoneSystem) -> None:
    """Make the phone system what it was at the moment of the kill."""
    saved: Json = json.loads(gzip.decompress((DATA / "phone-system.json.gz").read_bytes()))
    state = phone_system.state
    state.groups = {group["Id"]: group for group in saved["groups"]}
    state.users = {
        user["Id"]: {
            name: value
            for name, value in user.items()
            if name != "ForwardingProfiles" and (name not in DEFAULTS or value != DEFAULTS[name])
        }
        for user in saved["users"]
    }
    state.user_by_number = {user["Number"]: user["Id"] for user in saved["users"]}
    state.user_by_email = {
        user["EmailAddress"].lower(): user["Id"] for user in saved["users"] if user["EmailAddress"]
    }
    state.queues = {queue["Number"]: queue for queue in saved["queues"]}
    state.ring_groups = {group["Number"]: group for group in saved["ring_groups"]}
    state._next_user = max(state.users) + 1
    state._next_group = max(state.groups) + 1
