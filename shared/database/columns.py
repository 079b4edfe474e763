"""Values as rows of JSON that every release can read: by position what the first release knows, by name what came later.

A row of the first release never grows: a process of that release reads it as ever. What was added since stands beside
the rows under its names. Whoever does not know a name passes over it; where a name is missing, its default counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar

from shared.domain.extension import Department, Extension, Membership, Peer
from shared.domain.person import AbsentPerson, AccountState, Person, PersonState, Presence
from shared.errors import NewerVersionNeeded
from shared.language import phrase

T = TypeVar("T")
Row = list[Any]
# The columns that came after the first release: their names ("fields"), and for each row of the others one of these.
Added = Mapping[str, Any]
_STATES = {state.value: state for state in AccountState}
_PRESENCES = {presence.value: presence for presence in Presence}


@dataclass(frozen=True)
class Columns(Generic[T]):
    """How values of a kind are written. A new field of the kind is written without more ado, and needs a default.

    ``row`` is what the first release writes: the fields that the kind had then, in their order. ``unwritten`` are fields
    that are worked out when the rows have been read. ``reading`` makes of what JSON gives back what a field holds.
    """

    kind: type[T]
    row: Callable[[T], Row]
    width: int
    unwritten: frozenset[str] = frozenset()
    reading: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    @cached_property
    def first(self) -> tuple[str, ...]:
        """The columns of the first release."""
        return self._names[: self.width]

    @cached_property
    def added(self) -> tuple[str, ...]:
        """The columns that came after it."""
        return tuple(name for name in self._names[self.width :] if name not in self.unwritten)

    @cached_property
    def _added_defaults(self) -> tuple[Any, ...]:
        kind: Any = self.kind
        defaults = {item.name: item.default for item in fields(kind)}
        return tuple(defaults[name] for name in self.added)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        kind: Any = self.kind
        return tuple(item.name for item in fields(kind))

    def write(self, values: Sequence[T]) -> tuple[list[Row], Added | None]:
        """The rows of the first release, and what came later, if anything did."""
        rows = list(map(self.row, values))
        if not self.added:
            return rows, None
        of = attrgetter(*self.added, self.added[0])
        more = [of(value)[:-1] for value in values]
        if all(row == self._added_defaults for row in more):
            # What says nothing is not written: whoever reads it finds the defaults.
            return rows, None
        return rows, {"fields": self.added, "rows": more}

    def read(self, rows: Sequence[Row], added: Added | None) -> list[T]:
        """The values of rows just read (which are used up).

        :raises NewerVersionNeeded: they hold what only a newer Rollcall can mean.
        """
        try:
            for place, name in enumerate(self.first):
                if convert := self.reading.get(name):
                    for row in rows:
                        row[place] = convert(row[place])
            if added is None:
                return [self.kind(*row) for row in rows]
            known = [(place, name) for place, name in enumerate(added["fields"]) if name in self.added]
            return [
                self.kind(*row, **{name: self._converted(name, more[place]) for place, name in known})
                for row, more in zip(rows, added["rows"], strict=True)
            ]
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise NewerVersionNeeded(
                phrase(
                    "What was read ({kind}) was stored by another version of Rollcall in a different format. "
                    "Finish upgrading all processes.",
                    kind=self.kind.__name__.lower(),
                )
            ) from error

    def _converted(self, name: str, value: Any) -> Any:
        convert = self.reading.get(name)
        return value if convert is None else convert(value)


def _person(person: Person) -> Row:
    return [
        person.guid, person.distinguished_name, person.unit, person.first_name, person.last_name,
        person.display_name, person.email, person.mobile, person.number, person.number_text,
        person.number_problem, person.departments, person.account_state, person.login, person.usn,
    ]  # fmt: skip


def _extension(extension: Extension) -> Row:
    return [
        extension.id, extension.number, extension.first_name, extension.last_name, extension.email,
        extension.mobile, extension.enabled,
        # No place for more: what else is to be known of a membership is a new field of the extension.
        [[item.department_id, item.department, item.role] for item in extension.memberships],
        extension.primary_department_id,
    ]  # fmt: skip


def _memberships(rows: Sequence[Row]) -> tuple[Membership, ...]:
    return tuple([Membership(*row) for row in rows])


def _pairs(rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    return tuple([(name, text) for name, text in rows])


PERSON = Columns(
    Person,
    _person,
    15,
    reading={
        "departments": tuple,
        "account_state": _STATES.__getitem__,
        "unmapped": _pairs,
        "further": _pairs,
        "sid_history": tuple,
    },
)
EXTENSION = Columns(Extension, _extension, 9, reading={"memberships": _memberships, "further": _pairs})
ABSENT = Columns(
    AbsentPerson,
    lambda absent: [absent.guid, absent.found, absent.distinguished_name],
    3,
    unwritten=frozenset({"last_unit", "directory"}),
)
PERSON_STATE = Columns(
    PersonState,
    lambda state: [
        state.guid, state.presence, state.account_state, state.number, state.has_bad_number, state.distinguished_name,
    ],
    6,
    reading={"presence": _PRESENCES.__getitem__, "account_state": _STATES.__getitem__},
)  # fmt: skip
DEPARTMENT = Columns(Department, lambda found: [found.id, found.name, found.number, found.is_default], 4)
PEER = Columns(Peer, lambda peer: [peer.number, peer.kind, peer.name], 3)


def written_beside(name: str, columns: Columns[T], values: Sequence[T]) -> dict[str, Any]:
    """The values under a name of a JSON document, with what came later beside it."""
    rows, added = columns.write(values)
    document: dict[str, Any] = {name: rows}
    if added is not None:
        document[_beside(name)] = added
    return document


def read_beside(name: str, columns: Columns[T], document: Mapping[str, Any]) -> list[T]:
    """The values under a name of a JSON document.

    :raises NewerVersionNeeded: they hold what only a newer Rollcall can mean.
    """
    # The document stays as it is.
    rows = [list(row) for row in document[name]]
    return columns.read(rows, document.get(_beside(name)))


def _beside(name: str) -> str:
    return f"{name}_added"
