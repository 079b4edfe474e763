"""What both ends really were, moment by moment: written by the company and by the phone system's own journal.

Nothing in it comes from Rollcall.
"""

import copy
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.sandbox.phone_system.store import PhoneSystem

Extension = dict[str, Any]
# What the oracle looks at; a field that nobody writes is compared too.
SHOWN = ("Number", "FirstName", "LastName", "EmailAddress", "Mobile", "Enabled", "OutboundCallerID")


class Where(StrEnum):
    """Where the directory has somebody."""

    HERE = "here"
    DISABLED = "disabled"
    MOVED_OUT = "moved out"
    GONE = "gone"


@dataclass(slots=True)
class Person:
    """Somebody of the company and all that was ever true of them. Their first name is theirs alone and never changes."""

    login: str
    numbers: list[str]
    last_names: list[str]
    emails: list[str]
    been: list[Where] = field(default_factory=lambda: [Where.HERE])
    deleted_by_hand: int = 0
    disabled_by_hand: bool = False
    caller_id: str = ""
    is_forgotten: bool = False
    """Whether a backup was restored that does not know their extension: nobody knows any more whom to take it from."""

    @property
    def first_name(self) -> str:
        return f"Given{self.login}"

    @property
    def where(self) -> Where:
        return self.been[-1]

    @property
    def number(self) -> str:
        return self.numbers[-1]


@dataclass(frozen=True, slots=True)
class Effect:
    """One change that the phone system has really made at Rollcall's request."""

    at: float
    operation: str
    number: str
    before: Extension
    after: Extension

    @property
    def first_name(self) -> str:
        """Whose extension it is; a renumbered one keeps it."""
        return str((self.after or self.before).get("FirstName", ""))

    def __str__(self) -> str:
        changed = {name: self.after[name] for name in self.after if self.after[name] != self.before.get(name)}
        return f"{self.at:7.2f} {self.operation} {self.number} {self.first_name} {changed}"


@dataclass(frozen=True, slots=True)
class Moment:
    """From when on what was still to be done was this."""

    at: float
    owed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run as somebody saw it who looked now and then: it began after ``after`` and had ended by ``by``."""

    id: int
    kind: str
    state: str
    error_code: str | None
    after: float
    by: float


class Book:
    """Written by several threads; every entry under one lock."""

    def __init__(self, phone_system: PhoneSystem) -> None:
        self.lock = threading.RLock()
        self.people: dict[str, Person] = {}
        self.others: dict[str, Extension] = {}
        """By number, the extensions that belong to nobody of the company, as hands left them."""
        self.effects: list[Effect] = []
        self.moments: list[Moment] = []
        self._phone_system = phone_system
        self._began = time.monotonic()
        self.when_deleted: Callable[[str], None] = lambda _number: None
        """Called with the number of each extension that was deleted at Rollcall's request."""
        self._is_by_hand = False
        self._last = self.picture()
        self.others = {extension["Number"]: extension for extension in self._last.values()}
        # Nobody looks while a change is half made.
        for name in ("add_user", "change_user", "remove_user"):
            setattr(phone_system, name, self._alone(getattr(phone_system, name)))
        # The one place that every change at a client's request comes by.
        phone_system.count = self._count  # type: ignore[method-assign]
        self._counted = PhoneSystem.count.__get__(phone_system)
        self.look()

    def _alone(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def _changed(*values: Any, **named: Any) -> Any:
            with self.lock:
                return change(*values, **named)

        return _changed

    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def picture(self) -> dict[int, Extension]:
        """Every extension by its id, as the oracle looks at it."""
        system = self._phone_system
        return {key: {name: system.user(key).get(name) for name in SHOWN} for key in list(system.users)}

    def look(self) -> None:
        """Note what is owed now; after every change of either end."""
        with self.lock:
            self._last = self.picture()
            found = tuple(owed(self.people, self.others, list(self._last.values())))
            if not self.moments or self.moments[-1].owed != found:
                self.moments.append(Moment(self.now(), found))

    def forget(self, known: Collection[int]) -> None:
        """A backup was restored that knows only these extensions as Rollcall's."""
        with self.lock:
            for person in self.people.values():
                theirs = {
                    key: it for key, it in self.picture().items() if it["FirstName"] == person.first_name
                }
                person.is_forgotten |= not theirs.keys() <= {*known}
                # Nobody knows any more who has disabled it.
                person.disabled_by_hand |= any(not it["Enabled"] for it in theirs.values())
            self.look()

    def without_counting(self, change: Callable[[], object]) -> None:
        """A change by hand that the phone system would count as one of a client."""
        with self.lock:
            self._is_by_hand = True
            try:
                change()
            finally:
                self._is_by_hand = False

    def _count(self, operation: str, key: str, fields: list[str], *, changed: bool = True) -> None:
        if self._is_by_hand:
            return
        if operation == "delete_user":
            self.when_deleted(key)
        self._counted(operation, key, fields, changed=changed)
        with self.lock:
            before, after = self._last, self.picture()
            ids = [item for item in before.keys() | after.keys() if before.get(item) != after.get(item)]
            self.effects += [
                Effect(
                    self.now(), operation, (after.get(item) or before[item])["Number"],
                    copy.deepcopy(before.get(item, {})), copy.deepcopy(after.get(item, {})),
                )
                for item in ids
            ]  # fmt: skip
            if operation == "delete_user":
                self._forget_what_went_along()
            self.look()

    def _forget_what_went_along(self) -> None:
        """Whoever has no extension any more begins anew with the next one: their number may have passed on to somebody."""
        there = {extension["FirstName"] for extension in self.picture().values()}
        for person in self.people.values():
            if person.first_name not in there:
                person.caller_id = ""


def owed(
    people: Mapping[str, Person], others: Mapping[str, Extension], extensions: Sequence[Extension]
) -> list[str]:
    """What the phone system does not show as the directory has it; empty when both agree. Pure."""
    found: list[str] = []
    by_name: dict[str, list[Extension]] = {}
    for extension in extensions:
        by_name.setdefault(extension["FirstName"], []).append(extension)
    for person in people.values():
        theirs = by_name.pop(person.first_name, [])
        who = f"{person.login} ({person.where}, {person.number})"
        if person.is_forgotten and person.where is not Where.HERE:
            continue
        if person.where is Where.GONE:
            found += [f"{who} still has {extension['Number']}" for extension in theirs]
        elif person.where is Where.HERE:
            found += _of_somebody_here(person, who, theirs)
        elif len(theirs) > 1 or any(extension["Enabled"] for extension in theirs):
            found.append(f"{who} has {[(item['Number'], item['Enabled']) for item in theirs]}")
    left = [extension for theirs in by_name.values() for extension in theirs]
    shown = {extension["Number"]: extension for extension in left}
    if shown != others:
        numbers = sorted(
            number for number in shown.keys() | others.keys() if shown.get(number) != others.get(number)
        )
        found.append(
            f"extensions of others differ: {[(shown.get(item), others.get(item)) for item in numbers]}"
        )
    return found


def _of_somebody_here(person: Person, who: str, theirs: Sequence[Extension]) -> list[str]:
    if len(theirs) != 1:
        return [f"{who} has {[extension['Number'] for extension in theirs]}"]
    (extension,) = theirs
    wanted = {
        "Number": person.number,
        "LastName": person.last_names[-1],
        "EmailAddress": person.emails[-1],
        "OutboundCallerID": person.caller_id,
    } | ({} if person.disabled_by_hand else {"Enabled": True})
    wrong = {name: extension[name] for name, value in wanted.items() if extension[name] != value}
    return [f"{who} shows {wrong}, not {wanted}"] if wrong else []
