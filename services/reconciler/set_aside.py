"""Who is in sync and in nobody's way: set aside, so that planning holds those whom something concerns and not all. Pure.

A plan made without them is the plan made with them (a property test says so): each is enabled at both ends, is the
only one of the directory with that number and that address, and shows in 3CX exactly what the directory says and what
is remembered. Whether somebody is one of these is told by hashes kept in arrays, of a few bytes each; in doubt, and
where two hashes are the same by chance, somebody is not.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

from services.reconciler.evidence import Evidence
from services.reconciler.holders import plan_changes
from services.reconciler.reserved_numbers import ReservedNumbers
from services.reconciler.situation import Situation
from services.reconciler.worktable import Worktable
from shared.domain.binding import Binding, LeftBehind
from shared.domain.exclusions import Exclusions
from shared.domain.extension import Extension, Membership, PhoneSystemSnapshot
from shared.domain.grace import Grace
from shared.domain.numbers import GivenNumber
from shared.domain.owed import Owed, Unfinished
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.protection import protection_of, reserved_by
from shared.domain.rules import Rules
from shared.domain.seen import Pairs
from shared.values.keys import email_key

_NONE = -1
# What an extension has that a person does not: its memberships, and the id of its primary department.
Kind = tuple[tuple[Membership, ...], int | None]


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends and what is remembered. Each is gone through several times, and is the same and in the same order each time."""

    people: Callable[[], Iterable[Person]]
    extensions: Callable[[], Iterable[Extension]]
    bindings: Callable[[], Iterable[Binding]]

    def everybody(self, rules: Rules) -> "Rest":
        """Nobody set aside."""
        return Rest([*self.people()], tuple(self.extensions()), [*self.bindings()], (), rules)


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whom anything else than the two ends is about; none of them is set aside. Addresses are folded."""

    guids: set[str] = field(default_factory=set)
    extension_ids: set[int] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class InSync:
    """The people set aside, each with their extension; read again whenever they are asked for.

    ``extension_ids`` are by the place of a person among all, ``_NONE`` of those who are not set aside. What an extension
    has and a person does not is in ``memberships``, by the place that ``kinds`` has of it.
    """

    people: Callable[[], Iterable[Person]]
    extension_ids: Sequence[int]
    kinds: Sequence[int]
    memberships: Sequence[Kind]
    size: int

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[tuple[Person, Extension]]:
        for person, id_, kind in zip(self.people(), self.extension_ids, self.kinds, strict=True):
            if id_ != _NONE:
                yield person, _extension_of(person, id_, *self.memberships[kind])


@dataclass(frozen=True, slots=True)
class Rest:
    """Those who are left to plan, and whoever is in sync; the rules also protect the templates that these are given."""

    people: list[Person]
    extensions: tuple[Extension, ...]
    bindings: list[Binding]
    in_sync: Pairs
    rules: Rules


def can_be_set_aside(rules: Rules, numbers: Sequence[GivenNumber] = (), directories: int = 1) -> bool:
    """Whether a plan can do without those who are in sync: who gets a number from a range depends on everybody's, and of
    several directories accounts may have been migrated from one to another.
    """
    return directories == 1 and not (rules.number_ranges or numbers)


def concerned(
    owed: Iterable[Owed],
    unfinished: Iterable[Unfinished],
    left_behind: Iterable[LeftBehind],
    graces: Iterable[Grace],
    absent: Iterable[AbsentPerson],
    person_guid: str | None,
) -> Concerned:
    """Whom what is remembered is about, and the one whom a run is about."""
    found = Concerned({person_guid or "", *(item.guid for item in absent)})
    for step in owed:
        found.guids.add(step.person_guid)
        found.extension_ids.add(step.former_id or 0)
        found.numbers.add(step.number)
        found.emails.add(email_key(str(step.after.get("email", ""))))
    for begun in unfinished:
        found.guids.add(begun.person_guid)
        found.extension_ids.add(begun.extension_id)
        found.numbers.add(begun.number)
    for former in left_behind:
        found.guids.add(former.person_guid)
        found.extension_ids.add(former.extension_id)
        found.numbers.update((former.number, former.new_number))
    for grace in graces:
        found.guids.add(grace.holder)
        found.extension_ids.add(grace.extension_id)
        found.numbers.add(grace.number)
    return found


def set_aside(ends: Ends, touched: Concerned, rules: Rules, phone_system: PhoneSystemSnapshot) -> Rest:
    """Divide. Of the phone system only what is no extension is looked at here."""
    extensions = _Extensions(rules, phone_system)
    for extension in ends.extensions():
        extensions.add(extension)
    extensions.index = _Index(extensions.ids)
    links = _Links()
    for binding in ends.bindings():
        links.add(binding, extensions)
    links.index = _Index(links.guids)
    people = _People(rules, phone_system)
    for person in ends.people():
        people.add(person, extensions, links)
    numbers = _hashes([*touched.numbers, *reserved_by(rules), *people.templates, *_of_others(phone_system)])
    people.leave_out(
        guids=_repeated(people.guids) | _hashes(touched.guids),
        numbers=numbers.union(*map(_repeated, (people.numbers, extensions.numbers, links.numbers))),
        emails=_hashes(touched.emails) | _repeated(people.emails) | _repeated(extensions.emails),
        places={
            place
            for id_ in {*touched.extension_ids, *_repeated(links.extension_ids)}
            if (place := extensions.index.place_of(id_)) != _NONE
        },
    )
    protected = (*rules.protected_numbers, *sorted(people.templates))
    return _divided(ends, people, extensions, links, replace(rules, protected_numbers=protected))


class _Departments:
    """Plans one person at a time, as if there were nobody else, to see whether their departments are as they should be."""

    def __init__(self, rules: Rules, phone_system: PhoneSystemSnapshot) -> None:
        self._situation = partial(
            Situation, {}, phone_system, (), rules, Evidence((), {}, 0), now=datetime.max.replace(tzinfo=UTC)
        )
        self._table = Worktable(self._situation())

    def fit(self, person: Person, memberships: tuple[Membership, ...], primary: int | None) -> bool:
        """Whether nothing is to be changed of the person's extension, and nothing to be said."""
        table = self._table
        plan_changes(table, person, _extension_of(person, 0, memberships, primary), None)
        if not table.drafts and not table.findings.in_order() and not table.departments.are_lacking:
            return True
        self._table = Worktable(self._situation())
        return False


class _Index:
    """The place of a key; a key that comes twice has none."""

    def __init__(self, keys: Sequence[int]) -> None:
        self._places = array("q", sorted(range(len(keys)), key=keys.__getitem__))
        self._keys = array("q", (keys[place] for place in self._places))

    def place_of(self, key: int) -> int:
        """The place of the key, or ``_NONE``."""
        keys, at = self._keys, bisect_left(self._keys, key)
        if at == len(keys) or keys[at] != key or (at + 1 < len(keys) and keys[at + 1] == key):
            return _NONE
        return self._places[at]


class _Extensions:
    """By place, what is needed of each extension. ``usable`` are those that a rule says nothing of and that are enabled."""

    index: _Index

    def __init__(self, rules: Rules, phone_system: PhoneSystemSnapshot) -> None:
        self._exclusions = Exclusions(rules.exclusions)
        self._kept_free = ReservedNumbers(rules.reserved_numbers, phone_system)
        self._kinds: dict[Kind, int] = {}
        self._listed: list[Kind] = []
        self.ids, self.numbers, self.emails = array("q"), array("q"), array("q")
        self.shown, self.remembered, self.kinds = array("q"), array("q"), array("q")
        self.usable = bytearray()

    def add(self, extension: Extension) -> None:
        number, email = extension.number, extension.email
        names = extension.first_name, extension.last_name
        kind = extension.memberships, extension.primary_department_id
        self.ids.append(extension.id)
        self.numbers.append(hash(number))
        self.emails.append(hash(email_key(email)) if email else 0)
        self.shown.append(hash((number, *names, email, extension.mobile, extension.further)))
        self.remembered.append(hash((number, *names, email)))
        self.kinds.append(self._kinds.setdefault(kind, len(self._kinds)))
        if len(self._listed) < len(self._kinds):
            self._listed.append(kind)
        self.usable.append(
            extension.enabled
            and protection_of(extension, ()) is None
            and self._kept_free.reason(number) is None
            and not (self._exclusions and self._exclusions.hold_extension(extension))
        )

    def kind_of(self, place: int) -> Kind:
        """The memberships of an extension, and its primary department."""
        return self._listed[self.kinds[place]]

    @property
    def memberships(self) -> Sequence[Kind]:
        return self._listed


class _Links:
    """By place, what is needed of each link: ``places`` are those of extensions that are as they are remembered."""

    index: _Index

    def __init__(self) -> None:
        self.guids, self.extension_ids, self.numbers = array("q"), array("q"), array("q")
        self.places = array("q")

    def add(self, binding: Binding, extensions: _Extensions) -> None:
        place = extensions.index.place_of(binding.extension_id)
        if (
            place == _NONE
            or binding.shown is None
            or hash((binding.number, *binding.shown)) != extensions.remembered[place]
        ):
            place = _NONE
        self.guids.append(hash(binding.person_guid))
        self.extension_ids.append(binding.extension_id)
        self.numbers.append(hash(binding.number))
        self.places.append(place)


class _People:
    """By place, what is needed of each person: ``places`` are those of the extensions that say the same."""

    def __init__(self, rules: Rules, phone_system: PhoneSystemSnapshot) -> None:
        self._exclusions = Exclusions(rules.exclusions)
        self._departments = _Departments(rules, phone_system) if rules.add_to_departments else None
        self.guids, self.numbers, self.emails = array("q"), array("q"), array("q")
        self.places = array("q")
        self.templates: set[str] = set()

    def add(self, person: Person, extensions: _Extensions, links: _Links) -> None:
        number, email = person.number, person.email
        guid = hash(person.guid)
        link = links.index.place_of(guid)
        place = links.places[link] if link != _NONE else _NONE
        if place != _NONE and (
            not extensions.usable[place]
            or person.account_state is not AccountState.ENABLED
            or hash((number, person.first_name, person.last_name, email, person.mobile, person.further))
            != extensions.shown[place]
            or (self._exclusions and self._exclusions.hold_person(person))
            or (self._departments and not self._departments.fit(person, *extensions.kind_of(place)))
        ):
            place = _NONE
        self.guids.append(guid)
        self.numbers.append(hash(number) if number is not None else 0)
        self.emails.append(hash(email_key(email)) if email else 0)
        self.places.append(place)
        if person.template:
            self.templates.add(person.template)

    def leave_out(self, guids: set[int], numbers: set[int], emails: set[int], places: set[int]) -> None:
        """Take out whoever has one of these."""
        rows = zip(self.guids, self.numbers, self.emails, self.places, strict=True)
        for row, (guid, number, email, place) in enumerate(rows):
            if place != _NONE and (
                guid in guids or number in numbers or (email and email in emails) or place in places
            ):
                self.places[row] = _NONE


def _divided(ends: Ends, people: _People, extensions: _Extensions, links: _Links, rules: Rules) -> Rest:
    aside = bytearray(len(extensions.ids))
    for place in people.places:
        if place != _NONE:
            aside[place] = True
    in_sync = InSync(
        ends.people,
        array("q", (extensions.ids[place] if place != _NONE else _NONE for place in people.places)),
        array("q", (extensions.kinds[place] if place != _NONE else _NONE for place in people.places)),
        extensions.memberships,
        sum(aside),
    )
    return Rest(
        [person for person, place in zip(ends.people(), people.places, strict=True) if place == _NONE],
        tuple(item for item, is_aside in zip(ends.extensions(), aside, strict=True) if not is_aside),
        [
            binding
            for binding, place in zip(ends.bindings(), links.places, strict=True)
            if place == _NONE or not aside[place]
        ],
        in_sync,
        rules,
    )


def _extension_of(
    person: Person, id_: int, memberships: tuple[Membership, ...], primary: int | None
) -> Extension:
    """The extension that shows all that the directory says of somebody."""
    return Extension(
        id_,
        person.number or "",
        person.first_name,
        person.last_name,
        person.email,
        person.mobile,
        True,
        memberships,
        primary,
        person.further,
    )


def _of_others(phone_system: PhoneSystemSnapshot) -> Iterator[str]:
    return (peer.number for peer in phone_system.peers)


def _hashes(texts: Iterable[str]) -> set[int]:
    return {hash(text) for text in texts}


def _repeated(keys: Iterable[int]) -> set[int]:
    """The keys that come twice."""
    return {key for key, following in pairwise(sorted(keys)) if key == following}
