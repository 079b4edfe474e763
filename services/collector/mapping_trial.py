"""Tries what gives a field its value on real people, before it is saved. Called by ``questions``.

What is shown is what a run would read: the same mapping, with the settings as stored and as they would be.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from services.collector.active_directory import ActiveDirectory
from services.collector.mapping import Attributes, PersonMapping, UnusableEntry, value_of
from services.collector.people import mapping_of, sources_of
from services.collector.reader import RawEntry
from shared.domain.further import FURTHER, cannot_be_set
from shared.domain.person import AccountState, Person
from shared.mapping.compiling import each_once
from shared.settings.documents import DirectorySettings

# Enough to see what happens, and read in a second or two.
MOST_PEOPLE = 5000
ROWS_SHOWN = 50
# So many rows at most of one kind that is worth seeing, so that none crowds the others out.
_ROWS_OF_A_KIND = 10
_COLLISIONS_SHOWN = 20
_NAMES_SHOWN = 5
_SHOWN_CHARACTERS = 80
# Only of these two people may have the same.
_ONE_PERSON_EACH = ("number", "email")


@dataclass(frozen=True, slots=True)
class Row:
    """One person: what they have in the attributes that are read, the field with the settings as stored, and as tried."""

    name: str
    read: Mapping[str, str]
    before: str
    after: str
    problem: str
    is_enabled: bool


@dataclass(slots=True)
class Trial:
    """What trying a field gave so far."""

    name: str
    rows: list[Row] = field(default_factory=list)
    holders: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, before: Person, after: Person, read: Mapping[str, str]) -> None:
        """One more person."""
        row = Row(
            after.name,
            read,
            value_in(before, self.name),
            value_in(after, self.name),
            problem_in(after, self.name),
            after.account_state is AccountState.ENABLED,
        )
        self.rows.append(row)
        if row.after and row.is_enabled and self.name in _ONE_PERSON_EACH:
            self.holders[row.after.casefold()].append(row.name)

    def answer(self, *, is_all: bool) -> dict[str, Any]:
        """All of it in figures, and the rows that are worth seeing."""
        shared = {value: names for value, names in self.holders.items() if len(names) > 1}
        return {
            "field": self.name,
            "people": len(self.rows),
            "is_all": is_all,
            "changed": sum(row.after != row.before for row in self.rows),
            "empty": sum(not row.after and not row.problem for row in self.rows),
            "problems": sum(bool(row.problem) for row in self.rows),
            "colliding": sum(map(len, shared.values())),
            "collisions": [
                {"value": value, "people": len(names), "names": sorted(names)[:_NAMES_SHOWN]}
                for value, names in sorted(shared.items(), key=lambda item: (-len(item[1]), item[0]))
            ][:_COLLISIONS_SHOWN],
            "rows": [
                {
                    "name": row.name,
                    "read": row.read,
                    "before": row.before,
                    "after": row.after,
                    "problem": row.problem,
                    "collides": row.after.casefold() in shared,
                }
                for row in self._worth_seeing(shared)
            ],
        }

    def _worth_seeing(self, shared: Mapping[str, Sequence[str]]) -> list[Row]:
        """Some with a problem, some that share a value, some with nothing, then those that change, then the others."""
        kinds: dict[str, list[Row]] = {kind: [] for kind in ("problem", "shared", "empty", "changed", "same")}
        for row in self.rows:
            if row.problem:
                kind = "problem"
            elif row.after.casefold() in shared:
                kind = "shared"
            elif not row.after:
                kind = "empty"
            else:
                kind = "same" if row.after == row.before else "changed"
            kinds[kind].append(row)
        first = [row for kind in ("problem", "shared", "empty") for row in kinds[kind][:_ROWS_OF_A_KIND]]
        rest = [*kinds["changed"], *kinds["same"]]
        rest += [row for kind in ("problem", "shared", "empty") for row in kinds[kind][_ROWS_OF_A_KIND:]]
        return [*first, *rest][:ROWS_SHOWN]


def value_in(person: Person, name: str) -> str:
    """A field of a person as one text."""
    if name in FURTHER:
        return dict(person.further).get(name, "")
    value = person.departments if name == "department" else getattr(person, name)
    return ", ".join(value) if isinstance(value, tuple) else value or ""


def problem_in(person: Person, name: str) -> str:
    """Why the field has no value, in a sentence; empty when nothing is the matter."""
    if name == "number":
        return person.number_problem or ""
    value = value_in(person, name)
    return dict(person.unmapped).get(name) or (cannot_be_set(name, value) if value else "")


def try_field(stored: DirectorySettings, wanted: DirectorySettings, name: str) -> dict[str, Any]:
    """What a field would be for the people of the units with ``wanted``, beside what it is as ``stored``.

    :raises RollcallError: the directory cannot be read, or its schema lacks an attribute.
    """
    now = datetime.now(UTC)
    after = sources_of(wanted)
    mapping = after.mappings().get(name)
    shown = mapping.attributes if mapping is not None else ()
    requested = each_once((*after.requested(), *sources_of(stored).requested()))
    trial, is_all = Trial(name), True
    with ActiveDirectory(wanted) as directory:
        domain = directory.domain()
        directory.check_attributes(shown, domain.schema_dn)
        people_filter = directory.people_filter()
        units = [unit.dn for unit in wanted.units] or [domain.base_dn]
        # Whether an account that is disabled counts is a matter of its unit.
        mappings = {unit: (mapping_of(stored, unit, now), mapping_of(wanted, unit, now)) for unit in units}
        entries = (
            (mappings[unit], entry)
            for unit in units
            for page in directory.people_pages(unit, people_filter, requested)
            for entry in page
        )
        for old, new, attributes in _people(entries):
            if len(trial.rows) == MOST_PEOPLE:
                is_all = False
                break
            trial.add(old, new, {name: _shown(attributes, name) for name in shown})
    return trial.answer(is_all=is_all)


def _people(
    entries: Iterable[tuple[tuple[PersonMapping, PersonMapping], RawEntry]],
) -> Iterator[tuple[Person, Person, Attributes]]:
    seen: set[str] = set()
    for (before, after), entry in entries:
        dn, attributes = entry.distinguished_name, entry.attributes
        try:
            old, new = before.person(dn, attributes), after.person(dn, attributes)
        except UnusableEntry:
            continue
        if new.guid not in seen:
            seen.add(new.guid)
            yield old, new, attributes


def _shown(attributes: Attributes, name: str) -> str:
    value = value_of(attributes.get(name.lower()))
    return ("; ".join(value) if isinstance(value, tuple) else value)[:_SHOWN_CHARACTERS]
