"""One sentence for each way in which a database fails: what happened, where, and what to do next."""

import re
from enum import StrEnum

from sqlalchemy import URL

from shared.database.backends import place
from shared.database.odbc import host_of
from shared.language import declared, phrase


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
    NO_SNAPSHOTS = "no_snapshots"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


def sentence(reason: Reason, url: URL, text: str) -> str:
    """What a driver's ``text`` means: at most its first line is repeated, and no password."""
    where = phrase("The database {place}", place=place(url))
    driver = quoted(url, text)
    backend = url.get_backend_name()
    user = f"'{url.username}'" if url.username else declared("this process's account")
    host = host_of(url)
    match reason:
        case Reason.LOGIN_FAILED:
            return phrase(
                "{where} refuses the login of {user}: {driver}. Check user and password "
                "(ROLLCALL_DATABASE_URL, ROLLCALL_DATABASE_PASSWORD){login_hints}.",
                where=where,
                user=user,
                driver=driver,
                login_hints=_LOGIN_HINTS[backend],
            )
        case Reason.DATABASE_MISSING:
            return phrase(
                "The server at {host} answers, but has no database '{database}', or {user} may not open it. "
                "{create_hints}",
                host=host,
                database=url.database,
                user=user,
                create_hints=_CREATE_HINTS[backend].format(
                    database=url.database, user=url.username or declared("rollcall")
                ),
            )
        case Reason.DRIVER_MISSING:
            return phrase(
                "The ODBC driver for the database {place} cannot be loaded: {driver}. Install Microsoft's "
                "package msodbcsql18, or the free driver (apt-get install tdsodbc), or name another with "
                "?driver=.",
                place=place(url),
                driver=driver,
            )
        case Reason.CERTIFICATE_REJECTED:
            return phrase(
                "The certificate of the database server at {host} is not trusted: {driver}. "
                "{certificate_hints}",
                host=host,
                driver=driver,
                certificate_hints=_CERTIFICATE_HINTS[backend],
            )
        case Reason.ENCRYPTION_REFUSED:
            return phrase(
                "{where} and Rollcall could not agree on encryption: {driver}. {encryption_hints}",
                where=where,
                driver=driver,
                encryption_hints=_ENCRYPTION_HINTS[backend],
            )
        case Reason.NO_RIGHT if backend == "sqlite":
            return phrase(
                "{where} cannot be opened. Check that its folder exists and that this user may write there.",
                where=where,
            )
        case Reason.NO_RIGHT:
            return phrase(
                (
                    "{where} does not allow {user} to do this: {driver}. Rollcall must own its tables: "
                    "{right_hints}"
                ),
                where=where,
                user=user,
                driver=driver,
                right_hints=_RIGHT_HINTS[backend].format(
                    database=url.database, user=url.username or declared("rollcall")
                ),
            )
        case Reason.HOST_UNKNOWN:
            return phrase(
                "The host '{host}' of the database is unknown ({driver}). Correct its name, or the name "
                "server.",
                host=host,
                driver=driver,
            )
        case Reason.INSTANCE_UNKNOWN:
            return phrase(
                "No SQL Server instance answers to '{host}'. Check its name and that the service SQL Server "
                "Browser runs there (UDP 1434), or name its port instead: HOST:PORT.",
                host=host,
            )
        case Reason.PORT_CLOSED:
            return phrase(
                "Nothing listens for the database {place}. Check that the server runs, accepts connections "
                "from other hosts, and that host and port are right{port_hints}.",
                place=place(url),
                port_hints=_PORT_HINTS[backend],
            )
        case Reason.TIMED_OUT:
            return phrase(
                "{where} did not answer in time. Check that the server is up, that no firewall blocks it, "
                "and that host and port are right.",
                where=where,
            )
        case Reason.NOT_MIGRATED:
            return phrase("{where} has no tables yet, or not all. Run `rollcall migrate`.", where=where)
        case Reason.BUSY:
            return phrase(
                "{where} is busy: {driver}. Nothing was changed; try again in a moment.",
                where=where,
                driver=driver,
            )
        case Reason.FULL:
            what = (
                declared("the disk is full")
                if backend == "sqlite"
                else declared("its disk is full or it has reached its largest size")
            )
            return phrase(
                "{where} cannot grow: {what}. Free some space. Nothing was lost.", where=where, what=what
            )
        case Reason.READ_ONLY if backend == "sqlite":
            return phrase(
                "{where} cannot be written: it or its folder is read-only. Give this user the right to write "
                "there.",
                where=where,
            )
        case Reason.READ_ONLY:
            return phrase(
                "{where} is read-only (a standby, or set so). Use the server that accepts writes.",
                where=where,
            )
        case Reason.DAMAGED:
            return phrase(
                "{where} is damaged ({driver}). Stop Rollcall and restore it from a backup.",
                where=where,
                driver=driver,
            )
        case Reason.STARTING:
            return phrase(
                (
                    "{where} is starting, stopping or restoring ({driver}). Rollcall continues when it is "
                    "available again."
                ),
                where=where,
                driver=driver,
            )
        case Reason.NO_SNAPSHOTS:
            return phrase(
                (
                    "{where} does not support consistent reads (snapshot isolation). As its owner run: "
                    "{allow_snapshots}"
                ),
                where=where,
                allow_snapshots=ALLOW_SNAPSHOTS,
            )
        case Reason.REFUSED:
            return phrase(
                (
                    "{where} refused a statement of Rollcall: {driver}. Nothing was changed. This is a bug in "
                    "Rollcall, or its tables were changed by hand. Report it with the lines of the process log."
                ),
                where=where,
                driver=driver,
            )
        case Reason.UNREACHABLE:
            return phrase("{where} does not answer: {driver}.", where=where, driver=driver)


ALLOW_SNAPSHOTS = "ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON;"
_LOGIN_HINTS = {
    "sqlite": "",
    "postgresql": declared(", and that pg_hba.conf allows this host"),
    "mssql": declared(
        ", that the server allows SQL logins (mixed mode), or, without a user, that this process has "
        "a Kerberos ticket"
    ),
}
_CREATE_HINTS = {
    "sqlite": "",
    "postgresql": declared("Create it: CREATE DATABASE {database} OWNER {user};"),
    "mssql": declared(
        "Create it: CREATE DATABASE [{database}]; then in it CREATE USER [{user}] FOR LOGIN "
        "[{user}]; ALTER ROLE db_owner ADD MEMBER [{user}];"
    ),
}
_CERTIFICATE_HINTS = {
    "sqlite": "",
    "postgresql": declared(
        "Set the authority that issued it with ?sslmode=verify-full&sslrootcert=/path/ca.pem, and "
        "the host as the certificate does."
    ),
    "mssql": declared(
        "Trust the authority that issued it on this host (Debian: update-ca-certificates), and name "
        "the host as the certificate does (or &HostNameInCertificate=). &TrustServerCertificate=yes "
        "turns off all certificate checks."
    ),
}
_ENCRYPTION_HINTS = {
    "sqlite": "",
    "postgresql": declared(
        "Switch on TLS at the server (ssl = on), or set ?sslmode=disable where the network is trusted."
    ),
    "mssql": declared(
        "Give the server a certificate and TLS 1.2, or set &Encrypt=no (FreeTDS: &Encryption=off) "
        "where the network is trusted."
    ),
}
_RIGHT_HINTS = {
    "postgresql": "ALTER DATABASE {database} OWNER TO {user}; or GRANT CREATE ON SCHEMA public TO {user};",
    "mssql": "ALTER ROLE db_owner ADD MEMBER [{user}]; or, once it is migrated, db_datareader and db_datawriter.",
}
_PORT_HINTS = {
    "sqlite": "",
    "postgresql": declared(" (listen_addresses, port 5432)"),
    "mssql": declared(" (SQL Server Configuration Manager: TCP/IP enabled, port 1433)"),
}


def quoted(url: URL, text: str) -> str:
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
    return line.strip().rstrip(".")[:200] or declared("no reason given")
