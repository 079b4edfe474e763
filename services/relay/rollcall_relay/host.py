"""The phone system as found on this host: its layout and its database, looked up anew for each operation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollcall_relay.changes import TABLES, Kind
from rollcall_relay.errors import RelayError, TryAgain
from rollcall_relay.layout import Layout, discover
from rollcall_relay.settings import Settings

if TYPE_CHECKING:
    from rollcall_relay.database import Database


@dataclass(frozen=True, slots=True)
class Host:
    """What an operation works on."""

    settings: Settings
    database: "Database"
    layout: Layout

    def check_target(self, number: str, kinds: frozenset[Kind]) -> None:
        """See that items can be given to the extension.

        :raises RelayError: where no user has that number, or its voicemail is off.
        """
        owner = self.database.owner(number)
        if owner is None:
            raise RelayError(
                "target_missing",
                f"There is no user extension {number} on the phone system, so nothing can be given to it. Create "
                "it, or choose another.",
            )
        if Kind.VOICEMAIL in kinds and (owner["enablevm"] or "").lower() not in {"1", "t", "true"}:
            raise RelayError(
                "target_voicemail_off",
                f"Voicemail is switched off for extension {number}, so voicemails given to it could not be heard. "
                "Switch it on in the 3CX console.",
            )

    def check_rights(self, kinds: frozenset[Kind], *rights: str) -> None:
        """See before anything is copied that the rows can be changed in the end.

        :raises RelayError: ``database_rights``.
        """
        granted = self.database.rights()
        for kind in sorted(kinds):
            missing = [right.upper() for right in rights if right not in granted[TABLES[kind]]]
            if missing:
                raise RelayError(
                    "database_rights",
                    f"The relay's role may not {' and '.join(missing)} rows of {TABLES[kind]} in the database "
                    f"{self.database.name}. Nothing was changed. Let the relay run as the user phonesystem, or grant "
                    "the role SELECT, INSERT and UPDATE on s_voicemail and recordings.",
                )


def open_host(settings: Settings) -> Host:
    """The phone system on this host.

    :raises RelayError: where it is not recognised; the message says what was seen.
    """
    database = find_database(settings)
    return Host(settings, database, discover(settings, database))


def find_database(settings: Settings) -> "Database":
    """The database of 3CX: the one the settings name, else the first that has all of 3CX's tables.

    :raises RelayError: where there is none, or psycopg is not installed.
    """
    try:
        from rollcall_relay import database as adapter
    except ImportError as error:
        raise RelayError(
            "driver_missing",
            "The Python package psycopg is not installed, so the phone system's database cannot be read. On Debian: "
            "apt-get install python3-psycopg.",
        ) from error
    conninfo = adapter.connection_string(settings.database)
    names = [""] if adapter.has_name(conninfo) else adapter.database_names(conninfo)
    seen: list[str] = []
    for name in names:
        database = adapter.Database(adapter.named(conninfo, name) if name else conninfo)
        try:
            missing = database.missing_columns()
        except TryAgain:
            if not name:
                raise
            seen.append(f"{name} cannot be read")
            continue
        if not missing:
            return database
        seen.append(
            f"{database.name} lacks {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}"
        )
    raise RelayError(
        "layout_not_recognised",
        "The relay does not recognise a 3CX V20 database on this host, and changes nothing. It saw: "
        f"{'; '.join(seen) or 'no database'}. Set 'database' in the relay's settings file.",
    )
