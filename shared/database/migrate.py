"""Brings the database's tables to a version of Rollcall, with Alembic: one set of migrations for all databases.

Several processes may start at once: one works, the others wait and then find nothing to do. A migration is one
transaction; what fails leaves the database as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.database.engine import Database
from shared.database.error_sentences import ALLOW_SNAPSHOTS, Reason
from shared.database.locks import exclusive
from shared.errors import Conflict, InsufficientRights, SettingsInvalid
from shared.language import declared, phrase

SCRIPTS = Path(__file__).parent / "migrations"
# 1 is on; 2 and 3 are on the way.
SNAPSHOTS_ALLOWED = text(
    "SELECT CASE WHEN snapshot_isolation_state = 1 THEN 1 ELSE 0 END FROM sys.databases WHERE database_id = "
    "DB_ID()"
)
# Alembic's own table.
_TABLE = "alembic_version"
# As long may another process's migration take.
_WAIT_SECONDS = 120
# Whoever waits for a table makes everybody behind it wait too, so not for long.
_TABLE_SECONDS = 5
_EMPTY = "base"


class State(StrEnum):
    """How the tables and this Rollcall fit: ``newer`` are the tables while an upgrade is under way."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The revision the database stands at (``None``: no tables yet) and the one this Rollcall needs."""

    now: str | None
    needed: str
    state: State

    @property
    def is_usable(self) -> bool:
        """Whether this Rollcall can work: migrations only add, so that old processes go on during an upgrade."""
        return self.state is not State.OLDER

    @property
    def message(self) -> str:
        """What it means and what to do."""
        match self.state:
            case State.CURRENT:
                return phrase("The database is reachable (schema {needed}).", needed=self.needed)
            case State.NEWER:
                return phrase(
                    "The database schema {revision} is newer than this Rollcall ({needed}). It keeps working. Finish "
                    "the upgrade by starting the newer version here too.",
                    revision=self.now,
                    needed=self.needed,
                )
            case State.OLDER:
                return phrase(
                    "The database schema is {revision}, this Rollcall needs {needed}. Run `rollcall migrate`.",
                    revision=self.now or declared("empty"),
                    needed=self.needed,
                )


def bring_tables(
    database: Database, to: str | None, fill: Callable[[Session], None]
) -> tuple[str | None, str | None]:
    """Bring the tables to the newest revision and ``fill`` them, or bring them ``to`` an older or newer one.

    Returns the revision before and after; ``None`` is the empty database, named ``base``.

    :raises Conflict: the database stands at a revision that only a newer Rollcall knows.
    :raises SettingsInvalid: there is no revision ``to``.
    :raises StorageUnavailable: the database cannot be reached or written, or its tables are in use for too long.
    :raises InsufficientRights: SQL Server must be told first to give readers one moment; the message has the command.
    """
    if to not in (None, _EMPTY, *_known()):
        raise SettingsInvalid(
            phrase(
                "There is no revision '{revision}'. Known are {empty}, {revisions}.",
                revision=to,
                empty=_EMPTY,
                revisions=", ".join(_known()),
            )
        )
    _allow_snapshots(database)
    with database.changing_tables() as session:
        exclusive(session, "migrate", _WAIT_SECONDS)
        _wait_briefly_for_tables(session)
        before = _revision(session)
        if before is not None and before not in _known():
            raise Conflict(
                phrase(
                    "The database schema is {before}, which this Rollcall does not know: a newer version has "
                    "migrated it. Use that version, or restore a backup.",
                    before=before,
                )
            )
        after = None if to == _EMPTY else to or newest_revision()
        if before != after:
            _move(session, before, after)
        if after == newest_revision():
            fill(session)
    return before, after


def newest_revision() -> str:
    """The revision this version of Rollcall needs."""
    if not _known():
        raise LookupError(declared("no migration is packaged with Rollcall"))
    return _known()[-1]


def schema_status(database: Database) -> SchemaStatus:
    """How the tables and this Rollcall fit.

    :raises StorageUnavailable: the database cannot be reached or read.
    """
    with database.glance() as session:
        return schema_status_in(session)


def schema_status_in(session: Session) -> SchemaStatus:
    """As ``schema_status``, in the caller's session."""
    now, needed = _revision(session), newest_revision()
    if now == needed:
        return SchemaStatus(now, needed, State.CURRENT)
    is_older = now is None or now in _known()
    return SchemaStatus(now, needed, State.OLDER if is_older else State.NEWER)


def is_before(revision: str, now: str | None) -> bool:
    """Whether going from ``now`` to the revision is going back."""
    order = [_EMPTY, *_known()]
    return revision in order and now in order and order.index(revision) < order.index(str(now))


def _revision(session: Session) -> str | None:
    connection = session.connection()
    if not inspect(connection).has_table(_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {_TABLE}"))  # noqa: S608  (no input)
    return found


@cache
def _known() -> list[str]:
    """The revisions, oldest first. By the names of their files: to look needs neither Alembic nor the migrations."""
    return sorted(path.name[1:5] for path in (SCRIPTS / "versions").glob("r[0-9][0-9][0-9][0-9]_*.py"))


def _move(session: Session, before: str | None, after: str | None) -> None:
    # Only here: most processes find nothing to do, and somebody waits for each.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = session.connection()
    known = _known()
    is_up = after is not None and (before is None or known.index(after) > known.index(before))
    if is_up:
        command.upgrade(config, str(after))
    else:
        command.downgrade(config, after or _EMPTY)
    if session.get_bind().dialect.name == "sqlite":
        broken = session.execute(text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise LookupError(
                phrase("the migration left a row of {broken} that refers to nothing", broken=broken[0])
            )


def _allow_snapshots(database: Database) -> None:
    """Let readers of SQL Server see one moment, which a database has to allow once."""
    if database.url.get_backend_name() != "mssql":
        return
    with database.glance() as session:
        if session.scalar(SNAPSHOTS_ALLOWED):
            return
    try:
        # Outside a transaction, as SQL Server demands.
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(ALLOW_SNAPSHOTS))
    except DBAPIError as error:
        raise InsufficientRights(
            phrase(
                (
                    "The database {place} does not support consistent reads (snapshot isolation), and "
                    "'{username}' may not change that. As its owner run: {allow_snapshots}"
                ),
                place=database.place,
                username=database.url.username or declared("this account"),
                allow_snapshots=ALLOW_SNAPSHOTS,
            ),
            reason=Reason.NO_SNAPSHOTS.value,
        ) from error


def _wait_briefly_for_tables(session: Session) -> None:
    match session.get_bind().dialect.name:
        case "postgresql":
            # Copying a large table may take longer than any other statement.
            session.execute(
                text(
                    "SELECT set_config('lock_timeout', :lock, true), set_config('statement_timeout', '0', "
                    "true), "
                    "set_config('idle_in_transaction_session_timeout', '0', true)"
                ),
                {"lock": f"{_TABLE_SECONDS}s"},
            )
        case "mssql":
            session.execute(text(f"SET LOCK_TIMEOUT {_TABLE_SECONDS * 1000}"))
