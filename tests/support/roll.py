"""A roll as a full run leaves it, for tests of what reads it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.database.engine import Database
from shared.domain.extension import Extension, Membership
from shared.domain.person import Person, Presence
from shared.roll.entry import Drift, Entry, RollState
from shared.roll.reading import take_reading
from shared.worker.context import Context

SALES, SUPPORT = "OU=Sales,DC=corp,DC=example", "OU=Support,DC=corp,DC=example"
READ_AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def person(guid: str, first: str, last: str, number: str | None, unit: str = SALES, **more: str) -> Person:
    """Somebody of a unit, with login and address made of the name."""
    login = f"{first}.{last}".casefold()
    return Person(
        guid, f"CN={first} {last},{unit}", unit, first, last, email=f"{login}@corp.example", number=number, login=login
    )  # fmt: skip


def extension(id_: int, first: str, last: str, number: str, department: str = "Sales") -> Extension:
    """An extension of one department."""
    email = f"{first}.{last}@corp.example".casefold() if last else ""
    return Extension(
        id_, number, first, last, email, memberships=(Membership(1, department),), primary_department_id=1
    )


ZOE, OLA, TOM = (f"0f8fad5b-d9cb-469f-a165-00000000000{number}" for number in (1, 2, 3))
COMPANY = (
    Entry(
        ZOE,
        RollState.IN_SYNC,
        person(ZOE, "Zoë", "Ängström", "201"),
        Presence.SELECTED,
        extension(31, "Zoë", "Ängström", "201"),
    ),
    Entry(
        OLA,
        RollState.CONFLICT,
        person(OLA, "Ola", "Berg", "202", SUPPORT),
        Presence.SELECTED,
        extension(32, "Ola", "Borg", "202", "Support"),
        "Two people have 202.",
        drift=(Drift("last_name", "Borg", "Berg", "Berg", "Grace Hopper", "2026-11-30T09:14:02Z"),),
    ),
    Entry(TOM, RollState.NO_NUMBER, person(TOM, "Tom", "Abel", None), Presence.SELECTED, None, "No number in the directory."),
    Entry("extension 40", RollState.PROTECTED, extension=extension(40, "Front", "Desk", "900"), reason="Never changed."),
)  # fmt: skip


def fill(
    context: Context, entries: Sequence[Entry] = COMPANY, site: str = "default", at: datetime = READ_AT
) -> None:
    """Let a full run have read these."""
    fill_database(context.database, entries, site, at)


def fill_database(
    database: Database, entries: Sequence[Entry] = COMPANY, site: str = "default", at: datetime = READ_AT
) -> None:
    """The same, with nothing but a database."""
    with database.begin() as session:
        take_reading(session, site, 1, entries, lambda _entry: True, at)
