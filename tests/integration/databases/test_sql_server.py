"""SQL Server without a server: the DDL of the migrations, names, widths, connection strings and what its drivers say.

That what Rollcall asks is T-SQL too is looked at in every test marked ``every_database`` (tests/support/tsql.py).
Against a real server those tests run where ``ROLLCALL_TEST_MSSQL`` names one.
"""

import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, UniqueConstraint, insert, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.schema import CreateTable

from shared.database.backends import parse
from shared.database.engine import Database
from shared.database.error_sentences import Reason
from shared.database.errors import failure_of
from shared.database.locks import exclusive
from shared.database.migrate import SCRIPTS
from shared.database.odbc import SQL_SERVER_DRIVERS, odbc_connection_string
from shared.database.probe import probe
from shared.database.search import holds
from shared.database.tables import Base, CommandRow, Event, Lease
from shared.database.types import Line
from shared.errors import DriverMissing, RollcallError, SettingsInvalid, StorageRefused, StorageUnavailable
from tests.integration.databases.test_sql_server_faults import served
from tests.support import tsql
from tests.support.ports import free_port
from tests.support.tds import Rows, tds_server
from tests.support.tools import leave_out

MIGRATIONS = list(ScriptDirectory(str(SCRIPTS)).walk_revisions())[::-1]
# Bytes of a clustered key and of an index (Microsoft: "Maximum capacity specifications for SQL Server").
MOST_KEY_BYTES, MOST_INDEX_BYTES = 900, 1700
DRIVERS = list(SQL_SERVER_DRIVERS)
SERVER = URL.create("mssql+pyodbc", "sa", "s3cret", "db.example", 1433, "rollcall")


def _script(step: Callable[[], None]) -> list[str]:
    """What a step of a migration would send, statement by statement."""
    written = io.StringIO()
    context = MigrationContext.configure(
        dialect=tsql.dialect(),
        opts={
            "as_sql": True,
            "output_buffer": written,
            "target_metadata": Base.metadata,
            "literal_binds": True,
        },
    )
    with Operations.context(context):
        step()
    return [one.strip() for one in written.getvalue().split("GO\n") if one.strip()]


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
@pytest.mark.parametrize("revision", [script.revision for script in MIGRATIONS])
def test_every_migration_is_good_t_sql_in_both_directions(revision: str, direction: str) -> None:
    script = next(one for one in MIGRATIONS if one.revision == revision)
    statements = _script(getattr(script.module, direction))
    assert statements
    assert [(tsql.problems(one), one) for one in statements if tsql.problems(one)] == []


@pytest.mark.parametrize("table", list(Base.metadata.tables))
def test_every_table_fits_sql_server(table: str) -> None:
    made = Base.metadata.tables[table]
    assert tsql.problems(str(CreateTable(made).compile(dialect=tsql.dialect()))) == []
    keys: list[Any] = [made.primary_key, *made.indexes, *made.constraints]
    for key in keys:
        lengths = [getattr(column.type, "length", None) for column in getattr(key, "columns", ())]
        size = sum(2 * length if isinstance(length, int) else 8 for length in lengths)
        assert size <= (MOST_KEY_BYTES if key is made.primary_key else MOST_INDEX_BYTES), key.name


def test_no_unique_rule_covers_a_column_that_may_be_null() -> None:
    # Of NULLs, SQL Server takes one only.
    unique = [
        column
        for table in Base.metadata.tables.values()
        for rule in table.constraints
        if isinstance(rule, UniqueConstraint)
        for column in rule.columns
    ]
    assert unique
    assert [str(column) for column in unique if column.nullable] == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM runs LIMIT 3",
        "SELECT runs.trigger FROM runs",
        "SELECT a || b FROM runs",
        "SELECT id FROM runs WHERE a ILIKE ?",
        "SELECT id FROM runs FOR UPDATE",
        "SELECT EXISTS (SELECT 1)",
        "SELECT id FROM runs WHERE a IS 1",
        "INSERT INTO runs (a) VALUES (?) RETURNING id",
        "CREATE TABLE x (a VARCHAR(10))",
        "CREATE TABLE x (a DATETIME)",
        "SELECT id FROM runs ORDER id",
        "SELECT id FROM runs OFFSET 3 ROWS",
    ],
)
def test_what_sql_server_refuses_is_found(sql: str) -> None:
    assert tsql.problems(sql)


def test_what_differs_is_said_in_its_own_words() -> None:
    lock = select(Lease.holder).with_for_update().with_hint(Lease, "WITH (UPDLOCK, HOLDLOCK)", "mssql")
    assert tsql.rendered(lock) == "SELECT leases.holder \nFROM leases WITH (UPDLOCK, HOLDLOCK)"
    assert "charindex(lower(?), lower(events.message))" in tsql.rendered(
        select(Event.id).where(holds(Event.message, "x"))
    )
    assert tsql.rendered(select(Event.id).order_by(Event.id).limit(5)).startswith("SELECT TOP 5 events.id")
    assert "OUTPUT inserted.id VALUES" in tsql.rendered(insert(Event), ["message"])


def test_more_parameters_than_a_statement_may_have_are_noticed() -> None:
    statements = tsql.Statements()
    statements.look_at(select(CommandRow.id).where(CommandRow.id.in_(range(2101))), [])
    assert [problem.split(" in:")[0] for problem in statements.problems] == ["2101 parameters"]


@pytest.mark.parametrize(
    ("url", "drivers", "wanted"),
    [
        (
            "mssql+pyodbc://sa:p%40ss@HOST\\SQLExpress/rollcall",
            DRIVERS,
            "Driver={ODBC Driver 18 for SQL Server};Server=HOST\\SQLExpress;Database=rollcall;UID=sa;PWD={p@ss};"
            "APP=Rollcall;Encrypt=yes",
        ),
        (
            "mssql+pyodbc://HOST%5CSQLExpress/rollcall?TrustServerCertificate=yes",
            DRIVERS[1:],
            "Driver={ODBC Driver 17 for SQL Server};Server=HOST\\SQLExpress;Database=rollcall;Trusted_Connection=Yes;"
            "APP=Rollcall;Encrypt=yes;trustservercertificate=yes",
        ),
        (
            "mssql://rollcall:x@db.example:14330/rollcall?encrypt=no",
            DRIVERS,
            "Driver={ODBC Driver 18 for SQL Server};Server=db.example,14330;Database=rollcall;UID=rollcall;PWD=x;"
            "APP=Rollcall;Encrypt=no",
        ),
        (
            "mssql+pyodbc://rollcall:x@db.example:14330/rollcall",
            ["FreeTDS"],
            "Driver={FreeTDS};Server=db.example;Port=14330;Database=rollcall;UID=rollcall;PWD=x;APP=Rollcall;"
            "TDS_Version=7.4;Encryption=require",
        ),
        (
            "mssql+pyodbc://rollcall:x@db.example/rollcall?driver=FreeTDS&Encrypt=no",
            DRIVERS,
            "Driver={FreeTDS};Server=db.example;Database=rollcall;UID=rollcall;PWD=x;APP=Rollcall;TDS_Version=7.4;"
            "Encryption=off",
        ),
        ("mssql+pyodbc:///?odbc_connect=Driver%3Dx%3BServer%3Dy", [], "Driver=x;Server=y"),
    ],
)
def test_a_url_becomes_what_the_driver_is_given(url: str, drivers: list[str], wanted: str) -> None:
    assert odbc_connection_string(parse(url), drivers) == wanted


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30))
def test_no_password_can_add_another_word_to_the_connection(password: str) -> None:
    url = URL.create("mssql+pyodbc", "sa", password, "db", None, "rollcall")
    given_ = odbc_connection_string(url, DRIVERS)
    begin = given_.index("PWD=") + len("PWD=")
    kept = given_[begin : given_.index(";APP=Rollcall;Encrypt=yes")]
    if kept.startswith("{"):
        assert kept == "{" + password.replace("}", "}}") + "}"
    else:
        assert kept == password
        assert not set(kept) & set(";{}")


@pytest.mark.parametrize(
    ("url", "drivers", "said"),
    [
        ("mssql://db/rollcall", ["SQLite3"], "none is installed (installed: SQLite3)"),
        (
            "mssql://db/rollcall?driver=ODBC+Driver+13+for+SQL+Server",
            DRIVERS,
            "'ODBC Driver 13 for SQL Server'",
        ),
    ],
)
def test_a_driver_that_is_missing_is_named_with_the_package_to_install(
    url: str, drivers: list[str], said: str
) -> None:
    with pytest.raises(DriverMissing) as raised:
        odbc_connection_string(parse(url), drivers)
    assert said in raised.value.message
    assert "msodbcsql18" in raised.value.message
    assert "apt-get install tdsodbc" in raised.value.message


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url", "is not a database URL"),
        ("mysql://db/rollcall", "'mysql'"),
        ("postgresql+asyncpg://db/rollcall", "'postgresql+asyncpg'"),
        ("postgresql://db", "contains no database name"),
        ("postgresql://u:p:w@db:port/rollcall", "is not a database URL"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_an_example(url: str, said: str) -> None:
    with pytest.raises(SettingsInvalid) as raised:
        parse(url)
    assert said in raised.value.message


_MS = "[Microsoft][ODBC Driver 18 for SQL Server]"
_SAID = [
    (("28000", f"[28000] {_MS}[SQL Server]Login failed for user 'sa'. (18456) (SQLDriverConnect)"),
     Reason.LOGIN_FAILED, "Login failed for user 'sa'"),
    (("28000", f"[28000] {_MS}[SQL Server]Login failed. The login is from an untrusted domain and cannot be used with "
      "Integrated authentication. (18452) (SQLDriverConnect)"), Reason.LOGIN_FAILED, "untrusted domain"),
    (("42000", f"[42000] {_MS}[SQL Server]Cannot open database \"rollcall\" requested by the login. The login failed. "
      f"(4060) (SQLDriverConnect); [42000] {_MS}[SQL Server]Login failed for user 'sa'. (18456)"),
     Reason.DATABASE_MISSING, "CREATE DATABASE [rollcall]"),
    (("IM002", "[IM002] [unixODBC][Driver Manager]Data source name not found and no default driver specified (0) "
      "(SQLDriverConnect)"), Reason.DRIVER_MISSING, "msodbcsql18"),
    (("01000", "[01000] [unixODBC][Driver Manager]Can't open lib 'ODBC Driver 18 for SQL Server' : file not found (0) "
      "(SQLDriverConnect)"), Reason.DRIVER_MISSING, "Can't open lib"),
    (("08001", f"[08001] {_MS}SSL Provider: [error:0A000086:SSL routines::certificate verify failed:self-signed "
      "certificate] (-1) (SQLDriverConnect)"), Reason.CERTIFICATE_REJECTED, "TrustServerCertificate"),
    (("08001", f"[08001] {_MS}SSL Provider: The certificate chain was issued by an authority that is not trusted.\r\n "
      "(-2146893019) (SQLDriverConnect)"), Reason.CERTIFICATE_REJECTED, "update-ca-certificates"),
    (("08001", f"[08001] {_MS}SSL Provider: [error:0A000102:SSL routines::unsupported protocol] (-1) "
      "(SQLDriverConnect)"), Reason.ENCRYPTION_REFUSED, "TLS 1.2"),
    (("08001", f"[08001] {_MS}TCP Provider: Error code 0x2749 (10061) (SQLDriverConnect)"),
     Reason.PORT_CLOSED, "TCP/IP enabled, port 1433"),
    (("HYT00", f"[HYT00] {_MS}Query timeout expired (0) (SQLExecDirectW)"), Reason.TIMED_OUT, "did not answer"),
    (("08001", f"[08001] {_MS}TCP Provider: Error code 0x2AF9 (11001) (SQLDriverConnect)"),
     Reason.HOST_UNKNOWN, "'db.example'"),
    (("08001", f"[08001] {_MS}MAX_PROVS: Error Locating Server/Instance Specified [xFFFFFFFF].  (-1) "
      "(SQLDriverConnect)"), Reason.INSTANCE_UNKNOWN, "SQL Server Browser"),
    (("HY000", f"[HY000] {_MS}SSPI Provider: No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0) "
      "(851968) (SQLDriverConnect)"), Reason.LOGIN_FAILED, "Kerberos ticket"),
    (("42000", f"[42000] {_MS}[SQL Server]CREATE TABLE permission denied in database 'rollcall'. (262) "
      "(SQLExecDirectW)"), Reason.NO_RIGHT, "ALTER ROLE db_owner ADD MEMBER [sa]"),
    (("42000", f"[42000] {_MS}[SQL Server]The UPDATE permission was denied on the object 'runs'. (229) "
      "(SQLExecDirectW)"), Reason.NO_RIGHT, "db_datawriter"),
    (("42S02", f"[42S02] {_MS}[SQL Server]Invalid object name 'runs'. (208) (SQLExecDirectW)"),
     Reason.NOT_MIGRATED, "rollcall migrate"),
    (("40001", f"[40001] {_MS}[SQL Server]Transaction (Process ID 55) was deadlocked on lock resources with another "
      "process and has been chosen as the deadlock victim. Rerun the transaction. (1205) (SQLExecDirectW)"),
     Reason.BUSY, "try again in a moment"),
    (("42000", f"[42000] {_MS}[SQL Server]Lock request time out period exceeded. (1222) (SQLExecDirectW)"),
     Reason.BUSY, "Lock request"),
    (("42000", f"[42000] {_MS}[SQL Server]The transaction log for database 'rollcall' is full due to 'LOG_BACKUP'. (9002)"
      " (SQLExecDirectW)"), Reason.FULL, "disk is full"),
    (("42000", f"[42000] {_MS}[SQL Server]Failed to update database \"rollcall\" because the database is read-only. "
      "(3906) (SQLExecDirectW)"), Reason.READ_ONLY, "accepts writes"),
    (("42000", "[42000] [FreeTDS][SQL Server]Login failed for user 'sa'. (18456) (SQLDriverConnect)"),
     Reason.LOGIN_FAILED, "mixed mode"),
    (("08S01", f"[08S01] {_MS}TCP Provider: Error code 0x68 (104) (SQLExecDirectW)"),
     Reason.REFUSED, "refused a statement"),
    (("42000", f"[42000] {_MS}[SQL Server]The service is currently busy. (40501) (SQLExecDirectW)"),
     Reason.BUSY, "try again in a moment"),
    (("42000", f"[42000] {_MS}[SQL Server]There is insufficient system memory in resource pool 'default'. (701) "
      "(SQLExecDirectW)"), Reason.BUSY, "insufficient system memory"),
    (("42000", f"[42000] {_MS}[SQL Server]CREATE DATABASE or ALTER DATABASE failed because the resulting cumulative "
      "database size would exceed your licensed limit of 10240 MB per database. (1827) (SQLExecDirectW)"),
     Reason.FULL, "reached its largest size"),
    (("42000", f"[42000] {_MS}[SQL Server]Unable to access availability database 'rollcall'. (983) (SQLDriverConnect)"),
     Reason.STARTING, "continues when it is available again"),
    (("42000", f"[42000] {_MS}[SQL Server]Snapshot isolation transaction failed accessing database 'rollcall' because "
      "snapshot isolation is not allowed in this database. (3952) (SQLExecDirectW)"),
     Reason.NO_SNAPSHOTS, "SET ALLOW_SNAPSHOT_ISOLATION ON"),
    # What somebody called a unit is no number of an error.
    (("42000", f"[42000] {_MS}[SQL Server]Cannot insert the value 'Sales (208) (SQL)'. (50000) (SQLExecDirectW)"),
     Reason.REFUSED, "Report it"),
    (("42000", f"[42000] {_MS}[SQL Server]Changed language. (5703) (SQLExecDirectW); [40001] {_MS}[SQL Server]was "
      "deadlocked. (1205)"), Reason.BUSY, "try again in a moment"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("recorded", "reason", "said"), _SAID, ids=[str(item[1]) + item[0][0] for item in _SAID]
)
def test_what_a_driver_says_becomes_what_to_do(recorded: tuple[str, str], reason: Reason, said: str) -> None:
    found = failure_of(SERVER, ProgrammingError("SELECT 1", {}, Exception(*recorded)))
    assert found.reason is reason, found.message
    assert said in found.message
    assert "[Microsoft]" not in found.message
    assert found.message.endswith((".", ";"))


@given(st.sampled_from(_SAID), st.text(min_size=4, max_size=20))
def test_a_password_in_a_drivers_words_is_never_repeated(
    item: tuple[tuple[str, str], Reason, str], password: str
) -> None:
    state, words = item[0]
    server = SERVER.set(password=f"<{password}>")
    spoken = words.replace("(SQL", f"for <{password}> (SQL", 1)
    found = failure_of(server, ProgrammingError("SELECT 1", {}, Exception(state, spoken)))
    assert f"<{password}>" not in found.message


def test_an_unlisted_number_is_refused_when_it_is_about_a_statement_and_away_when_about_the_connection() -> (
    None
):
    words = f"[HY000] {_MS}[SQL Server]Something new. (49999) (SQLExecDirectW)"
    assert (
        failure_of(SERVER, ProgrammingError("SELECT 1", {}, Exception("42000", words))).reason
        is Reason.REFUSED
    )
    assert (
        failure_of(SERVER, OperationalError("SELECT 1", {}, Exception("HY000", words))).reason
        is Reason.UNREACHABLE
    )


def test_a_login_that_times_out_is_looked_into_by_the_host_and_port() -> None:
    late = OperationalError(
        "", {}, Exception("HYT00", f"[HYT00] {_MS}Login timeout expired (0) (SQLDriverConnect)")
    )
    closed = URL.create("mssql+pyodbc", "sa", "s3cret", "127.0.0.1", free_port(), "rollcall")
    assert failure_of(closed, late).reason is Reason.PORT_CLOSED
    instance = failure_of(closed.set(host="127.0.0.1%5CSQLExpress", port=None), late)
    assert instance.reason is Reason.INSTANCE_UNKNOWN
    assert "'127.0.0.1\\SQLExpress'" in instance.message


def test_without_a_user_and_a_ticket_kerberos_is_named() -> None:
    words = "[08001] [FreeTDS][SQL Server]Adaptive Server connection failed (20002) (SQLDriverConnect)"
    failed = OperationalError("", {}, Exception("08001", words))
    assert "Kerberos ticket" in failure_of(parse("mssql://db.example/rollcall"), failed).message


@pytest.mark.parametrize("word", ["TrustServerCertificate=no", "Encryption=verify", "Encrypt=strict"])
def test_the_free_driver_is_not_asked_for_a_proof_that_it_cannot_give(word: str) -> None:
    with pytest.raises(SettingsInvalid, match="the FreeTDS driver does not check") as raised:
        odbc_connection_string(parse(f"mssql://sa:x@db/rollcall?driver=FreeTDS&{word}"), DRIVERS)
    assert "rollcall-sync[sqlserver]" in raised.value.message


def test_the_driver_that_comes_with_the_package_is_taken_before_those_installed() -> None:
    url = parse("mssql://db/rollcall")
    assert odbc_connection_string(url, DRIVERS, "/there/libmsodbcsql.so").startswith(
        "Driver={/there/libmsodbcsql.so};"
    )
    named = parse("mssql://db/rollcall?driver=FreeTDS")
    assert odbc_connection_string(named, DRIVERS, "/there/libmsodbcsql.so").startswith("Driver={FreeTDS};")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.integers(1, 20))
def test_a_text_fits_its_column_in_the_units_that_sql_server_counts(text_: str, length: int) -> None:
    kept = Line(length).bind_processor(tsql.dialect())
    assert kept is not None
    stored = kept(text_)
    assert len(stored.encode("utf-16-le")) <= 2 * length
    assert text_.replace("\0", "\ufffd").startswith(stored)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (-1, StorageUnavailable, "has not ended within"),
        (-3, StorageUnavailable, "in favour of other work"),
        (-999, StorageRefused, "-999"),
    ],
)
def test_each_way_of_not_getting_a_lock_is_told_apart(
    answer: int, kind: type[RollcallError], said: str
) -> None:
    with tds_server() as server:
        server.script.append(("sp_getapplock", Rows([[answer]])))
        database = served(server, "FreeTDS")
        with pytest.raises(kind, match=said), database.begin() as session:
            exclusive(session, "migrate")
        database.close()


def test_a_statement_in_words_is_not_taken_for_one_of_ours() -> None:
    statements = tsql.Statements()
    statements.look_at(text("SELECT 1 LIMIT 1"), [])
    assert statements.problems == []


@pytest.mark.parametrize(
    ("address", "code", "reason"),
    [
        ("127.0.0.1:{port}", "storage_unavailable", "port_closed"),
        ("no-such-host.invalid:1433", "address_unknown", "host_unknown"),
        ("no-such-host.invalid\\SQLExpress", "address_unknown", "host_unknown"),
    ],
)
def test_the_free_driver_tells_what_keeps_it_from_the_server(address: str, code: str, reason: str) -> None:
    require_odbc()
    database = Database(f"mssql://sa:s3cret@{address.format(port=free_port())}/rollcall?driver=FreeTDS")
    with pytest.raises(RollcallError) as raised:
        probe(database)
    assert (raised.value.code, raised.value.details["reason"]) == (code, reason), raised.value.message
    assert "s3cret" not in raised.value.message


def test_a_driver_that_cannot_be_loaded_is_named_with_the_package() -> None:
    require_odbc()
    database = Database("mssql://sa:s3cret@127.0.0.1/rollcall?driver=/nowhere/libmsodbcsql.so")
    with pytest.raises(DriverMissing, match=r"/nowhere/libmsodbcsql\.so.*msodbcsql18"):
        probe(database)


def require_odbc() -> None:
    """Leave the test out where there is no ODBC."""
    try:
        drivers: list[str] = import_module("pyodbc").drivers()
    except ImportError:
        drivers = []
    if "FreeTDS" not in drivers:
        leave_out(
            "needs ODBC and its free driver (Debian packages unixodbc, tdsodbc); `make test` installs them as root"
        )
