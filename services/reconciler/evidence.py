"""What the plan's sentences rest on: which readings were complete, and what was said of the absent. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.person import AbsentPerson, Person
from shared.domain.rules import UnitSnapshot


@dataclass(frozen=True, slots=True)
class Evidence:
    """The readings of all units and the facts about bound people found in none of them."""

    units: tuple[UnitSnapshot, ...]
    absent: dict[str, AbsentPerson]
    people: int

    @classmethod
    def of(cls, units: tuple[UnitSnapshot, ...], absent: Iterable[AbsentPerson], people: int) -> "Evidence":
        """From what was read."""
        return cls(units, {item.guid: item for item in absent}, people)

    @property
    def proves_absence(self) -> bool:
        """Whether not being found means anything: every unit read to its end, and not all of them empty."""
        return bool(self.units) and all(unit.is_complete for unit in self.units) and self.people > 0

    def why_held_back(self) -> str:
        """The sentence for the changes that wait for proof."""
        if self.proves_absence:
            return "Some people could not be looked up in the directory, so they are not removed."
        broken = [unit for unit in self.units if not unit.is_complete]
        if broken:
            named = "; ".join(f"{unit.distinguished_name}: {unit.problem or 'not read'}" for unit in broken)
            return (
                "Nobody is removed in this run, because not every organizational unit was read completely "
                f"({named})."
            )
        return (
            "Nobody is removed in this run, because the directory returned no people. Check the OUs, the "
            "filter and "
            "the account's rights."
        )

    def of_presence(self, person: Person) -> str:
        """Where the person was read."""
        for unit in self.units:
            if unit.distinguished_name.casefold() == person.unit.casefold():
                when = f" at {unit.completed_at}" if unit.completed_at else ""
                source = f" from {unit.source}" if unit.source else ""
                return f"{person.distinguished_name}, read{when}{source}."
        return f"{person.distinguished_name}."

    def of_absence(self, guid: str) -> str:
        """Where the person was looked for and not found."""
        looked = "; ".join(
            f"{unit.distinguished_name} (read "
            f"complete{f' at {unit.completed_at}' if unit.completed_at else ''}"
            f"{f' from {unit.source}' if unit.source else ''}, {unit.people} people)"
            for unit in self.units
        )
        fact = self.absent.get(guid)
        if fact is None:
            return f"Not found in {looked}."
        if fact.found:
            return f"Not found in {looked}; the person is now at {fact.distinguished_name}."
        return f"Not found in {looked}; no object with this GUID exists in the domain."
