"""What is wrong with the database, in one sentence that says what to do: the one table of its failures.

Drivers say the same thing in different ways: PostgreSQL by SQLSTATE once connected and by words before that, SQL
Server by the number of its message, Microsoft's ODBC driver and FreeTDS by words of their own, SQLite by words.
No sentence holds more of a driver's text than its first line, and none holds a password.
"""

import re
import socket
from dataclasses import dataclass

from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError

from shared.database.error_sentences import Reason, sentence
from shared.database.odbc import host_of
from shared.errors import (
    AddressUnknown,
    BadCredentials,
    CertificateRejected,
    DatabaseMissing,
    DriverMissing,
    InsufficientRights,
    RollcallError,
    StorageRefused,
    StorageUnavailable,
)

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
class Failure:
    """One failure of the database, in words."""

    reason: Reason
    message: str

    def as_interruption(self) -> StorageUnavailable | StorageRefused:
        """As an error of somebody who wanted something else than to test the database: what to do with that work."""
        if self.reason is Reason.REFUSED:
            return StorageRefused(self.message, reason=self.reason.value)
        retry_after = 2.0 if self.reason is Reason.BUSY else 10.0
        return StorageUnavailable(self.message, retry_after=retry_after, reason=self.reason.value)

    def as_finding(self) -> RollcallError:
        """As an error of somebody who asked for it: what must be put right."""
        return _ERRORS.get(self.reason, StorageUnavailable)(self.message, reason=self.reason.value)


def failure_of(url: URL, error: DBAPIError) -> Failure:
    """What the driver's error means for whoever looks after the deployment. Every error means something."""
    text = str(error.orig)
    match url.get_backend_name():
        case "sqlite":
            reason = _first(_SQLITE, text)
        case "postgresql":
            # On the connection itself there is no SQLSTATE, only words.
            state = getattr(error.orig, "sqlstate", None)
            reason = _STATES.get(state) if state else _first(_POSTGRESQL, text)
        case _:
            reason = _of_sql_server(url, error)
            behind = error.__context__
            if reason is Reason.BUSY and _numbers(error) & _NO_TRANSACTION and isinstance(behind, DBAPIError):
                # The server had rolled back already: why, it said to the statement before.
                return failure_of(url, behind)
    reason = reason or (Reason.UNREACHABLE if _is_outside(error) else Reason.REFUSED)
    return Failure(reason, sentence(reason, url, text))


def _is_outside(error: DBAPIError) -> bool:
    """Whether it is about the connection or the server, not about what was asked."""
    # Of the very classes, none below them, SQLite says that the file is damaged, and ODBC that the connection is.
    return isinstance(error, OperationalError | InterfaceError) or type(error) in (DatabaseError, DBAPIError)


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
    3961: Reason.BUSY,
    3902: Reason.BUSY,
    3903: Reason.BUSY,
    701: Reason.BUSY,
    1204: Reason.BUSY,
    8645: Reason.BUSY,
    8651: Reason.BUSY,
    10928: Reason.BUSY,
    10929: Reason.BUSY,
    40501: Reason.BUSY,
    49918: Reason.BUSY,
    49919: Reason.BUSY,
    49920: Reason.BUSY,
    3952: Reason.NO_SNAPSHOTS,
    9002: Reason.FULL,
    1105: Reason.FULL,
    1101: Reason.FULL,
    1827: Reason.FULL,
    40544: Reason.FULL,
    3906: Reason.READ_ONLY,
    823: Reason.DAMAGED,
    824: Reason.DAMAGED,
    596: Reason.STARTING,
    922: Reason.STARTING,
    927: Reason.STARTING,
    976: Reason.STARTING,
    983: Reason.STARTING,
    4221: Reason.STARTING,
    9001: Reason.STARTING,
    18401: Reason.STARTING,
    40143: Reason.STARTING,
    40197: Reason.STARTING,
    40540: Reason.STARTING,
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
# At the end of one of a driver's messages; what stands elsewhere in brackets is somebody's value.
_NUMBER = re.compile(r"\((-?\d+)\)(?: \(SQL\w+\))?(?=$|; \[)")
# COMMIT and ROLLBACK without a transaction: the server has ended it by itself.
_NO_TRANSACTION = {3902, 3903}


def _numbers(error: DBAPIError) -> set[int]:
    text = str(error.orig.args[-1]) if error.orig and error.orig.args else ""
    return {int(number) for number in _NUMBER.findall(text)}


def _of_sql_server(url: URL, error: DBAPIError) -> Reason | None:
    text, numbers = str(error.orig), _numbers(error)
    state = str(error.orig.args[0]) if error.orig and error.orig.args else ""
    found = next((reason for number, reason in _NUMBERS.items() if number in numbers), None) or _first(
        _ODBC, text
    )
    if found is None and 20002 in numbers and not url.username:
        # All that FreeTDS says when it has no Kerberos ticket to show.
        return Reason.LOGIN_FAILED
    if found in (None, Reason.TIMED_OUT) and re.search(
        r"\(20009\)|Unable to connect to data source|Login timeout expired", text
    ):
        # All that the drivers say of whatever keeps them from the server.
        found = _of_network(url) or found
    return found or {
        "28000": Reason.LOGIN_FAILED, "IM002": Reason.DRIVER_MISSING, "HYT00": Reason.TIMED_OUT,
        "HYT01": Reason.TIMED_OUT, "42S02": Reason.NOT_MIGRATED, "40001": Reason.BUSY,
        "42000": Reason.REFUSED,
    }.get(state)  # fmt: skip


def _of_network(url: URL) -> Reason | None:
    """Why there is no connection to the server's host, found by trying."""
    host, _, instance = host_of(url).partition("\\")
    try:
        socket.create_connection((host, url.port or _SQL_SERVER_PORT), timeout=_LOOK_SECONDS).close()
    except (socket.gaierror, UnicodeError):
        # The second is what Python says of a name that cannot be one.
        return Reason.HOST_UNKNOWN
    except TimeoutError:
        return Reason.INSTANCE_UNKNOWN if instance else Reason.TIMED_OUT
    except OSError:
        return Reason.INSTANCE_UNKNOWN if instance else Reason.PORT_CLOSED
    # An instance has a port of its own, which only the host can tell.
    return Reason.INSTANCE_UNKNOWN if instance and not url.port else None


def _first(table: tuple[tuple[str, Reason], ...], text: str) -> Reason | None:
    return next((reason for pattern, reason in table if re.search(pattern, text, re.IGNORECASE)), None)
