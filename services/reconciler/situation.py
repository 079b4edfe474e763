"""Both ends and what is remembered of them, as one plan sees them, by every key they are looked up with. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from services.reconciler.evidence import Evidence
from services.reconciler.grace import Graces
from services.reconciler.reserved_numbers import ReservedNumbers
from shared.domain.binding import Binding, LeftBehind
from shared.domain.exclusions import Exclusions
from shared.domain.extension import Extension, Peer, PhoneSystemSnapshot
from shared.domain.grace import Departure, Grace
from shared.domain.owed import Owed
from shared.domain.person import AccountState, Person
from shared.domain.protection import protection_of, reserved_by
from shared.domain.rules import Outcome, Rules
from shared.values.keys import NameKey, email_key, name_key


@dataclass(frozen=True, slots=True)
class AssignedNumber:
    """A number that somebody has although the directory gives them none; ``how`` they came by it, for a sentence.

    ``is_given`` is whether Rollcall gave it: else it is the number of the extension that they have.
    """

    number: str
    how: str
    is_given: bool = True


class Situation:
    """People by GUID, each once, the phone system, the bindings, the rules and the evidence.

    ``assigned`` are, by GUID, the numbers of people to whom the directory gives none; ``people`` have them. ``migrated`` are
    accounts of people who have another one in another domain now, which is among ``people``: its GUID by theirs.
    """

    def __init__(
        self,
        people: dict[str, Person],
        phone_system: PhoneSystemSnapshot,
        bindings: Iterable[Binding],
        rules: Rules,
        evidence: Evidence,
        left_behind: Iterable[LeftBehind] = (),
        owed: Iterable[Owed] = (),
        graces: Iterable[Grace] = (),
        *,
        migrated: Mapping[str, str] | None = None,
        now: datetime,
    ) -> None:
        self.people = people
        self.migrated = migrated or {}
        self.phone_system = phone_system
        self.rules = rules
        self.evidence = evidence
        self.bindings = {binding.person_guid: binding for binding in bindings}
        self.by_id = {extension.id: extension for extension in phone_system.extensions}
        self.exclusions = Exclusions(rules.exclusions)
        self.templates = {unit.distinguished_name.casefold(): unit.template_number for unit in rules.units}
        self.with_memberships = {
            unit.distinguished_name.casefold() for unit in rules.units if unit.template_memberships
        }
        self.reserved = reserved_by(rules)
        self.reserved |= {person.template for person in people.values() if person.template}
        self.kept_free = ReservedNumbers(rules.reserved_numbers, phone_system)
        self._left_behind = left_behind
        self.graces = Graces(graces, rules, now)
        self.owed = sorted(owed, key=lambda item: item.number)
        self.assigned_numbers: Mapping[str, AssignedNumber] = {}

    # The usual run changes nothing and needs none of these, so they are made on demand.

    @cached_property
    def by_number(self) -> dict[str, Extension]:
        """Extensions by number; a number is one extension's only."""
        return {extension.number: extension for extension in self.phone_system.extensions}

    @cached_property
    def by_email(self) -> dict[str, Extension]:
        """Extensions by folded e-mail; of several with one address, which old systems have, the oldest."""
        found: dict[str, Extension] = {}
        for extension in sorted(self.phone_system.extensions, key=lambda item: item.id):
            if extension.email:
                found.setdefault(email_key(extension.email), extension)
        return found

    @cached_property
    def by_name(self) -> dict[NameKey, list[Extension]]:
        """Extensions by the name they show."""
        found: defaultdict[NameKey, list[Extension]] = defaultdict(list)
        for extension in self.phone_system.extensions:
            found[name_key(extension.first_name, extension.last_name)].append(extension)
        return found

    @cached_property
    def left_behind(self) -> dict[int, LeftBehind]:
        """By extension id: former extensions that are still there as they were left, and nobody's since."""
        bound = {binding.extension_id for binding in self.bindings.values()}
        found: dict[int, LeftBehind] = {}
        for item in sorted(self._left_behind, key=lambda item: item.new_number):
            extension = self.by_id.get(item.extension_id)
            if extension is None or extension.id in bound:
                continue
            if item.number and item.number != extension.number:
                continue
            names = (extension.first_name, extension.last_name)
            if names == (item.first_name, item.last_name) and not (
                self.excludes(extension) or self.exclusions.hold_name(item.person_name)
            ):
                found[item.extension_id] = item
        return found

    @cached_property
    def peers(self) -> dict[str, Peer]:
        """What holds a number and is not a user, by number."""
        return {peer.number: peer for peer in self.phone_system.peers}

    def protection(self, extension: Extension) -> str | None:
        """What the extension is that is never removed, renumbered or taken over; ``None`` for all others."""
        return protection_of(extension, self.reserved)

    def excludes(self, extension: Extension) -> bool:
        """Whether the rules leave the extension alone."""
        return bool(self.exclusions) and self.exclusions.hold_extension(extension)

    def excludes_holder(self, guid: str, extension: Extension) -> bool:
        """Whether the rules leave the bound person or their extension alone."""
        if not self.exclusions:
            return False
        person = self.people.get(guid)
        if person is not None:
            return self.exclusions.hold_person(person) or self.exclusions.hold_extension(extension)
        name = self.bindings[guid].person_name or extension.name
        return self.exclusions.hold_extension(extension) or self.exclusions.hold_name(name)

    def departure(self, guid: str) -> Departure | None:
        """How somebody leaves their extension; ``None`` of everybody else, and in doubt."""
        person = self.people.get(guid)
        if person is None:
            if guid in self.migrated:
                return Departure.MOVED_OUT
            fact = self.evidence.fact_of(guid)
            if fact is None:
                return None
            return Departure.MOVED_OUT if fact.found else Departure.DELETED
        if person.account_state is not AccountState.ENABLED:
            return Departure.DISABLED
        if person.number is None and person.number_problem is None:
            return Departure.NUMBER_CLEARED
        return None

    def leaving(self, guid: str, extension: Extension) -> Outcome | None:
        """What is done today with the extension of somebody who leaves it; ``None`` of everybody else, and in doubt."""
        departure = self.departure(guid)
        return None if departure is None else self.graces.outcome(guid, departure, extension)
