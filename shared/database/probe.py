"""Looks at a database as an administrator who connects it for the first time would: does it answer, is it the right
kind, may we do there what we must, and what of it should be set otherwise. Changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.database.engine import Database
from shared.database.error_sentences import ALLOW_SNAPSHOTS, Reason
from shared.database.migrate import SNAPSHOTS_ALLOWED, SchemaStatus, State, schema_status_in
from shared.errors import InsufficientRights
from shared.language import declared, phrase

_OLDEST = {"postgresql": (13,), "mssql": (13,), "sqlite": (3, 35)}
_OLDEST_NAMES = {"postgresql": "PostgreSQL 13", "mssql": "SQL Server 2016", "sqlite": "SQLite 3.35"}
_PRODUCTS = {"postgresql": "PostgreSQL", "mssql": "SQL Server", "sqlite": "SQLite"}


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found. ``is_encrypted`` is ``None`` where the database does not tell; ``clock`` is its own, where it
    has one.
    """

    place: str
    product: str
    version: str
    schema: SchemaStatus
    is_encrypted: bool | None
    clock: datetime | None
    warnings: tuple[str, ...]


def probe(database: Database) -> Probe:
    """The database as it answers.

    :raises RollcallError: what must be mended before it can be used: BadCredentials, DatabaseMissing, AddressUnknown,
        CertificateRejected, InsufficientRights, DriverMissing or StorageUnavailable, with a ``reason`` in its details.
    """
    backend = database.url.get_backend_name()
    try:
        with database.engine.connect() as connection, Session(connection) as session:
            found = schema_status_in(session)
            _check_rights(session, database, found)
            version = connection.dialect.server_version_info or ()
            warnings = [*_old(session, version), *_WARNINGS[backend](session)]
            is_encrypted, clock = _is_encrypted(session), _clock(session)
    except DBAPIError as error:
        raise database.failure_of(error).as_finding() from error
    shown = ".".join(str(part) for part in version[:3])
    return Probe(database.place, _PRODUCTS[backend], shown, found, is_encrypted, clock, tuple(warnings))


def _check_rights(session: Session, database: Database, found: SchemaStatus) -> None:
    if database.is_sqlite:
        return
    if found.state is State.OLDER and not session.scalar(text(_MAY_CREATE[session.get_bind().dialect.name])):
        raise InsufficientRights(
            phrase(
                "The database {place} answers, but '{username}' may not create tables there, so it cannot be "
                "migrated. {grants}",
                place=database.place,
                username=database.url.username or declared("this account"),
                grants=_GRANTS[session.get_bind().dialect.name],
            ),
            reason=Reason.NO_RIGHT.value,
        )
    if found.state is not State.OLDER and not session.scalar(
        text(_MAY_WRITE[session.get_bind().dialect.name])
    ):
        raise InsufficientRights(
            phrase(
                "The database {place} answers, but '{username}' may not change its tables. {grants}",
                place=database.place,
                username=database.url.username or declared("this account"),
                grants=_GRANTS[session.get_bind().dialect.name],
            ),
            reason=Reason.NO_RIGHT.value,
        )


_MAY_CREATE = {
    "postgresql": "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)",
    "mssql": "SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CREATE TABLE')",
}
_MAY_WRITE = {
    "postgresql": "SELECT has_table_privilege('runs', 'SELECT') AND has_table_privilege('runs', 'INSERT') "
    "AND has_table_privilege('runs', 'UPDATE') AND has_table_privilege('runs', 'DELETE')",
    "mssql": "SELECT MIN(HAS_PERMS_BY_NAME('runs', 'OBJECT', what)) FROM (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), "
    "('DELETE')) AS needed (what)",
}
_GRANTS = {
    "postgresql": declared(
        "As the owner of the database: GRANT CREATE ON SCHEMA public TO the user, or make the user its owner."
    ),
    "mssql": declared(
        "As an administrator, in the database: ALTER ROLE db_owner ADD MEMBER the user (for daily "
        "work, db_datareader and db_datawriter are enough)."
    ),
}


def _old(session: Session, version: tuple[object, ...]) -> list[str]:
    backend = session.get_bind().dialect.name
    if backend == "mssql" and session.scalar(_IN_THE_CLOUD):
        # Their version says 12 whatever they can.
        return []
    if tuple(part for part in version if isinstance(part, int)) >= _OLDEST[backend]:
        return []
    return [
        phrase(
            "Rollcall requires {oldest_names} or newer. Upgrade the database server.",
            oldest_names=_OLDEST_NAMES[backend],
        )
    ]


def _of_postgresql(session: Session) -> list[str]:
    encoding = session.scalar(text("SHOW server_encoding"))
    if encoding == "UTF8":
        return []
    return [
        phrase(
            (
                "The database uses the encoding {encoding}: names in other scripts cannot be stored. Create "
                "it again with UTF8."
            ),
            encoding=encoding,
        )
    ]


def _of_sql_server(session: Session) -> list[str]:
    warnings = []
    if not session.scalar(
        text("SELECT is_read_committed_snapshot_on FROM sys.databases WHERE database_id = DB_ID()")
    ):
        warnings.append(
            declared(
                "Readers of the database wait for its writers. While nobody is connected run: ALTER DATABASE "
                "CURRENT SET READ_COMMITTED_SNAPSHOT ON;"
            )
        )
    if not session.scalar(SNAPSHOTS_ALLOWED):
        warnings.append(
            phrase(
                (
                    "The database does not support consistent reads (snapshot isolation), so backups may be "
                    "inconsistent. Run: {allow_snapshots}"
                ),
                allow_snapshots=ALLOW_SNAPSHOTS,
            )
        )
    return warnings


_WARNINGS: Mapping[str, Callable[[Session], list[str]]] = {
    "postgresql": _of_postgresql,
    "mssql": _of_sql_server,
    "sqlite": lambda _session: [],
}


def _is_encrypted(session: Session) -> bool | None:
    if session.get_bind().dialect.name != "postgresql":
        return None
    return bool(session.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")))


def _clock(session: Session) -> datetime | None:
    asked = _NOW.get(session.get_bind().dialect.name)
    moment: datetime | None = session.scalar(text(asked)) if asked else None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


# Azure SQL Database, Managed Instance and their kin (Microsoft: "SERVERPROPERTY", EngineEdition).
_IN_THE_CLOUD = text("SELECT CASE WHEN CAST(SERVERPROPERTY('EngineEdition') AS int) >= 5 THEN 1 ELSE 0 END")
_NOW = {"postgresql": "SELECT clock_timestamp()", "mssql": "SELECT SYSUTCDATETIME()"}
