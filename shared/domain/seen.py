"""What one plan was made from, for whoever writes down how everybody stood then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.domain.binding import Binding
from shared.domain.extension import Edit, Extension
from shared.domain.person import AbsentPerson, Person


class Pairs(Protocol):
    """People with their extensions, gone through again whenever it is asked for."""

    def __len__(self) -> int:
        """How many."""
        ...

    def __iter__(self) -> Iterator[tuple[Person, Extension]]:
        """Each of them."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """Everybody and every extension, each once, and who is whose before the plan is executed.

    ``extension_of`` are the extensions of people, by GUID, also where 3CX shows somebody else. ``absent`` are bound people
    in none of the units of whom the directory has said where they are; of other bound people nothing is proven.
    ``protected`` says, by id, what an extension is that is never removed, ``excluded`` which are left alone.
    ``edits`` tell, by number, who changed an extension last in 3CX. ``in_sync`` are people who were set aside, with their
    extensions: they and their links are among none of the others.
    """

    people: Mapping[str, Person] = field(repr=False)
    extensions: tuple[Extension, ...] = field(repr=False)
    extension_of: Mapping[str, Extension] = field(repr=False)
    bindings: Mapping[str, Binding] = field(repr=False)
    absent: Mapping[str, AbsentPerson] = field(repr=False)
    protected: Mapping[int, str]
    excluded: frozenset[int] = frozenset()
    edits: Mapping[str, Edit] = field(default_factory=dict)
    in_sync: Pairs = field(default=(), repr=False)
