"""A day passes in a company: people join, leave, marry, change department, and lose their accounts."""

import random
from dataclasses import dataclass

from services.sandbox.directory import names
from services.sandbox.directory.directory import DISABLED, Directory
from services.sandbox.directory.entry import Entry
from services.sandbox.directory.people import People, add_person, plain

_JOINING, _LEAVING, _RENAMED = 0.01, 0.005, 0.005


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened, by DN; ``renamed`` and ``moved`` have the name before and the name after."""

    joined: tuple[str, ...]
    left: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    moved: tuple[str, str] | None
    disabled: str | None


def change_company(directory: Directory, seed: int = 1) -> Changes:
    """Let a day pass; works on any directory that has people in units. The same seed does the same to the same directory.

    Only people without oddities change, so that what a careful look found yesterday it finds today.
    """
    chance = random.Random(f"next day {seed} {directory.highest_usn}")  # noqa: S311
    people = _ordinary(directory)
    chance.shuffle(people)
    count = len(directory.people())

    def take(wanted: int) -> list[Entry]:
        taken = people[:wanted]
        del people[:wanted]
        return taken

    left = take(_share(count, _LEAVING))
    for leaver in left:
        directory.delete(leaver.dn)
    renamed = tuple((entry.dn, _marry(directory, entry, chance)) for entry in take(_share(count, _RENAMED)))
    moved = next(((entry.dn, _move(directory, entry, chance)) for entry in take(1)), None)
    disabled = next((entry.dn for entry in take(1)), None)
    if disabled is not None:
        directory.disable(disabled)
    joined = _join(directory, _share(count, _JOINING) + 1, seed, chance)
    return Changes(tuple(joined), tuple(entry.dn for entry in left), renamed, moved, disabled)


def _share(count: int, part: float) -> int:
    return max(round(count * part), 1) if count else 0


def _ordinary(directory: Directory) -> list[Entry]:
    """The people with an account, a number and a mail address of their own."""
    people = directory.people()
    seen: dict[tuple[str, str | None], int] = {}
    for entry in people:
        for attribute in ("telephoneNumber", "mail"):
            value = attribute, entry.text(attribute)
            seen[value] = seen.get(value, 0) + 1
    return [
        entry
        for entry in people
        if not entry.number("userAccountControl") & DISABLED
        and any(digit.isdigit() for digit in entry.text("telephoneNumber") or "")
        and all(seen[attribute, entry.text(attribute)] == 1 for attribute in ("telephoneNumber", "mail"))
    ]


def _marry(directory: Directory, entry: Entry, chance: random.Random) -> str:
    """A new surname, and with it display name and mail; login and number stay, as in most companies."""
    given = entry.text("givenName") or ""
    surname = f"{entry.text('sn')}-{chance.choice(('Berg', 'Hill', 'Lund', 'Stone', 'Vale'))}"
    taken = {other.text("cn") for other in directory.entries()}
    name = f"{given} {surname}"
    if name in taken:
        name = f"{name} ({entry.text('sAMAccountName')})"
    mail = f"{plain(given)}.{plain(surname)}.{entry.text('sAMAccountName')}@{directory.domain}"
    directory.modify(entry.dn, {"sn": surname, "displayName": f"{given} {surname}", "mail": mail})
    return directory.rename(entry.dn, name)


def _move(directory: Directory, entry: Entry, chance: random.Random) -> str:
    own = names.key(names.parent(entry.dn))
    others = [unit for unit in directory.units if names.key(unit) != own]
    if not others:
        return entry.dn
    unit = chance.choice(others)
    directory.modify(entry.dn, {"department": _unit_name(unit)})
    return directory.move(entry.dn, unit)


def _join(directory: Directory, count: int, seed: int, chance: random.Random) -> list[str]:
    supply = People(directory, seed + directory.highest_usn)
    numbers = [_extension(entry.text("telephoneNumber") or "") for entry in directory.people()]
    highest = max(numbers, default=999)
    units = directory.units
    joined = []
    for index in range(count if units else 0):
        unit = chance.choice(units)
        department = _unit_name(unit)
        joined.append(
            add_person(
                directory, unit, department, supply.next(department), str(max(highest, 999) + 1 + index)
            )
        )
    return joined


def _extension(written: str) -> int:
    """The extension in a number as it is written, 0 when there is none."""
    last = written.rpartition("x")[2].strip()
    return int(last) if last.isdecimal() and len(last) <= 6 else 0


def _unit_name(unit: str) -> str:
    return names.split(unit)[0][1]
