"""What the plan's sentences rest on: which readings were complete, and what was said of the absent. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.person import AbsentPerson, Person
from shared.domain.rules import UnitSnapshot
from shared.language import declared, phrase


@dataclass(frozen=True, slots=True)
class Evidence:
    """The readings of all units and the facts about bound people found in none of them.

    ``looked_up`` says where and when, if only the people concerned were looked up, by objectGUID: then nothing is counted.
    """

    units: tuple[UnitSnapshot, ...]
    absent: dict[str, AbsentPerson]
    people: int
    looked_up: str = ""

    @classmethod
    def of(
        cls,
        units: tuple[UnitSnapshot, ...],
        absent: Iterable[AbsentPerson],
        people: int,
        looked_up: str = "",
    ) -> "Evidence":
        """From what was read."""
        return cls(units, {item.guid: item for item in absent}, people, looked_up)

    @property
    def proves_absence(self) -> bool:
        """Whether not being found anywhere means anything: every unit read to its end, and not all of them empty."""
        is_whole = bool(self.units) and all(unit.is_complete for unit in self.units)
        return is_whole and (self.people > 0 or bool(self.looked_up))

    @property
    def _has_several(self) -> bool:
        return any(unit.directory_title for unit in self.units)

    def _proves(self, directory: str | None) -> bool:
        """The same of one directory of a site that has several; ``None`` is all of them."""
        if directory is None or not self._has_several:
            return self.proves_absence
        units = [unit for unit in self.units if unit.directory == directory]
        is_whole = all(unit.is_complete for unit in units)
        return is_whole and (any(unit.people for unit in units) or bool(self.looked_up))

    def proves_of(self, person: Person | None, guid: str | None) -> bool:
        """Whether what removes somebody, present or (by ``guid``) absent, may go by what was read of their directory."""
        if person is not None:
            return self.proves_of_unit(person.unit)
        fact = self.absent.get(guid or "")
        return self._proves(fact.directory if fact is not None else None)

    def proves_of_unit(self, distinguished_name: str) -> bool:
        """Whether who is not found any more in a unit of the settings is not there."""
        return self._proves(
            next((unit.directory for unit in self.units if is_same(unit, distinguished_name)), None)
        )

    def fact_of(self, guid: str) -> AbsentPerson | None:
        """What is proven of somebody absent; ``None`` in doubt."""
        fact = self.absent.get(guid)
        return fact if fact is not None and self._proves(fact.directory) else None

    @property
    def proves_nothing(self) -> bool:
        """Whether no directory of the site was read to its end."""
        return not any(self._proves(unit.directory) for unit in self.units)

    def why_held_back(self) -> str:
        """The sentence for the changes that wait for proof."""
        empty = sorted({unit.directory_title for unit in self.units if not self._proves(unit.directory)})
        if self.proves_absence and empty:
            return phrase(
                "Nobody from {empty} is removed in this run, because no people were found there. Check the OUs, the "
                "filter and the account's rights.",
                empty=", ".join(empty),
            )
        if self.proves_absence:
            return declared("Some people could not be looked up in the directory, so they are not removed.")
        broken = [unit for unit in self.units if not unit.is_complete]
        if broken:
            named = "; ".join(f"{unit.distinguished_name}: {unit.problem or 'not read'}" for unit in broken)
            silent = sorted({unit.directory_title for unit in broken if unit.directory_title})
            if silent and not self.proves_nothing:
                return phrase(
                    (
                        "Nobody from {silent} is removed in this run, because not every organizational unit there "
                        "was read completely ({units}). The other directories are not affected."
                    ),
                    silent=", ".join(silent),
                    units=named,
                )
            return phrase(
                "Nobody is removed in this run, because not every organizational unit was read completely "
                "({units}).",
                units=named,
            )
        return declared(
            "Nobody is removed in this run, because the directory returned no people. Check the OUs, the "
            "filter and the account's rights."
        )

    def of_presence(self, person: Person) -> str:
        """Where the person was read."""
        if self.looked_up:
            return phrase(
                "{distinguished_name}, read {looked_up}.",
                distinguished_name=person.distinguished_name,
                looked_up=self.looked_up,
            )
        for unit in self.units:
            if is_same(unit, person.unit):
                when = (
                    phrase(" at {completed_at}", completed_at=unit.completed_at) if unit.completed_at else ""
                )
                source = phrase(" from {source}", source=unit.source) if unit.source else ""
                return phrase(
                    "{distinguished_name}, read{when}{source}.",
                    distinguished_name=person.distinguished_name,
                    when=when,
                    source=source,
                )
        return f"{person.distinguished_name}."

    def of_absence(self, guid: str) -> str:
        """Where the person was looked for and not found."""
        looked = "; ".join(
            phrase(
                "{distinguished_name} (read complete{when}{source}, {people} people)",
                distinguished_name=unit.distinguished_name,
                when=phrase(" at {completed_at}", completed_at=unit.completed_at)
                if unit.completed_at
                else "",
                source=phrase(" from {source}", source=unit.source) if unit.source else "",
                people=unit.people,
            )
            for unit in self.units
            if unit.is_complete
        )
        if self.looked_up:
            looked = phrase("the selected OUs, looked up by objectGUID {looked_up}", looked_up=self.looked_up)
        fact = self.absent.get(guid)
        if fact is None:
            return phrase("Not found in {units}.", units=looked)
        if fact.found:
            return phrase(
                "Not found in {units}; the person is now at {distinguished_name}.",
                units=looked,
                distinguished_name=fact.distinguished_name,
            )
        return phrase("Not found in {units}; no object with this GUID exists in the domain.", units=looked)


def is_same(unit: UnitSnapshot, distinguished_name: str) -> bool:
    """Whether the reading is that of the unit."""
    return unit.distinguished_name.casefold() == distinguished_name.casefold()
