"""Copies of the embedded database, once a day and before an upgrade: whole, of one moment, made while everything goes on.

The daily one is called by ``sweep``. PostgreSQL and SQL Server have backups of their own.
"""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import structlog

from services.scheduler.retention import next_quiet_hour
from shared.database import events
from shared.database.engine import Database
from shared.database.tables import EventLevel
from shared.errors import StorageUnavailable
from shared.language import phrase
from shared.private_files import private_folder, write_private
from shared.process_settings import ProcessSettings
from shared.settings.store import DEFAULT_SITE
from shared.work import leases
from shared.worker.context import Context

log = structlog.get_logger(__name__)

COPY = "copy of the database"
_NAME = "rollcall-{:%Y-%m-%d}.db"
_NAME_BEFORE_UPGRADE = "rollcall-{:%Y-%m-%d}-schema-{}.db"


def copy_database(context: Context, now: datetime | None = None) -> Path | None:
    """Copy the database, if it is time for that and nobody else is at it; the copy, ``None`` when none was made.

    Copies older than the settings say go when a new one is complete. A failure is in the Log, and tried again the next
    day.
    """
    moment = now or datetime.now(UTC)
    settings = context.settings
    if not context.database.is_sqlite or not settings.keep_copies_days:
        return None
    again_at = next_quiet_hour(moment, settings.retention_hour)
    # Nobody gives this lease back: when it ends it is time again.
    if not leases.take(context.database, COPY, leases.new_holder(), (again_at - moment).total_seconds()):
        return None
    folder = _folder(settings)
    copy = folder / _NAME.format(moment)
    try:
        private_folder(folder)
        _copy(context.database, copy)
        _remove_older(folder, moment.date() - timedelta(days=settings.keep_copies_days))
    except (OSError, sqlite3.Error) as error:
        with context.database.begin() as session:
            message = phrase(
                "The daily copy of the database could not be made in {folder} ({reason}). Make room, or name another "
                "folder with ROLLCALL_COPIES.",
                folder=str(folder),
                reason=_reason(error),
            )
            events.record(session, DEFAULT_SITE, events.LogEntry("copy.failed", message, EventLevel.ERROR))
        return None
    log.info("database_copied", file=str(copy), bytes=copy.stat().st_size)
    return copy


def copy_before_upgrade(settings: ProcessSettings, database: Database, schema: str | None) -> Path | None:
    """Copy the embedded database before its tables change; ``schema`` is the revision it stands at (``None``: empty).

    Returns the copy, ``None`` when there is nothing to copy or copies are turned off.

    :raises StorageUnavailable: it cannot be made, so nothing must be changed.
    """
    if not database.is_sqlite or not settings.keep_copies_days or schema is None:
        return None
    folder = _folder(settings)
    copy = folder / _NAME_BEFORE_UPGRADE.format(datetime.now(UTC), schema)
    try:
        private_folder(folder)
        _copy(database, copy)
    except (OSError, sqlite3.Error) as error:
        raise StorageUnavailable(
            phrase(
                "The database was not upgraded, because no copy of it could be made in {folder} ({reason}). Make room, "
                "or name another folder with ROLLCALL_COPIES, then try again.",
                folder=str(folder),
                reason=_reason(error),
            )
        ) from error
    log.info("database_copied", file=str(copy), bytes=copy.stat().st_size)
    return copy


def _folder(settings: ProcessSettings) -> Path:
    return settings.copies or settings.data / "copies"


def _reason(error: OSError | sqlite3.Error) -> str:
    return getattr(error, "strerror", None) or str(error)


def _copy(database: Database, copy: Path) -> None:
    # Two processes may find at once that an upgrade is due.
    part = copy.with_suffix(f".{os.getpid()}.part")
    try:
        # SQLite takes an empty file for none, and makes others readable by everybody.
        write_private(part, "")
        # A connection of its own: those of the pool are always within a transaction.
        with closing(sqlite3.connect(str(database.engine.url.database), isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", (str(part),))
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)


def _remove_older(folder: Path, last: date) -> None:
    for copy in folder.glob("rollcall-????-??-??*.db"):
        with suppress(ValueError):
            if date.fromisoformat(copy.name.removeprefix("rollcall-")[:10]) < last:
                copy.unlink()
