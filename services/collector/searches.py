"""Finding people: all of a unit page by page, or those of some objectGUIDs or numbers. Part of ``active_directory``."""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from services.collector import selection
from services.collector.checks import Checks
from services.collector.reader import RawEntry, Scope, Search, first_value

_ANYTHING = "(objectClass=*)"
_GUIDS_PER_SEARCH = 50
_DELETED_MARK = b"\\0ADEL:"


class Searches(Checks):
    """Who is there."""

    def people_filter(self) -> str:
        """The filter of the settings; a required group is looked up with the groups nested in it.

        :raises UnknownBaseDn: there is no such group.
        """
        group = self.settings.required_group.strip()
        if not group:
            return selection.people(self.settings.filter)
        self.check_exists(group)
        attributes = ("objectSid",)
        own = list(self.reader.entries(Search(group, _ANYTHING, attributes, Scope.BASE, 10)))
        root = self.domain().base_dn
        nested = list(self.reader.entries(Search(root, selection.nested_groups(group), attributes)))
        identifiers = [selection.relative_id(first_value(entry, "objectSid")) for entry in own + nested]
        membership = selection.members(
            group,
            [entry.dn for entry in nested],
            [identifier for identifier in identifiers if identifier is not None],
        )
        return selection.people(self.settings.filter, membership)

    def people_pages(
        self, unit: str, people_filter: str, attributes: tuple[str, ...]
    ) -> Iterator[list[RawEntry]]:
        """Everyone in the unit and below it, page by page; the end of the iterator proves that it was all."""
        return self.reader.pages(
            Search(unit, people_filter, attributes, Scope.SUBTREE, self.settings.page_size)
        )

    def count(self, unit: str, people_filter: str) -> int:
        """How many people are in the unit and below it."""
        search = Search(unit, people_filter, ("1.1",), Scope.SUBTREE, self.settings.page_size)
        return sum(len(page) for page in self.reader.pages(search))

    def find(self, guids: Sequence[str], root: str) -> Iterator[dict[str, str]]:
        """Which of these objectGUIDs exist, with their distinguished names; one dictionary per search."""
        for start in range(0, len(guids), _GUIDS_PER_SEARCH):
            batch = guids[start : start + _GUIDS_PER_SEARCH]
            found: dict[str, str] = {}
            for entry in self.reader.entries(
                Search(root, selection.any_guid(batch), ("objectGUID", "isDeleted"))
            ):
                guid = first_value(entry, "objectGUID")
                deleted = (
                    first_value(entry, "isDeleted") == b"TRUE" or _DELETED_MARK in entry.distinguished_name
                )
                if len(guid) == 16 and not deleted:
                    found[str(UUID(bytes_le=guid))] = entry.dn
            yield found

    def selected(self, guids: Sequence[str], units: Sequence[str]) -> set[str]:
        """Which of these objectGUIDs are in one of the units and pass filter and required group at this moment."""
        found: set[str] = set()
        for _, entry in self.selected_entries(guids, units, ("objectGUID",)):
            guid = first_value(entry, "objectGUID")
            if len(guid) == 16:
                found.add(str(UUID(bytes_le=guid)))
        return found

    def selected_entries(
        self, guids: Sequence[str], units: Sequence[str], attributes: tuple[str, ...]
    ) -> Iterator[tuple[str, RawEntry]]:
        """As ``selected``, with the unit and these attributes; somebody in two of the units comes twice."""
        batches = (
            guids[start : start + _GUIDS_PER_SEARCH] for start in range(0, len(guids), _GUIDS_PER_SEARCH)
        )
        yield from self._narrowed(map(selection.any_guid, batches), units, attributes)

    def holders(
        self,
        numbers: Sequence[str],
        among: Sequence[str] | None,
        units: Sequence[str],
        attributes: tuple[str, ...],
    ) -> Iterator[tuple[str, RawEntry]]:
        """With the unit, everybody in the units who might have one of these numbers, and others besides.

        ``among`` are the attributes of which one holds a number's digits; without them nobody can be left out.
        """
        if among is None:
            yield from self._narrowed([""], units, attributes)
        elif among:
            batches = (
                numbers[start : start + _GUIDS_PER_SEARCH]
                for start in range(0, len(numbers), _GUIDS_PER_SEARCH)
            )
            clauses = (selection.any_number(among, batch) for batch in batches)
            yield from self._narrowed(clauses, units, attributes)

    def _narrowed(
        self, clauses: Iterable[str], units: Sequence[str], attributes: tuple[str, ...]
    ) -> Iterator[tuple[str, RawEntry]]:
        people_filter = self.people_filter()
        for clause in clauses:
            for unit in units:
                for entry in self.reader.entries(Search(unit, f"(&{people_filter}{clause})", attributes)):
                    yield unit, entry
