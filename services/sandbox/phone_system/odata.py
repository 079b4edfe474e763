"""Query options of the API: ``$select``, ``$expand``, ``$orderby``, ``$top``, ``$skip``, ``$count``, ``$search``.

What is not understood is the 400 that a real system gives. ``filters`` reads ``$filter``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.sandbox.phone_system.answers import invalid_query
from services.sandbox.phone_system.filters import Filter, Row, parse_filter, unknown_property
from services.sandbox.phone_system.schema import Entity
from shared.values.digits import whole_number

MAX_TOP = 100
# How deep an expand inside an expand may go.
_MAX_DEPTH = 5
_OPTIONS = {"$select", "$expand", "$filter", "$orderby", "$top", "$skip", "$count", "$search"}


@dataclass(frozen=True, slots=True)
class Query:
    """The query options of one request, checked. ``top`` is None where everything is given."""

    select: tuple[str, ...] | None
    expand: Mapping[str, "Query"]
    filter: Filter | None
    order: tuple[tuple[str, bool], ...]
    top: int | None
    skip: int
    wants_count: bool
    search: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether all rows come in the order of their ids, so that a page is a slice."""
        return self.filter is None and not self.search and self.order in ((), (("Id", False),))


class Rows(Sequence[Row]):
    """Rows in the order of their ids, each made only when it is looked at."""

    def __init__(self, keys: Sequence[Any], make: Callable[[Any], Row]) -> None:
        self._keys, self._make = keys, make

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: Any) -> Any:
        """One row, or the rows of a slice."""
        if isinstance(index, slice):
            return [self._make(key) for key in self._keys[index]]
        return self._make(self._keys[index])

    def __iter__(self) -> Iterator[Row]:
        return map(self._make, self._keys)


def parse_query(
    options: Mapping[str, str], entity: Entity, *, top: int | None = MAX_TOP, depth: int = 0
) -> Query:
    """Check the options against an entity.

    :raises Refusal: the 400 of a real system, for example for a ``$top`` over 100.
    """
    for name in options:
        if name.startswith("$") and name not in _OPTIONS:
            raise invalid_query(f"The query parameter '{name[:60]}' is not supported.")
    return Query(
        _select(options.get("$select"), entity),
        _expand(options.get("$expand"), entity, depth),
        parse_filter(options["$filter"], entity) if options.get("$filter") else None,
        _order(options.get("$orderby"), entity),
        _top(options["$top"]) if "$top" in options else top,
        _whole("$skip", options.get("$skip", "0")),
        _truth("$count", options.get("$count", "false")),
        options.get("$search", "").strip().strip('"').lower(),
    )


def page_of(rows: Sequence[Row], query: Query, entity: Entity) -> tuple[list[Row], int]:
    """The rows of the page, and how many there are in all. ``rows`` come in the order of their ids."""
    stop = None if query.top is None else query.skip + query.top
    if query.is_plain:
        return list(rows[query.skip : stop]), len(rows)
    matching = [
        row for row in _searched(rows, query, entity) if query.filter is None or query.filter.test(row)
    ]
    for name, is_descending in reversed(query.order):
        matching.sort(key=lambda row, n=name: (row.get(n) is not None, row.get(n)), reverse=is_descending)  # type: ignore[misc]
    return matching[query.skip : stop], len(matching)


def rendered(row: Row, query: Query, entity: Entity) -> dict[str, Any]:
    """A row as it is answered: what was selected, and what was expanded.

    A row may hold a function in place of what costs something to find out; it is called when it is expanded.
    """
    names = [name for name in entity if name in row] if query.select is None else query.select
    shown = {name: row.get(name) for name in names if not entity[name].is_navigation}
    for name, inner in query.expand.items():
        known, value = entity[name], row.get(name)
        of = known.of or {}
        value = value() if callable(value) else value
        if known.is_many:
            shown[name] = [rendered(each, inner, of) for each in page_of(value or [], inner, of)[0]]
        else:
            shown[name] = None if value is None else rendered(value, inner, of)
    return shown


def _searched(rows: Iterable[Row], query: Query, entity: Entity) -> Iterable[Row]:
    if not query.search:
        return rows
    # The names people search by; passwords are texts too.
    texts = [
        name
        for name in ("Number", "Name", "FirstName", "LastName", "EmailAddress", "Mobile")
        if name in entity
    ]
    return (row for row in rows if any(query.search in str(row.get(name) or "").lower() for name in texts))


def _select(text: str | None, entity: Entity) -> tuple[str, ...] | None:
    if not text or text.strip() == "*":
        return None
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in entity:
            raise unknown_property(name)
    return names


def _expand(text: str | None, entity: Entity, depth: int) -> dict[str, Query]:
    expanded: dict[str, Query] = {}
    for item in _split(text or "", ","):
        name, bracket, inner = item.strip().partition("(")
        if name not in entity or not entity[name].is_navigation:
            raise unknown_property(name)
        if depth >= _MAX_DEPTH or bool(bracket) != inner.endswith(")"):
            raise invalid_query(f"The $expand of '{name[:60]}' is not valid.")
        options = dict(part.strip().partition("=")[::2] for part in _split(inner[:-1], ";"))
        expanded[name] = parse_query(options, entity[name].of or {}, top=None, depth=depth + 1)
    return expanded


def _split(text: str, separator: str) -> list[str]:
    parts, depth, start, is_quoted = [], 0, 0, False
    for position, char in enumerate(text):
        is_quoted ^= char == "'"
        if not is_quoted:
            depth += {"(": 1, ")": -1}.get(char, 0)
            if char == separator and depth == 0:
                parts.append(text[start:position])
                start = position + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def _order(text: str | None, entity: Entity) -> tuple[tuple[str, bool], ...]:
    order = []
    for item in (text or "").split(","):
        match item.split():
            case []:
                continue
            case [name] | [name, "asc" | "desc"] if name in entity and entity[name].is_primitive:
                order.append((name, item.split()[-1] == "desc"))
            case [name, *_]:
                raise unknown_property(name)
    return tuple(order)


def _top(text: str) -> int:
    top = _whole("$top", text)
    if top > MAX_TOP:
        raise invalid_query(
            f"The limit of '{MAX_TOP}' for Top query has been exceeded. "
            f"The value from the incoming request is '{top}'."
        )
    return top


def _whole(name: str, text: str) -> int:
    number = whole_number(text, 10)
    if number is None:
        raise invalid_query(f"Invalid value '{text[:40]}' for {name} query option found.")
    return number


def _truth(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise invalid_query(f"Invalid value '{text[:40]}' for {name} query option found.")
    return text.lower() == "true"
