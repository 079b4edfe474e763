"""Attributes that most people of a unit, or of all, had in 3CX and nobody has in the directory any more. Pure.

Whether a script wiped them or the right to read them was taken away looks the same, so what would be emptied for it
is put in doubt.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension
from shared.domain.person import AccountState, Person
from shared.domain.plan import Emptied

_FIELDS = ("first_name", "last_name", "email", "mobile")
_GOING = (CommandKind.DISABLE_EXTENSION, CommandKind.ARCHIVE_EXTENSION, CommandKind.DELETE_EXTENSION)
# Of so many who had a value one may still have it, or have been given one since.
_STILL = 10


@dataclass(slots=True)
class _Count:
    people: int = 0
    had: int = 0
    have: int = 0

    def add(self, before: object, now: object) -> None:
        """One more person, with the value in 3CX and that in the directory."""
        self.people += 1
        self.had += bool(before)
        self.have += bool(now)

    @property
    def is_emptied(self) -> bool:
        """Whether most had a value and (nearly) nobody has one. Of one person it says nothing."""
        return self.had > 1 and self.had * 2 > self.people and self.have * _STILL <= self.had


def emptied_attributes(
    people: Iterable[Person],
    extension_of: Mapping[str, Extension],
    in_sync: Iterable[tuple[Person, Extension]],
    commands: Iterable[Command],
) -> tuple[Emptied, ...]:
    """For each such attribute and place (a unit, ``None`` for all) the commands that would empty or disable for it."""
    listed = list(people)
    without_number = {
        person.guid
        for person in listed
        if person.number is None and person.account_state is AccountState.ENABLED
    }
    rows: dict[tuple[str, str | None], list[int]] = {}
    for command in commands:
        for name in _emptied_by(command, without_number):
            for place in (None, command.unit):
                rows.setdefault((name, place), []).append(command.sequence)
    # Usually nothing is emptied for more than one, and nobody needs to be counted.
    counts = {key: _Count() for key, sequences in rows.items() if len(sequences) > 1}
    names = {name for name, _place in counts}
    linked = (
        (person, extension)
        for person in listed
        if (extension := extension_of.get(person.guid)) is not None
        and person.account_state is AccountState.ENABLED
    )
    for person, extension in chain(linked, in_sync) if names else ():
        for name in names:
            for place in (None, person.unit):
                if (name, place) in counts:
                    counts[name, place].add(getattr(extension, name), getattr(person, name))
    return tuple(
        Emptied(name, place, count.had, count.people, tuple(rows[name, place]))
        for (name, place), count in sorted(counts.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        if count.is_emptied
    )


def _emptied_by(command: Command, without_number: set[str]) -> Iterable[str]:
    if command.kind in _GOING:
        if command.person_guid in without_number:
            yield "number"
    elif command.kind in (CommandKind.UPDATE_EXTENSION, CommandKind.RENUMBER_EXTENSION):
        yield from (
            name
            for name in _FIELDS
            if name in command.after and not command.after[name] and command.before.get(name)
        )
