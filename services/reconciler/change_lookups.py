"""What a change run asks the database about, by keys: the roll, links, and what is not finished yet."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.reconciler.change_scope import LastRead
from services.reconciler.run_inputs import bindings_of, left_behind_of
from shared.database import given_numbers, graces, owed
from shared.database.tables import BindingRow, CommandRow, GivenNumberRow, GraceRow, OwedSteps
from shared.domain.asked import Asked
from shared.domain.binding import Binding, LeftBehind
from shared.domain.grace import Grace
from shared.domain.numbers import GivenNumber
from shared.roll import queries
from shared.values.keys import email_key

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class KnownOfSite:
    """``concerned.Known`` of a site, as its database has it now."""

    session: Session
    site_id: str

    def last_read(
        self, guids: Collection[str], numbers: Collection[str], emails: Collection[str]
    ) -> Iterator[LastRead]:
        """See ``concerned.Known``."""
        wanted = {*guids}
        for found in (
            queries.guids_by_number(self.session, self.site_id, numbers),
            queries.guids_by_email(self.session, self.site_id, emails),
        ):
            wanted.update(guid for listed in found.values() for guid in listed)
        for row in queries.rows_of(self.session, self.site_id, wanted).values():
            person = row.entry.person
            if row.entry.guid is not None and person is not None:
                yield LastRead(row.entry.guid, person.number or "", person.email)

    def bindings(self, guids: Collection[str], extensions: Collection[int]) -> Iterator[Binding]:
        """See ``concerned.Known``."""
        for column, wanted in ((BindingRow.person_guid, guids), (BindingRow.extension_id, extensions)):
            for condition in _any_of(column, wanted):
                yield from bindings_of(self.session, self.site_id, condition)

    def homes(self, guids: Collection[str]) -> dict[str, set[str]]:
        """Of which directories these people are, as far as it is known."""
        found: dict[str, set[str]] = {}
        for binding in self.bindings(guids, ()):
            if binding.directory is not None:
                found.setdefault(binding.person_guid, set()).add(binding.directory)
        for guid, row in queries.rows_of(self.session, self.site_id, guids).items():
            if row.entry.directory is not None:
                found.setdefault(guid, set()).add(row.entry.directory)
        return found

    def unfinished(self, asked: Asked) -> Iterator[Asked]:
        """See ``concerned.Known``."""
        for row in self.owed(asked):
            email = str(row.after.get("email") or "")
            yield Asked(
                frozenset({row.person_guid} - {""}),
                frozenset(id_ for id_ in (row.extension_id, row.former_id) if id_ is not None),
                frozenset({row.number}),
                frozenset({email_key(email)} if email else ()),
            )
        for item in self.left_behind(asked, ()):
            yield Asked(frozenset({item.person_guid}), frozenset({item.extension_id}))
        for given in self.given(asked):
            yield Asked(frozenset({given.person_guid} - {""}), numbers=frozenset({given.number}))

    def owed(self, asked: Asked) -> list[OwedSteps]:
        """What is owed to extensions of these people, with these numbers or with these ids."""
        # A handful at any time.
        return [
            row
            for row in owed.rows(self.session, self.site_id)
            if row.person_guid in asked.people
            or row.number in asked.numbers
            or not asked.extensions.isdisjoint((row.extension_id or 0, row.former_id or 0))
        ]

    def left_behind(self, asked: Asked, owing: Iterable[OwedSteps]) -> list[LeftBehind]:
        """The former extensions of these people or with these ids, and those of what is owed."""
        found = owed.left_behind_of(owing)
        for column, wanted in (
            (CommandRow.person_guid, asked.people),
            (CommandRow.extension_id, asked.extensions),
        ):
            for condition in _any_of(column, wanted):
                found += left_behind_of(self.session, self.site_id, (), condition)
        return list(dict.fromkeys(found))

    def given(self, asked: Asked) -> tuple[GivenNumber, ...]:
        """The numbers that were given to these people, and these numbers."""
        found: dict[str, GivenNumber] = {}
        for column, wanted in (
            (GivenNumberRow.person_guid, asked.people - {""}),
            (GivenNumberRow.number, asked.numbers),
        ):
            for condition in _any_of(column, wanted):
                found |= {
                    item.number: item for item in given_numbers.read(self.session, self.site_id, condition)
                }
        return tuple(found[number] for number in sorted(found))

    def graces(self, holders: Collection[str]) -> list[Grace]:
        """The countdowns of these holders."""
        return [
            graces.grace_of(row)
            for condition in _any_of(GraceRow.holder, holders)
            for row in self.session.scalars(
                select(GraceRow).where(GraceRow.site_id == self.site_id, condition)
            )
        ]


def _any_of(column: InstrumentedAttribute[Any], wanted: Collection[Any]) -> Iterator[ColumnElement[bool]]:
    listed = sorted(wanted)
    for first in range(0, len(listed), _AT_ONCE):
        yield column.in_(listed[first : first + _AT_ONCE])
