"""Which number somebody has to whom the directory gives none: one from the range of their unit. Pure.

Decided before anything else: to the rest of the planner they are people with a number. Whoever was given a number keeps it,
whatever becomes of the ranges; a new one is given only when every unit was read to its end, because somebody not read yet may
have it in the directory.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.reconciler.matching import shows
from services.reconciler.ranges import Pool, Stock, ranges_of
from services.reconciler.situation import AssignedNumber, Situation
from shared.domain.extension import Extension
from shared.domain.numbers import GivenNumber
from shared.domain.person import AccountState, Person
from shared.domain.rules import NumberRange
from shared.language import phrase
from shared.values.keys import email_key


@dataclass
class NumberAssignments:
    """``people`` are all people, those without a number with the one they have or get; ``of`` says of whom that is, and how.

    ``without`` are those for whom no number is left, by what their ranges are called. ``waiting`` is how many get none before
    every unit is read.
    """

    people: dict[str, Person]
    of: dict[str, AssignedNumber] = field(default_factory=dict)
    stocks: tuple[Stock, ...] = ()
    without: dict[str, list[Person]] = field(default_factory=dict)
    waiting: int = 0


def assign_numbers(situation: Situation, known: Iterable[GivenNumber], now: datetime) -> NumberAssignments:
    """Decide who has which number. Equal inputs give an equal answer, in whatever order they come."""
    rows = {item.number: item for item in known}
    assigned = NumberAssignments(situation.people)
    if not rows and not situation.rules.number_ranges:
        return assigned
    assigner = _Assigner(situation, rows, now)
    newcomers: list[Person] = []
    for person in situation.people.values():
        if _is_without(situation, person):
            assigned_number = assigner.kept(person)
            if assigned_number is not None:
                assigned.of[person.guid] = assigned_number
            elif assigner.pool_of(person.unit) is not None and person.guid not in situation.bindings:
                newcomers.append(person)
    # By name, so that a list of numbers looks like one; the rest only makes it certain.
    newcomers.sort(key=lambda item: (item.last_name.casefold(), item.first_name.casefold(), item.guid))
    for person in newcomers:
        assigned_number = assigner.again(person)
        if assigned_number is not None:
            assigned.of[person.guid] = assigned_number
    if situation.evidence.proves_absence:
        assigner.take(assigned_number.number for assigned_number in assigned.of.values())
        for person in newcomers:
            if person.guid not in assigned.of:
                assigner.give(assigned, person)
    else:
        assigned.waiting = sum(person.guid not in assigned.of for person in newcomers)
    assigned.stocks = assigner.stocks()
    assigned.people = {
        guid: replace(person, number=assigned.of[guid].number) if guid in assigned.of else person
        for guid, person in situation.people.items()
    }
    return assigned


class _Assigner:
    """The numbers of one site while they are given."""

    def __init__(self, situation: Situation, rows: Mapping[str, GivenNumber], now: datetime) -> None:
        self._situation = situation
        self._rows = rows
        rules = situation.rules
        rests_until = timedelta(days=rules.number_quarantine_days)
        self._resting = {
            number
            for number, row in rows.items()
            if row.released_at is not None and now - row.released_at < rests_until
        }
        self._released = {
            number: row.released_at for number, row in rows.items() if row.released_at is not None
        }
        # Also of accounts out of use: they may be enabled again.
        self._wanted = {person.number for person in situation.people.values() if person.number is not None}
        self._linked = {binding.number: guid for guid, binding in situation.bindings.items()}
        self._owed = {item.number: item.person_guid for item in situation.owed}
        self._held = {extension.number for extension in situation.phone_system.extensions}
        self._bound = {binding.extension_id for binding in situation.bindings.values()}
        # What somebody has now before what they had, and what came last first.
        self._rows_of: defaultdict[str, list[GivenNumber]] = defaultdict(list)
        for row in sorted(
            rows.values(), key=lambda row: (row.released_at is None, row.given_at, row.number), reverse=True
        ):
            self._rows_of[row.person_guid].append(row)
        self._taken = {
            *self._wanted, *self._linked, *self._owed, *self._held, *self._resting, *situation.peers,
            *(number for number, row in rows.items() if row.released_at is None),
        }  # fmt: skip
        self._pools: dict[tuple[NumberRange, ...], Pool] = {}
        self._given: set[str] = set()

    def pool_of(self, unit: str) -> Pool | None:
        """The numbers for people of the unit; ``None`` when it has no range."""
        ranges = ranges_of(unit, self._situation.rules.number_ranges)
        if ranges and ranges not in self._pools:
            self._pools[ranges] = Pool(ranges, self._is_allowed, self._released)
        return self._pools.get(ranges)

    def kept(self, person: Person) -> AssignedNumber | None:
        """The number of somebody who is linked to an extension: they keep it."""
        binding = self._situation.bindings.get(person.guid)
        if binding is None:
            return None
        theirs = [row.number for row in self._rows_of[person.guid] if row.released_at is None]
        if theirs:
            number = binding.number if binding.number in theirs else theirs[0]
            return AssignedNumber(number, phrase("{number}, which was given to them before", number=number))
        if self.pool_of(person.unit) is None or binding.number in self._wanted:
            return None
        return AssignedNumber(
            binding.number,
            phrase("{number}, the number of their extension", number=binding.number),
            is_given=False,
        )

    def again(self, person: Person) -> AssignedNumber | None:
        """The number that is kept for a newcomer, or that they had before, or that of an extension with their address."""
        pool = self.pool_of(person.unit)
        for row in self._rows_of[person.guid]:
            if pool is not None and row.number in pool and self._is_free_for(person, row.number):
                self._given.add(row.number)
                if row.is_used:
                    return AssignedNumber(
                        row.number, phrase("{number} again, which they had before", number=row.number)
                    )
                return AssignedNumber(row.number, _next(row.number, pool))
        theirs = self._with_their_address(person)
        if theirs is None or theirs.number in self._given:
            return None
        self._given.add(theirs.number)
        return AssignedNumber(
            theirs.number, phrase("{number}, the extension with their e-mail address", number=theirs.number)
        )

    def give(self, assigned: NumberAssignments, person: Person) -> None:
        """The next free number for a newcomer, if there is one."""
        pool = self.pool_of(person.unit)
        if pool is None:
            return
        number = pool.next(self._taken)
        if number is None:
            assigned.without.setdefault(pool.label, []).append(person)
        else:
            self._taken.add(number)
            assigned.of[person.guid] = AssignedNumber(number, _next(number, pool))

    def take(self, numbers: Iterable[str]) -> None:
        """Nobody else is given these."""
        self._taken.update(numbers)

    def stocks(self) -> tuple[Stock, ...]:
        """What is left for each unit, in the order of the rules."""
        for unit in self._situation.rules.units:
            self.pool_of(unit.distinguished_name)
        pools = sorted(self._pools.values(), key=lambda pool: pool.label)
        return tuple(pool.stock(self._taken, self._resting) for pool in pools)

    def _is_allowed(self, number: str) -> bool:
        situation = self._situation
        return (
            number not in situation.reserved
            and situation.kept_free.reason(number) is None
            and not (situation.exclusions and situation.exclusions.hold_number(number))
        )

    def _is_free_for(self, person: Person, number: str) -> bool:
        """Whether a number that is remembered for the person can still be theirs."""
        guid = person.guid
        if number in self._wanted or number in self._given or number in self._situation.peers:
            return False
        if self._linked.get(number, guid) != guid or self._owed.get(number, guid) != guid:
            return False
        extension = self._situation.by_number.get(number)
        # What was made for them and not linked yet shows them.
        return extension is None or (self._is_nobodys(extension) and shows(person, extension))

    def _with_their_address(self, person: Person) -> Extension | None:
        """The extension of somebody who has one already, by hand: a second one would be of no use to them."""
        if not person.email:
            return None
        situation = self._situation
        extension = situation.by_email.get(email_key(person.email))
        if extension is None or not self._is_nobodys(extension):
            return None
        if extension.number in self._wanted or situation.protection(extension) is not None:
            return None
        row = self._rows.get(extension.number)
        if row is not None and row.released_at is None and row.person_guid not in ("", person.guid):
            return None
        return None if situation.excludes(extension) else extension

    def _is_nobodys(self, extension: Extension) -> bool:
        return extension.id not in self._bound and extension.id not in self._situation.left_behind


def _next(number: str, pool: Pool) -> str:
    return phrase(
        "{number}, the next free number of {label_of}", number=number, label_of=pool.label_of(number)
    )


def _is_without(situation: Situation, person: Person) -> bool:
    """Whether somebody is to have an extension and the directory gives them no number."""
    return (
        person.number is None
        and person.number_problem is None
        and person.account_state is AccountState.ENABLED
        and not (situation.exclusions and situation.exclusions.hold_person(person))
    )
