"""What is wrong with the database, in one sentence that says what to do: the one table of its failures.

Drivers say the same thing in different ways: PostgreSQL by SQLSTATE once connected and by words before that, SQL
Server by the number of its message, Microsoft's ODBC driver and FreeTDS by words of their own, SQLite by words.
No sentence holds more of a driver's text than its first line, and none holds a password.
"""

import re
import socket
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from shared.database.backends import place
from shared.errors import (
    AddressUnknown,
    BadCredentials,
    CertificateRejected,
    DatabaseMissing,
    DriverMissing,
    InsufficientRights,
    RollcallError,
    StorageUnavailable,
)


class Reason(StrEnum):
    """Why the database cannot be used; stable, for programs."""

    LOGIN_FAILED = "login_failed"
    DATABASE_MISSING = "database_missing"
    DRIVER_MISSING = "driver_missing"
    CERTIFICATE_REJECTED = "certificate_rejected"
    ENCRYPTION_REFUSED = "encryption_refused"
    NO_RIGHT = "no_right"
    HOST_UNKNOWN = "host_unknown"
    INSTANCE_UNKNOWN = "instance_unknown"
    PORT_CLOSED = "port_closed"
    TIMED_OUT = "timed_out"
    NOT_MIGRATED = "not_migrated"
    BUSY = "busy"
    FULL = "full"
    READ_ONLY = "read_only"
    DAMAGED = "damaged"
    STARTING = "starting"
    UNREACHABLE = "unreachable"


_ERRORS: dict[Reason, type[RollcallError]] = {
    Reason.LOGIN_FAILED: BadCredentials,
    Reason.DATABASE_MISSING: DatabaseMissing,
    Reason.DRIVER_MISSING: DriverMissing,
    Reason.CERTIFICATE_REJECTED: CertificateRejected,
    Reason.ENCRYPTION_REFUSED: CertificateRejected,
    Reason.NO_RIGHT: InsufficientRights,
    Reason.HOST_UNKNOWN: AddressUnknown,
    Reason.INSTANCE_UNKNOWN: AddressUnknown,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failure. ``is_known`` is false when only the driver's own words tell it."""

    reason: Reason
    message: str

    @property
    def is_known(self) -> bool:
        """Whether the table has a sentence for it."""
        return self.reason is not Reason.UNREACHABLE

    def at_work(self) -> StorageUnavailable:
        """As an error of somebody who wanted something else than to test the database: try again later."""
        retry_after = 2.0 if self.reason is Reason.BUSY else 10.0
        return StorageUnavailable(self.message, retry_after=retry_after, reason=self.reason.value)

    def when_tested(self) -> RollcallError:
        """As an error of somebody who asked for it: what must be mended."""
        return _ERRORS.get(self.reason, StorageUnavailable)(self.message, reason=self.reason.value)


def trouble_of(url: URL, error: DBAPIError) -> Trouble:
    """What the driver's error means for whoever looks after the deployment."""
    text = str(error.orig)
    match url.get_backend_name():
        case "sqlite":
            reason = _first(_SQLITE, text)
        case "postgresql":
            # On the connection itself there is no SQLSTATE, only words.
            state = getattr(error.orig, "sqlstate", None)
            reason = _STATES.get(state) if state else _first(_POSTGRESQL, text)
        case _:
            reason = _of_sql_server(text, str(error.orig.args[0]) if error.orig and error.orig.args else "")
            if reason is None and re.search(r"\(20009\)|Unable to connect to data source", text):
                # All that FreeTDS says of whatever keeps it from the server.
                reason = _of_network(url)
    return Trouble(reason or Reason.UNREACHABLE, _sentence(reason or Reason.UNREACHABLE, url, text))


_SQLITE = (
    (r"readonly|read-only", Reason.READ_ONLY),
    (r"disk is full|No space", Reason.FULL),
    (r"unable to open", Reason.NO_RIGHT),
    (r"malformed|not a database", Reason.DAMAGED),
    (r"no such table|no such column|has no column", Reason.NOT_MIGRATED),
    (r"locked", Reason.BUSY),
)
_POSTGRESQL = (
    (r'database ".*" does not exist', Reason.DATABASE_MISSING),
    (r'role ".*" does not exist|authentication failed|no password supplied|no pg_hba.conf entry', Reason.LOGIN_FAILED),
    (r"not permitted to log in|permission denied for database", Reason.NO_RIGHT),
    (r"certificate verify failed|root certificate|does not match host name|certificate has expired", Reason.CERTIFICATE_REJECTED),
    (r"does not support SSL|SSL required|sslmode value|SSL error", Reason.ENCRYPTION_REFUSED),
    (r"translate host name|resolve host|Name or service not known|getaddrinfo|nodename nor servname", Reason.HOST_UNKNOWN),
    (r"timeout expired|timed out", Reason.TIMED_OUT),
    (r"starting up|shutting down|recovery mode|in standby", Reason.STARTING),
    (r"too many (clients|connections)|connection slots", Reason.BUSY),
    (r"Connection refused|No such file or directory|Network is unreachable|No route to host", Reason.PORT_CLOSED),
)  # fmt: skip
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_STATES = {
    "28P01": Reason.LOGIN_FAILED,
    "28000": Reason.LOGIN_FAILED,
    "3D000": Reason.DATABASE_MISSING,
    "42501": Reason.NO_RIGHT,
    "3F000": Reason.NO_RIGHT,
    "42P01": Reason.NOT_MIGRATED,
    "42703": Reason.NOT_MIGRATED,
    "55P03": Reason.BUSY,
    "57014": Reason.BUSY,
    "40001": Reason.BUSY,
    "40P01": Reason.BUSY,
    "25P03": Reason.BUSY,
    "53300": Reason.BUSY,
    "53100": Reason.FULL,
    "25006": Reason.READ_ONLY,
    "XX001": Reason.DAMAGED,
    "57P01": Reason.STARTING,
    "57P02": Reason.STARTING,
    "57P03": Reason.STARTING,
}
# https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
_NUMBERS = {
    # Before 18456, which comes with it in one text.
    4060: Reason.DATABASE_MISSING,
    911: Reason.DATABASE_MISSING,
    18456: Reason.LOGIN_FAILED,
    18452: Reason.LOGIN_FAILED,
    18470: Reason.LOGIN_FAILED,
    18486: Reason.LOGIN_FAILED,
    18487: Reason.LOGIN_FAILED,
    18488: Reason.LOGIN_FAILED,
    229: Reason.NO_RIGHT,
    230: Reason.NO_RIGHT,
    262: Reason.NO_RIGHT,
    916: Reason.NO_RIGHT,
    2760: Reason.NO_RIGHT,
    297: Reason.NO_RIGHT,
    15247: Reason.NO_RIGHT,
    207: Reason.NOT_MIGRATED,
    208: Reason.NOT_MIGRATED,
    1205: Reason.BUSY,
    1222: Reason.BUSY,
    3960: Reason.BUSY,
    9002: Reason.FULL,
    1105: Reason.FULL,
    1101: Reason.FULL,
    3906: Reason.READ_ONLY,
    823: Reason.DAMAGED,
    824: Reason.DAMAGED,
    922: Reason.STARTING,
    942: Reason.STARTING,
    6005: Reason.STARTING,
    17142: Reason.STARTING,
    40613: Reason.STARTING,
    # Windows' own numbers, which Microsoft's driver shows on Linux too.
    11001: Reason.HOST_UNKNOWN,
    10061: Reason.PORT_CLOSED,
    10060: Reason.TIMED_OUT,
    258: Reason.TIMED_OUT,
}
_ODBC = (
    (r"Can't open lib|Data source name not found|no default driver", Reason.DRIVER_MISSING),
    (r"certificate verify failed|certificate chain|certificate's CN|certificate has expired|The certificate", Reason.CERTIFICATE_REJECTED),
    (r"SSL Provider|SSL Security error|ssl_choose_client_version|encryption", Reason.ENCRYPTION_REFUSED),
    (r"SSPI|Kerberos|GSSAPI", Reason.LOGIN_FAILED),
    (r"(0x2AF9|getaddrinfo|Name or service not known|Unknown host machine)", Reason.HOST_UNKNOWN),
    (r"Server/Instance Specified|locating Server|locating server", Reason.INSTANCE_UNKNOWN),
    (r"0x2749|Connection refused|not listening", Reason.PORT_CLOSED),
    (r"Login timeout|Query timeout|timeout expired|timed out|Adaptive Server connection timed", Reason.TIMED_OUT),
    (r"Login failed|Login incorrect", Reason.LOGIN_FAILED),
)  # fmt: skip
_SQL_SERVER_PORT = 1433
_LOOK_SECONDS = 3
_NUMBER_IN_TEXT = re.compile(r"\((-?\d+)\)")


def _of_sql_server(text: str, state: str) -> Reason | None:
    numbers = {int(number) for number in _NUMBER_IN_TEXT.findall(text)}
    by_number = next((reason for number, reason in _NUMBERS.items() if number in numbers), None)
    found = by_number or _first(_ODBC, text)
    if found is not None:
        return found
    return {"28000": Reason.LOGIN_FAILED, "IM002": Reason.DRIVER_MISSING, "HYT00": Reason.TIMED_OUT,
            "HYT01": Reason.TIMED_OUT, "42S02": Reason.NOT_MIGRATED, "40001": Reason.BUSY}.get(state)  # fmt: skip


def _of_network(url: URL) -> Reason | None:
    """Why there is no connection to the server's host, found by trying."""
    host, _, instance = (url.host or "localhost").replace("%5C", "\\").partition("\\")
    try:
        socket.create_connection((host, url.port or _SQL_SERVER_PORT), timeout=_LOOK_SECONDS).close()
    except (socket.gaierror, UnicodeError):
        # The second is what Python says of a name that cannot be one.
        return Reason.HOST_UNKNOWN
    except TimeoutError:
        return Reason.INSTANCE_UNKNOWN if instance else Reason.TIMED_OUT
    except OSError:
        return Reason.INSTANCE_UNKNOWN if instance else Reason.PORT_CLOSED
    return None


def _first(table: tuple[tuple[str, Reason], ...], text: str) -> Reason | None:
    return next((reason for pattern, reason in table if re.search(pattern, text, re.IGNORECASE)), None)


def _sentence(reason: Reason, url: URL, text: str) -> str:
    where = f"The database {place(url)}"
    said = _said(url, text)
    backend = url.get_backend_name()
    user = f"'{url.username}'" if url.username else "this process's account"
    host = url.host or "this host"
    match reason:
        case Reason.LOGIN_FAILED:
            return (
                f"{where} refuses the login of {user}: {said}. Check user and password (ROLLCALL_DATABASE_URL, "
                f"ROLLCALL_DATABASE_PASSWORD){_LOGIN_HINTS[backend]}."
            )
        case Reason.DATABASE_MISSING:
            return (
                f"The server at {host} answers, but has no database '{url.database}', or {user} may not open it. "
                f"{_CREATE_HINTS[backend].format(database=url.database, user=url.username or 'rollcall')}"
            )
        case Reason.DRIVER_MISSING:
            return (
                f"The ODBC driver for the database {place(url)} cannot be loaded: {said}. Install Microsoft's package "
                "msodbcsql18, or the free driver (apt-get install tdsodbc), or name another with ?driver=."
            )
        case Reason.CERTIFICATE_REJECTED:
            return (
                f"The certificate of the database server at {host} is not trusted: {said}. "
                f"{_CERTIFICATE_HINTS[backend]}"
            )
        case Reason.ENCRYPTION_REFUSED:
            return f"{where} and Rollcall could not agree on encryption: {said}. {_ENCRYPTION_HINTS[backend]}"
        case Reason.NO_RIGHT if backend == "sqlite":
            return (
                f"{where} cannot be opened. Check that its folder exists and that this user may write there."
            )
        case Reason.NO_RIGHT:
            return (
                f"{where} refuses something to {user}: {said}. Rollcall must own its tables: "
                f"{_RIGHT_HINTS[backend].format(database=url.database, user=url.username or 'rollcall')}"
            )
        case Reason.HOST_UNKNOWN:
            return (
                f"The host '{host}' of the database is unknown ({said}). Mend its name, or the name server."
            )
        case Reason.INSTANCE_UNKNOWN:
            return (
                f"No SQL Server instance answers to '{host}'. Check its name and that the service SQL Server Browser runs "
                "there (UDP 1434), or name its port instead: HOST:PORT."
            )
        case Reason.PORT_CLOSED:
            return (
                f"Nothing listens for the database {place(url)}. Check that the server runs, accepts connections from "
                f"other hosts, and that host and port are right{_PORT_HINTS[backend]}."
            )
        case Reason.TIMED_OUT:
            return (
                f"{where} did not answer in time. Check that the server is up, that no firewall stands between, and that "
                "host and port are right."
            )
        case Reason.NOT_MIGRATED:
            return f"{where} has no tables yet, or not all. Run `rollcall migrate`."
        case Reason.BUSY:
            return f"{where} is busy: {said}. Nothing was changed; try again in a moment."
        case Reason.FULL:
            what = "the disk is full" if backend == "sqlite" else "its disk is full"
            return f"{where} cannot grow: {what}. Free some space; nothing was lost."
        case Reason.READ_ONLY if backend == "sqlite":
            return f"{where} cannot be written: it or its folder is read-only. Give this user the right to write there."
        case Reason.READ_ONLY:
            return f"{where} is read-only (a standby, or set so). Name the server that takes writes."
        case Reason.DAMAGED:
            return f"{where} is damaged ({said}). Stop Rollcall and put it back from a backup."
        case Reason.STARTING:
            return (
                f"{where} is starting, stopping or restoring ({said}). Rollcall goes on when it serves again."
            )
        case Reason.UNREACHABLE:
            return f"{where} does not answer: {said}."


_LOGIN_HINTS = {
    "sqlite": "",
    "postgresql": ", and that pg_hba.conf lets this host in",
    "mssql": ", that the server allows SQL logins (mixed mode), or, without a user, that this process has a Kerberos "
    "ticket",
}
_CREATE_HINTS = {
    "sqlite": "",
    "postgresql": "Make it: CREATE DATABASE {database} OWNER {user};",
    "mssql": "Make it: CREATE DATABASE [{database}]; then in it CREATE USER [{user}] FOR LOGIN [{user}]; ALTER ROLE "
    "db_owner ADD MEMBER [{user}];",
}
_CERTIFICATE_HINTS = {
    "sqlite": "",
    "postgresql": "Name the authority that issued it with ?sslmode=verify-full&sslrootcert=/path/ca.pem, and the host as "
    "the certificate does.",
    "mssql": "Trust the authority that issued it on this host (Debian: update-ca-certificates), and name the host as the "
    "certificate does (or &HostNameInCertificate=). &TrustServerCertificate=yes looks at no certificate at all.",
}
_ENCRYPTION_HINTS = {
    "sqlite": "",
    "postgresql": "Switch on TLS at the server (ssl = on), or say ?sslmode=disable where the network is trusted.",
    "mssql": "Give the server a certificate and TLS 1.2, or say &Encrypt=no (FreeTDS: &Encryption=off) where the network "
    "is trusted.",
}
_RIGHT_HINTS = {
    "postgresql": "ALTER DATABASE {database} OWNER TO {user}; or GRANT CREATE ON SCHEMA public TO {user};",
    "mssql": "ALTER ROLE db_owner ADD MEMBER [{user}]; or, once it is migrated, db_datareader and db_datawriter.",
}
_PORT_HINTS = {
    "sqlite": "",
    "postgresql": " (listen_addresses, port 5432)",
    "mssql": " (SQL Server Configuration Manager: TCP/IP enabled, port 1433)",
}


def _said(url: URL, text: str) -> str:
    """The telling part of a driver's text: one line, without its prefixes, without the password should it be there."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # PostgreSQL names each address it tried; what the server itself said comes last.
    line = next(
        (item for item in reversed(lines) if "FATAL" in item or "ERROR" in item), lines[0] if lines else ""
    )
    line = re.sub(r"^\('\w+', [\"']", "", line)
    line = re.sub(r"\[[^\]]*\]", "", line) if url.get_backend_name() == "mssql" else line
    line = re.sub(r"^.*?(FATAL|ERROR):\s*", "", line)
    line = re.sub(r"\s*\(SQL\w+\).*$", "", line)
    for secret in {
        str(url.password or ""),
        *(str(url.query.get(name, "")) for name in ("password", "sslpassword")),
    }:
        if secret:
            line = line.replace(secret, "***")
    return line.strip().rstrip(".")[:200] or "no reason given"
