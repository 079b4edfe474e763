"""A migrated, embedded deployment without workers, whose site is ready to run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import encryption
from shared.database.engine import Database
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.reconciler.collected import configure
from tests.support.databases import deployment_settings


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """The deployment; nothing takes what is published."""
    settings = deployment_settings(tmp_path / "data")
    database = Database(settings.effective_database_url)
    made = Context(create_app(settings), settings, database, encryption.load(settings))
    configure(made)
    yield made
    database.close()
