"""The OData that the API understands: ``$filter``, ``$orderby``, ``$select``, ``$expand``, ``$top``, ``$skip``.

Filters know eq, ne, gt, ge, lt, le, and, or, not, tolower, contains, startswith and brackets; anything else is
the 400 that a real system gives. A filter that only asks for keys is answered from an index.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.sandbox.phone_system.answers import invalid_query

Row = Mapping[str, Any]
Test = Callable[[Row], bool]
MAX_TOP = 100

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)(?![\w-])|([A-Za-z_][\w.]*)|([(),]))")


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter. ``keys`` is set when it only asks for some values of one field: (field, values)."""

    test: Test
    keys: tuple[str, tuple[Any, ...]] | None = None


def parse_filter(text: str, fields: frozenset[str]) -> Filter:
    """Parse a ``$filter``.

    :raises Refusal: 400 for anything that is not understood, or a field that does not exist.
    """
    parser = _Parser(_tokens(text), fields)
    parsed = parser.disjunction()
    if parser.position != len(parser.tokens):
        raise invalid_query(f"Syntax error at position {parser.position} in '{text[:100]}'.")
    return parsed


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise invalid_query(f"Syntax error at position {position} in '{text[:100]}'.")
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], fields: frozenset[str]) -> None:
        self.tokens, self.fields, self.position = tokens, fields, 0

    def disjunction(self, depth: int = 0) -> Filter:
        if depth > 50:
            raise invalid_query("The node count limit has been exceeded.")
        parts = [self.conjunction(depth)]
        while self._take("or"):
            parts.append(self.conjunction(depth))
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        keys = [part.keys for part in parts if part.keys is not None]
        same = len(keys) == len(parts) and len({field for field, _values in keys}) == 1
        merged = (keys[0][0], tuple(value for _field, values in keys for value in values)) if same else None
        return Filter(lambda row: any(test(row) for test in tests), merged)

    def conjunction(self, depth: int) -> Filter:
        parts = [self.negation(depth)]
        while self._take("and"):
            parts.append(self.negation(depth))
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        return Filter(lambda row: all(test(row) for test in tests))

    def negation(self, depth: int) -> Filter:
        if self._take("not"):
            inner = self.negation(depth + 1) if depth < 50 else self.disjunction(99)
            return Filter(lambda row: not inner.test(row))
        if self._take("("):
            grouped = self.disjunction(depth + 1)
            self._expect(")")
            return grouped
        return self.comparison()

    def comparison(self) -> Filter:
        name = self._next()
        if name.lower() in ("contains", "startswith", "endswith"):
            self._expect("(")
            left, _field = self.operand(self._next())
            self._expect(",")
            right, _none = self.operand(self._next())
            self._expect(")")
            tests: dict[str, Callable[[str, str], bool]] = {
                "contains": lambda a, b: b in a,
                "startswith": str.startswith,
                "endswith": str.endswith,
            }
            test = tests[name.lower()]
            return Filter(lambda row: test(str(left(row) or ""), str(right(row) or "")))
        left, field = self.operand(name)
        operator = self._next()
        compare = _COMPARE.get(operator)
        if compare is None:
            raise invalid_query(f"'{operator}' is not an operator.")
        right, right_field = self.operand(self._next())
        keys = None
        if operator == "eq" and field is not None and right_field is None:
            keys = (field, (right({}),))
        return Filter(lambda row: compare(left(row), right(row)), keys)

    def operand(self, token: str) -> tuple[Callable[[Row], Any], str | None]:
        if token.startswith("'"):
            literal = token[1:-1].replace("''", "'")
            return (lambda _row: literal), None
        if re.fullmatch(r"-?\d+(\.\d+)?", token):
            number = float(token) if "." in token else int(token)
            return (lambda _row: number), None
        if token in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[token]
            return (lambda _row: constant), None
        if token.lower() == "tolower":
            self._expect("(")
            inner, field = self.operand(self._next())
            self._expect(")")
            return (lambda row: str(inner(row) or "").lower()), f"tolower {field}" if field else None
        if token not in self.fields:
            raise invalid_query(f"Could not find a property named '{token[:60]}'.")
        return (lambda row: row.get(token)), token

    def _next(self) -> str:
        if self.position >= len(self.tokens):
            raise invalid_query("Expression expected at the end.")
        self.position += 1
        return self.tokens[self.position - 1]

    def _take(self, word: str) -> bool:
        if self.position < len(self.tokens) and self.tokens[self.position] == word:
            self.position += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise invalid_query(f"'{word}' expected.")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def _compare(left: Any, right: Any) -> bool:
        try:
            return left is not None and right is not None and compare(left, right)
        except TypeError:
            return False

    return _compare


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: bool(left == right),
    "ne": lambda left, right: bool(left != right),
    "gt": _ordered(lambda left, right: left > right),
    "ge": _ordered(lambda left, right: left >= right),
    "lt": _ordered(lambda left, right: left < right),
    "le": _ordered(lambda left, right: left <= right),
}


@dataclass(frozen=True, slots=True)
class Query:
    """The query options of one request, checked."""

    select: tuple[str, ...] | None
    expand: Mapping[str, "Query"]
    filter: Filter | None
    order: tuple[tuple[str, bool], ...]
    top: int
    skip: int
    wants_count: bool


def parse_query(
    options: Mapping[str, str], fields: frozenset[str], navigation: Mapping[str, frozenset[str]]
) -> Query:
    """Check the options against the fields of the entity and what can be expanded.

    :raises Refusal: the 400 of a real system, for example for a ``$top`` over 100.
    """
    for name in options:
        if name.startswith("$") and name not in _KNOWN_OPTIONS:
            raise invalid_query(f"The query parameter '{name}' is not supported.")
    select = _select(options.get("$select"), fields)
    return Query(
        select,
        _expand(options.get("$expand"), navigation),
        parse_filter(options["$filter"], fields) if options.get("$filter") else None,
        _order(options.get("$orderby"), fields),
        _top(options.get("$top")),
        _whole("$skip", options.get("$skip", "0")),
        options.get("$count") == "true",
    )


_KNOWN_OPTIONS = {"$select", "$expand", "$filter", "$orderby", "$top", "$skip", "$count", "$search"}


def _select(text: str | None, fields: frozenset[str]) -> tuple[str, ...] | None:
    if not text:
        return None
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in fields:
            raise invalid_query(f"Could not find a property named '{name[:60]}'.")
    return names


def _expand(text: str | None, navigation: Mapping[str, frozenset[str]]) -> dict[str, Query]:
    expanded: dict[str, Query] = {}
    for item in _split(text or "", ","):
        name, _bracket, inner = item.strip().partition("(")
        if name not in navigation:
            raise invalid_query(f"Could not find a property named '{name[:60]}'.")
        options = dict(
            part.strip().partition("=")[::2] for part in _split(inner.removesuffix(")"), ";") if part.strip()
        )
        expanded[name] = parse_query(
            options, navigation[name], {"Rights": frozenset({"RoleName"}), "GroupRights": frozenset()}
        )
    return expanded


def _split(text: str, separator: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def _order(text: str | None, fields: frozenset[str]) -> tuple[tuple[str, bool], ...]:
    order = []
    for item in (text or "").split(","):
        if item.strip():
            name, _space, direction = item.strip().partition(" ")
            if name not in fields or direction not in ("", "asc", "desc"):
                raise invalid_query(f"Could not find a property named '{name[:60]}'.")
            order.append((name, direction == "desc"))
    return tuple(order)


def _top(text: str | None) -> int:
    top = _whole("$top", text) if text is not None else MAX_TOP
    if top > MAX_TOP:
        raise invalid_query(
            f"The limit of '{MAX_TOP}' for Top query has been exceeded. "
            f"The value from the incoming request is '{top}'."
        )
    return top


def _whole(name: str, text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise invalid_query(f"Invalid value '{text[:40]}' for {name} query option found.")
    return int(text)


def page_of(rows: Iterable[Row], query: Query) -> tuple[list[Row], int]:
    """The rows of the page, and how many there are in all."""
    matching = [row for row in rows if query.filter is None or query.filter.test(row)]
    for name, is_descending in reversed(query.order):
        matching.sort(key=lambda row, n=name: (row.get(n) is not None, row.get(n)), reverse=is_descending)  # type: ignore[misc]
    return matching[query.skip : query.skip + query.top], len(matching)
