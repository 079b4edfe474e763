"""A site whose directory the tests choose, and a unit of the session's domain for one test."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import encryption
from shared.database.engine import Database
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.collector.collecting import Collecting
from tests.support.databases import deployment_settings
from tests.support.office import Office
from tests.support.samba import SambaDomain


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Collecting]:
    """A migrated deployment without workers."""
    process = deployment_settings(tmp_path)
    database = Database(process.effective_database_url)
    yield Collecting(Context(create_app(process), process, database, encryption.load(process)))
    database.close()


@pytest.fixture
def office(samba: SambaDomain, request: pytest.FixtureRequest) -> Iterator[Office]:
    """An organizational unit of the session's domain for one test alone."""
    with samba.administrator() as connection:
        # The number of the test, because names are short and must differ.
        yield Office(samba, connection, f"c{zlib.crc32(request.node.nodeid.encode())}")
