"""3CX's PostgreSQL database: reads rows whole, changes the few columns that say where an item belongs.

The only module that imports psycopg, and imported only when a database is needed (``host``), so that the relay
starts, and says what is missing, without it. Translates PostgreSQL's errors; decides nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from rollcall_relay import faults
from rollcall_relay.changes import TABLES, Change, Kind, Row
from rollcall_relay.errors import RelayError, TryAgain

DEFAULT_NAME = "database_single"
DEFAULT_USER = "phonesystem"
_NEEDED_COLUMNS = {
    "s_voicemail": {"__name", "wav_file", "callee"},
    "recordings": {"id_recording", "recording_url"},
    "dn": {"iddn", "value"},
    "users": {"iduser", "firstname", "lastname", "fkidextension"},
    "voicemail": {"fkiduser", "enablevm"},
}
_CONNECT_SECONDS = 10
# An administrator's open transaction must not hold the relay for ever.
_OPTIONS = "-c lock_timeout=15s -c statement_timeout=300s -c search_path=public"

_OWNER = """
    SELECT u.firstname, u.lastname, v.enablevm::text AS enablevm
    FROM dn JOIN users u ON u.fkidextension = dn.iddn LEFT JOIN voicemail v ON v.fkiduser = u.iduser
    WHERE dn.value = %s
"""


class Database:
    """One database of a phone system. Each call has a connection of its own: an operation may wait for hours."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo

    @property
    def name(self) -> str:
        """The database's name."""
        return str(conninfo_to_dict(self._conninfo).get("dbname", ""))

    def missing_columns(self) -> list[str]:
        """The tables and columns the relay needs that are not there; empty for a database of 3CX V20."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            ).fetchall()
        found = {(row["table_name"], row["column_name"]) for row in rows}
        return [
            f"{table}.{column}"
            for table, columns in sorted(_NEEDED_COLUMNS.items())
            for column in sorted(columns)
            if (table, column) not in found
        ]

    def server_version(self) -> str:
        """PostgreSQL's version."""
        with self._connection() as connection:
            return str(_value(connection.execute("SHOW server_version").fetchone()))

    def rights(self) -> dict[str, list[str]]:
        """What the relay's role may do to each of the two tables it changes."""
        wanted = ("SELECT", "UPDATE", "INSERT")
        with self._connection() as connection:
            return {
                table: [
                    right.lower()
                    for right in wanted
                    if _value(
                        connection.execute("SELECT has_table_privilege(%s, %s)", (table, right)).fetchone()
                    )
                ]
                for table in TABLES.values()
            }

    def sample(self, kind: Kind, count: int) -> list[Row]:
        """Young rows that should have an audio file, for finding out where the files are.

        Those of old rows may be gone: phone systems delete old recordings.
        """
        query = {
            Kind.VOICEMAIL: "SELECT to_jsonb(t) AS row FROM s_voicemail t WHERE wav_file <> '' ORDER BY ctid DESC LIMIT %s",
            Kind.RECORDING: "SELECT to_jsonb(t) AS row FROM recordings t WHERE recording_url <> '' ORDER BY id_recording DESC LIMIT %s",
        }
        with self._connection() as connection:
            return [row["row"] for row in connection.execute(query[kind], (count,))]

    def rows_of(self, kind: Kind, number: str) -> list[Row]:
        """Every row that names the extension as the owner, in a stable order."""
        query = {
            Kind.VOICEMAIL: """SELECT to_jsonb(t) AS row FROM s_voicemail t
                               WHERE callee = %(number)s OR starts_with(__name, %(folder)s) ORDER BY __name""",
            Kind.RECORDING: """SELECT to_jsonb(t) AS row FROM recordings t
                               WHERE starts_with(recording_url, %(folder)s) ORDER BY id_recording""",
        }
        with self._connection() as connection:
            found = connection.execute(query[kind], {"number": number, "folder": f"{number}/"})
            return [row["row"] for row in found]

    def recordings_by_id(self, identifiers: Sequence[int]) -> dict[int, Row]:
        """The recordings' rows that exist now, by id."""
        with self._connection() as connection:
            found = connection.execute(
                "SELECT to_jsonb(t) AS row FROM recordings t WHERE id_recording = ANY(%s)",
                (list(identifiers),),
            )
            return {row["row"]["id_recording"]: row["row"] for row in found}

    def owner(self, number: str) -> Mapping[str, str | None] | None:
        """First name, last name and whether voicemail is on; None where no user has the number."""
        with self._connection() as connection:
            return connection.execute(_OWNER, (number,)).fetchone()

    def apply(self, groups: Iterable[tuple[str, Sequence[Change]]]) -> dict[str, str]:
        """Make all changes in one transaction; each group whole or not at all.

        A change that was made before counts as made. Returns the groups that were left out, with the reason.

        :raises TryAgain: when the outcome is unknown or the database cannot do it now: ask again.
        """
        left_out: dict[str, str] = {}
        with self._connection() as connection, connection.transaction():
            for name, changes in groups:
                try:
                    with connection.transaction():
                        for change in changes:
                            self._apply_one(connection, change)
                except _RowGone:
                    left_out[name] = "the row was changed or removed in the meantime"
                except (psycopg.errors.IntegrityError, psycopg.errors.DataError) as error:
                    left_out[name] = f"the database refused the row ({error.diag.message_primary})"
            faults.reach("in_transaction")
        return left_out

    def is_made(self, changes: Sequence[Change]) -> list[bool]:
        """For each change whether the database shows it."""
        with self._connection() as connection, connection.pipeline():
            found = [connection.execute(*_lookup(change.kind, change.becomes)) for change in changes]
            return [cursor.fetchone() is not None for cursor in found]

    def _apply_one(self, connection: "psycopg.Connection[dict[str, Any]]", change: Change) -> None:
        if change.row is not None:
            if not _exists(connection, change.kind, change.becomes):
                _insert(connection, change.kind, change.row)
            return
        table = sql.Identifier(TABLES[change.kind])
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(f"new_{column}"))
            for column in change.becomes
        )
        values = {f"new_{column}": value for column, value in change.becomes.items()}
        statement = sql.SQL("UPDATE {} SET {} WHERE {}").format(
            table, assignments, _condition(change.found_by)
        )
        count = connection.execute(statement, values | dict(change.found_by)).rowcount
        if count > 1 or (count == 0 and not _exists(connection, change.kind, change.becomes)):
            raise _RowGone

    @contextmanager
    def _connection(self) -> "Iterator[psycopg.Connection[dict[str, Any]]]":
        try:
            with psycopg.connect(
                self._conninfo, connect_timeout=_CONNECT_SECONDS, application_name="rollcall-relay",
                options=_OPTIONS, row_factory=dict_row,
            ) as connection:  # fmt: skip
                yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise RelayError(
                "database_rights",
                f"The database {self.name} refused: {error.diag.message_primary}. Let the relay run as the user "
                "phonesystem, or give its role SELECT, INSERT and UPDATE on s_voicemail and recordings.",
            ) from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TryAgain(
                "database_unavailable",
                f"The phone system's database {self.name} cannot be used now: {reason}. Nothing is lost; see that "
                "PostgreSQL runs, and try again.",
            ) from error
        except psycopg.Error as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RelayError(
                "database_refused",
                f"The phone system's database {self.name} refused what the relay asked: {reason}. Run `rollcall-relay "
                "test` on the host to see whether its tables are those of 3CX V20.",
            ) from error


class _RowGone(Exception):
    """The row is neither as it was planned nor as it should become."""


def database_names(conninfo: str) -> list[str]:
    """The names of all databases of the server, 3CX's usual one first.

    :raises TryAgain: where PostgreSQL cannot be reached.
    """
    database = Database(make_conninfo(conninfo, dbname="postgres"))
    with database._connection() as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname <> %s, datname",
            (DEFAULT_NAME,),
        )
        return [row["datname"] for row in found]


def connection_string(setting: str) -> str:
    """The libpq connection string for the setting: empty, a database name, or such a string already.

    :raises RelayError: where it is none of these.
    """
    if "=" not in setting and "://" not in setting:
        return make_conninfo(user=DEFAULT_USER, dbname=setting or None)
    try:
        given = conninfo_to_dict(setting)
    except psycopg.ProgrammingError as error:
        # The library's own text could repeat a password.
        raise RelayError(
            "settings_invalid",
            "The setting 'database' is neither a database name nor a connection string of PostgreSQL.",
        ) from error
    return make_conninfo(setting, user=given.get("user") or DEFAULT_USER)


def named(conninfo: str, name: str) -> str:
    """The same server, another database."""
    return make_conninfo(conninfo, dbname=name)


def has_name(conninfo: str) -> bool:
    """Whether the string says which database."""
    return bool(conninfo_to_dict(conninfo).get("dbname"))


def _condition(values: Row) -> sql.Composed:
    # IS NOT DISTINCT FROM would say the same, but cannot use an index.
    return sql.SQL(" AND ").join(
        sql.SQL("{} IS NULL").format(sql.Identifier(column))
        if value is None
        else sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(column))
        for column, value in values.items()
    )


def _exists(connection: "psycopg.Connection[dict[str, Any]]", kind: Kind, values: Row) -> bool:
    return connection.execute(*_lookup(kind, values)).fetchone() is not None


def _lookup(kind: Kind, values: Row) -> tuple[sql.Composed, dict[str, Any]]:
    table, condition = sql.Identifier(TABLES[kind]), _condition(values)
    return sql.SQL("SELECT 1 FROM {} WHERE {} LIMIT 1").format(table, condition), dict(values)


def _insert(connection: "psycopg.Connection[dict[str, Any]]", kind: Kind, row: Row) -> None:
    """Insert the columns that both the row and the table have; what the row leaves out gets its default."""
    table = TABLES[kind]
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s",
        (table,),
    )
    columns = [entry["column_name"] for entry in found if entry["column_name"] in row]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, %s)"
    )
    connection.execute(statement.format(table=sql.Identifier(table), names=names), (Jsonb(dict(row)),))


def _value(row: Mapping[str, Any] | None) -> Any:
    return None if row is None else next(iter(row.values()))
