"""A migrated database in a temporary folder, and a site that is ready to run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.database.engine import Database
from shared.encryption import Encryption, new_key
from shared.settings import store
from shared.settings.documents import DirectorySettings, PhoneSystemSettings, UnitSettings
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.support.databases import deployment_settings


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A migrated database of the kind that the test runs on."""
    made = Database(deployment_settings(tmp_path).effective_database_url)
    yield made
    made.close()


@pytest.fixture(scope="session")
def encryption() -> Encryption:
    """Encryption with a key of its own."""
    return Encryption(new_key())


@pytest.fixture
def context(tmp_path: Path, database: Database, encryption: Encryption) -> Context:
    """The wiring of a process on that database; nobody works on what it publishes."""
    process = deployment_settings(tmp_path, lease_seconds=60)
    return Context(create_app(process), process, database, encryption)


@pytest.fixture
def ready_site(database: Database, encryption: Encryption) -> str:
    """The default site with a directory of two units and a phone system."""
    with database.begin() as session:
        for document in (
            DirectorySettings(
                servers=("dc1",), units=(UnitSettings(dn="OU=Sales,DC=x"), UnitSettings(dn="OU=IT,DC=x"))
            ),
            PhoneSystemSettings(base_url="https://pbx.example.test:5001", client_id="rollcall"),
        ):
            store.write(session, "default", document, actor="test", encryption=encryption)
    return "default"
