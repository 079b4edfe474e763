"""Brings the database's tables to this version of Rollcall, with Alembic, under a lock on the folder or schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.database.engine import Database
from shared.settings.store import ensure_site

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> tuple[str | None, str]:
    """Apply every missing migration and make the default site; returns the revision before and after.

    :raises StorageUnavailable: the database cannot be reached or written.
    """
    config = _config()
    with database.begin() as session:
        connection = session.connection()
        before = MigrationContext.configure(connection).get_current_revision()
        after = newest_revision()
        if before != after:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        ensure_site(session)
    return before, after


def current_revision(database: Database) -> str | None:
    """The revision the database stands at, ``None`` when it has no tables yet."""
    with database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def newest_revision() -> str:
    """The revision this version of Rollcall needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise LookupError("no migration is packaged with Rollcall")
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
