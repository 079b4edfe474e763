"""The data folder of the first release, upgraded, on the test's kind of database."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.api.accounts.queries import begin_sealing
from services.cli.deployment import open_deployment
from shared.database.engine import Database
from shared.migrate import migrate
from shared.worker.context import Context
from tests.support import first_release
from tests.support.databases import deployment_settings

# One more than the two whose texts nobody has kept; stored as the first release did.
TOKEN = "rc_of-the-first-release"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder, not upgraded yet, with an operator's token that the tests know."""
    data = tmp_path / "data"
    file = first_release.lay_out(data)
    first_release.change(
        file,
        "INSERT INTO api_tokens (name, role, token_hash, created_at) VALUES ('known', 'operator', ?, '2026-11-30 10:06:00')",
        hashlib.sha256(TOKEN.encode()).hexdigest(),
    )
    return data


@pytest.fixture
def released(folder: Path) -> Path:
    """The rows of the first release, apart from the database that is upgraded."""
    copy = folder.with_name("released.db")
    copy.write_bytes((folder / "rollcall.db").read_bytes())
    return copy


@contextmanager
def upgraded(folder: Path) -> Iterator[Context]:
    """This version on the folder: an embedded database is migrated when it is opened, one on a server when told to."""
    is_on_server = first_release.load_where_tests_run(folder)
    if is_on_server:
        database = Database(is_on_server)
        migrate(database)
        database.close()
    # No worker is there to be asked.
    context = open_deployment(deployment_settings(folder, question_seconds=0.05))
    if is_on_server:
        # As `rollcall migrate` does.
        begin_sealing(context, "test", first_release.REVISION)
    yield context
    context.database.close()


@pytest.fixture
def context(folder: Path, released: Path) -> Iterator[Context]:
    """The upgraded deployment without workers."""
    with upgraded(folder) as context:
        yield context
