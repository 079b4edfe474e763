"""What the ODBC driver manager is given for SQL Server: which driver, and each driver's own words."""

import platform
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL

from shared.distribution import install_with
from shared.errors import DriverMissing, SettingsInvalid
from shared.language import declared, phrase

# Where the package ``mssql-python-odbc`` keeps its driver, by what the system is or is like.
_DRIVER_FOLDERS = {
    "debian_ubuntu": {"debian", "ubuntu"},
    "rhel": {"rhel", "fedora", "centos"},
    "suse": {"suse", "opensuse", "sles"},
    "alpine": {"alpine"},
}
# Microsoft's drivers, newest first, then the free one.
SQL_SERVER_DRIVERS = ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server", "FreeTDS")


def host_of(url: URL) -> str:
    """The host, with its instance of SQL Server; in a URL its backslash may have to be written as %5C."""
    return re.sub("%5C", r"\\", url.host or "localhost", flags=re.IGNORECASE)


def packaged_driver() -> str:
    """The path of Microsoft's ODBC driver where the package ``mssql-python-odbc`` has brought it, else nothing."""
    found = find_spec("mssql_python_odbc")
    if found is None or not found.origin:
        return ""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return ""
    likes = {system.get("ID", ""), *system.get("ID_LIKE", "").split()}
    folder = next((name for name, ids in _DRIVER_FOLDERS.items() if likes & ids), "")
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    libraries = Path(found.origin).parent / "libs" / "linux" / folder / machine / "lib"
    return next((str(path) for path in sorted(libraries.glob("libmsodbcsql-*.so*"))), "") if folder else ""


def odbc_connection_string(url: URL, drivers: list[str], packaged: str = "") -> str:
    """What the ODBC driver manager is given for a URL of SQL Server. ``packaged`` is a driver's path, taken before
    those that are installed.

    :raises DriverMissing: neither the driver that the URL names nor one that Rollcall knows is installed.
    """
    if "odbc_connect" in url.query:
        return str(url.query["odbc_connect"])
    given = {name.lower(): str(value) for name, value in url.query.items()}
    driver = (
        given.pop("driver", "")
        or packaged
        or next((name for name in SQL_SERVER_DRIVERS if name in drivers), "")
    )
    # A path names the library itself; the driver manager says whether it is there.
    if not driver or (driver not in drivers and "/" not in driver):
        raise _no_odbc_driver(driver, drivers)
    is_free = "freetds" in driver.lower() or "tdsodbc" in driver.lower()
    _refuse_unproven(given, is_free=is_free)
    words = {
        "Driver": "{" + driver + "}",
        "Server": _server(_escaped(host_of(url)), url.port, is_free=is_free),
    }
    if is_free and url.port:
        words["Port"] = str(url.port)
    words["Database"] = _escaped(url.database or "")
    if url.username:
        words |= {
            "UID": _escaped(url.username, is_free=is_free),
            "PWD": _escaped(str(url.password or ""), is_free=is_free),
        }
    elif "authentication" not in given:
        words["Trusted_Connection"] = "Yes"
    words["APP"] = "Rollcall"
    if is_free and "encrypt" in given:
        given["encryption"] = (
            "off" if given.pop("encrypt").lower() in ("no", "false", "optional") else "require"
        )
    # Each driver has its own word for "nothing in the clear"; Microsoft's 17 would not encrypt by itself.
    words |= {"TDS_Version": "7.4", "Encryption": "require"} if is_free else {"Encrypt": "yes"}
    known = {name.lower(): name for name in words}
    words |= {known.get(name, name): _escaped(value) for name, value in given.items()}
    return ";".join(f"{name}={value}" for name, value in words.items())


def _server(host: str, port: int | None, *, is_free: bool) -> str:
    return f"{host},{port}" if port and not is_free else host


def _escaped(value: str, *, is_free: bool = False) -> str:
    # Signs that would end the value, or begin another (ODBC's rules for connection strings).
    if any(sign in value for sign in ";{}[](),?*=!@ "):
        # FreeTDS takes the brackets off and leaves the rest as it is.
        return "{" + (value if is_free else value.replace("}", "}}")) + "}"
    return value


def _refuse_unproven(given: Mapping[str, str], *, is_free: bool) -> None:
    asked = {
        "encrypt": ("strict",),
        "encryption": ("verify", "strict"),
        "trustservercertificate": ("no", "false"),
    }
    for name, values in asked.items():
        if is_free and given.get(name, "").lower() in values:
            raise SettingsInvalid(
                phrase(
                    (
                        "The database's address requires a verified certificate ({name}={given}), which the FreeTDS "
                        "driver does not check. Use Microsoft's driver ({install_with} installs it), or remove the "
                        "option."
                    ),
                    name=name,
                    given=given[name],
                    install_with=install_with("sqlserver"),
                )
            )


def _no_odbc_driver(wanted: str, drivers: list[str]) -> DriverMissing:
    there = ", ".join(drivers) or "none"
    what = (
        phrase("the ODBC driver '{wanted}', which is not installed", wanted=wanted)
        if wanted
        else declared("an ODBC driver, and none is installed")
    )
    return DriverMissing(
        phrase(
            (
                "SQL Server needs {what} (installed: {installed}). Install Microsoft's ({install_with} installs "
                "it, or its package msodbcsql18), or the free one: apt-get install tdsodbc."
            ),
            what=what,
            installed=there,
            install_with=install_with("sqlserver"),
        ),
        package="msodbcsql18",
    )
