"""Tests a database before it is given to Rollcall, or the one in use: what was found, or precisely what is wrong.

Only what the form names goes into the address: a driver's own options could name files and libraries of this host.
"""

import time
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr
from sqlalchemy import URL

from shared.database import events
from shared.database.engine import Database
from shared.database.probe import Probe, probe
from shared.language import declared, phrase
from shared.settings import store
from shared.worker.context import Context


class DatabaseKind(StrEnum):
    """The kinds of database server."""

    POSTGRESQL = "postgresql"
    SQL_SERVER = "sqlserver"


class DatabaseEncryption(StrEnum):
    """``verify`` also proves who the server is; ``off`` sends everything in the clear."""

    VERIFY = "verify"
    REQUIRE = "require"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A database server. Without a user, SQL Server is reached with this process's Windows or Kerberos identity."""

    kind: DatabaseKind
    host: str
    database: str
    user: str = ""
    password: SecretStr | None = None
    port: int | None = None
    encryption: DatabaseEncryption = DatabaseEncryption.REQUIRE


@dataclass(frozen=True, slots=True)
class DatabaseReport:
    """What was found, and the ``ROLLCALL_DATABASE_URL`` (without a password) that leads there."""

    found: Probe
    url: str
    seconds: float


def check_database(
    context: Context, address: DatabaseAddress | None = None, actor: str | None = None
) -> DatabaseReport:
    """Look at a database, that of this deployment when none is given. Changes nothing there; the audit says who had
    which other one looked at.

    :raises RollcallError: what is wrong, as ``shared.database.probe.probe`` says.
    """
    began = time.monotonic()
    if address is None:
        found, url = probe(context.database), context.database.url
    else:
        url = _url(address)
        if actor is not None:
            to = phrase(
                "{database} {host}:{port}",
                database=address.kind.value,
                host=address.host,
                port=address.port or declared("usual port"),
            )
            details = {"question": "test_database", "to": to[:500]}
            with context.database.begin() as session:
                events.audit(
                    session, store.DEFAULT_SITE, actor=actor, action="connection.tested", details=details
                )
        database = Database(url.render_as_string(hide_password=False), connections=1)
        try:
            found = probe(database)
        finally:
            database.close()
    shown = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)
    return DatabaseReport(found, shown.render_as_string(), round(time.monotonic() - began, 3))


_POSTGRESQL = {
    DatabaseEncryption.VERIFY: {"sslmode": "verify-full", "sslrootcert": "system"},
    DatabaseEncryption.REQUIRE: {"sslmode": "require"},
    DatabaseEncryption.OFF: {"sslmode": "disable"},
}
_SQL_SERVER = {
    DatabaseEncryption.VERIFY: {"Encrypt": "yes"},
    DatabaseEncryption.REQUIRE: {"Encrypt": "yes", "TrustServerCertificate": "yes"},
    DatabaseEncryption.OFF: {"Encrypt": "no"},
}


def _url(address: DatabaseAddress) -> URL:
    is_postgresql = address.kind is DatabaseKind.POSTGRESQL
    return URL.create(
        "postgresql+psycopg" if is_postgresql else "mssql+pyodbc",
        address.user or None,
        address.password.get_secret_value() if address.password else None,
        address.host,
        address.port,
        address.database,
        (_POSTGRESQL if is_postgresql else _SQL_SERVER)[address.encryption],
    )
