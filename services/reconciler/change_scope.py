"""Whom a change concerns: the people who changed, and whoever shares a number, an address or an extension with them. Pure.

A plan for these alone decides as a plan for everybody would, because nothing else joins one person's plan to another's: a number
and an address are one extension's only, and an extension is one person's only. What joins everybody (limits, free numbers of a
range, a restored phone system) is told by ``full_run_reasons``.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Protocol

from shared.domain.asked import Asked
from shared.domain.binding import Binding
from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import Rules
from shared.values.keys import email_key


class LastRead(NamedTuple):
    """What the directory said of somebody when they were last read."""

    guid: str
    number: str
    email: str


class Known(Protocol):
    """What is remembered, asked for by keys: never all of it."""

    def last_read(
        self, guids: Collection[str], numbers: Collection[str], emails: Collection[str]
    ) -> Iterable[LastRead]:
        """People with one of these objectGUIDs, numbers or (folded) addresses in the directory, as last read."""

    def bindings(self, guids: Collection[str], extensions: Collection[int]) -> Iterable[Binding]:
        """Links of these people, or to these extensions."""

    def unfinished(self, asked: Asked) -> Iterable[Asked]:
        """For each thing that is not finished yet (steps owed, a former extension, a number given) and concerns any of this:
        whom and what it is about."""


def concerned(
    asked: Asked, people: Iterable[Person], extensions: Iterable[Extension], known: Known, most: int
) -> Asked:
    """Everything that has to be asked, given what was asked and read so far; the same when nothing is missing.

    It stops growing above ``most`` people: then it is no matter for a change run.
    """
    wanted = asked
    for person in people:
        wanted |= _of(number=person.number, email=person.email) | _of(number=person.template)
    for extension in extensions:
        wanted |= Asked(extensions=frozenset({extension.id})) | _of(extension.number, extension.email)
    fresh = wanted
    while fresh and len(wanted.people) <= most:
        found = Asked()
        for row in known.last_read(fresh.people, fresh.numbers, fresh.emails):
            found |= Asked(people=frozenset({row.guid})) | _of(row.number, row.email)
        for binding in known.bindings(fresh.people, fresh.extensions):
            found |= Asked(frozenset({binding.person_guid}), frozenset({binding.extension_id}))
            found |= _of(binding.number)
        for item in known.unfinished(fresh):
            found |= item
        fresh = found - wanted
        wanted |= fresh
    return wanted


def named_in(rules: Rules) -> Asked:
    """The extensions that the rules name: whoever joins is made like a template, whoever leaves goes to the archive."""
    numbers = {unit.template_number for unit in rules.units}
    if rules.archive is not None:
        numbers.add(rules.archive.number)
    return Asked(numbers=frozenset(number for number in numbers if number))


def by_directory(
    guids: Iterable[str], homes: Mapping[str, Collection[str]], directories: Collection[str]
) -> dict[str, set[str]]:
    """Whom each directory is asked about: its own people, and those of whom it is not known whose they are."""
    found: dict[str, set[str]] = {}
    for guid in guids:
        for key in {*homes.get(guid, ())}.intersection(directories) or directories:
            found.setdefault(key, set()).add(guid)
    return found


def _of(number: str | None = None, email: str = "") -> Asked:
    return Asked(
        numbers=frozenset({number} if number else ()), emails=frozenset({email_key(email)} if email else ())
    )
