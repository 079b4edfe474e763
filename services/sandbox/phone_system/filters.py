"""The ``$filter`` that the API understands: eq, ne, gt, ge, lt, le, and, or, not, tolower, contains,
startswith, endswith and brackets.

Types are checked as real systems do (``Number eq 100`` is refused: a number is text). A filter that only asks
for keys says so, and is answered from an index.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.sandbox.phone_system.answers import Refusal, invalid_query
from services.sandbox.phone_system.schema import BOOL, INT, STRING, TIME, Entity

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

_MAX_DEPTH = 50
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)"
_TOKEN = re.compile(rf"\s*('(?:[^']|'')*'|{_TIME}|-?\d+(?:\.\d+)?(?![\w-])|[A-Za-z_][\w.]*|[(),])")
_NULL = "null"
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter. ``keys`` is set when it only asks for some values of one field: (field, values)."""

    test: Test
    keys: tuple[str, tuple[Any, ...]] | None = None


@dataclass(frozen=True, slots=True)
class _Operand:
    """One side of a comparison. ``field`` names what it reads, ``tolower Field`` for a folded one."""

    value: Callable[[Row], Any]
    type: str
    field: str | None = None


def parse_filter(text: str, entity: Entity) -> Filter:
    """Parse a ``$filter``.

    :raises Refusal: 400 for anything that is not understood, or a field that does not exist.
    """
    parser = _Parser(_tokens(text), entity)
    parsed = parser.disjunction(0)
    if parser.position != len(parser.tokens):
        raise invalid_query(f"Syntax error at '{parser.tokens[parser.position][:60]}'.")
    return parsed


def unknown_property(name: str) -> Refusal:
    """The 400 for a name that the entity does not have."""
    return invalid_query(f"Could not find a property named '{name[:60]}'.")


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise invalid_query(f"Syntax error at position {position} in '{text[:100]}'.")
        tokens.append(match[1])
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], entity: Entity) -> None:
        self.tokens, self.entity, self.position = tokens, entity, 0
        self._functions = 0

    def disjunction(self, depth: int) -> Filter:
        if depth > _MAX_DEPTH:
            raise invalid_query("The node count limit has been exceeded.")
        parts = [self.conjunction(depth)]
        while self._take("or"):
            parts.append(self.conjunction(depth))
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        keys = [part.keys for part in parts if part.keys is not None]
        is_same = len(keys) == len(parts) and len({field for field, _values in keys}) == 1
        merged = (
            (keys[0][0], tuple(value for _field, values in keys for value in values)) if is_same else None
        )
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
        is_negative = False
        while self._take("not"):
            is_negative = not is_negative
        if self._take("("):
            inner = self.disjunction(depth + 1)
            self._expect(")")
        else:
            inner = self.comparison()
        return Filter(lambda row: not inner.test(row)) if is_negative else inner

    def comparison(self) -> Filter:
        left = self.operand()
        operator = self.tokens[self.position] if self.position < len(self.tokens) else ""
        compare = _COMPARE.get(operator)
        if compare is None:
            if left.type != BOOL:
                raise invalid_query(f"Syntax error at '{operator[:60]}': an operator is expected.")
            return Filter(lambda row: bool(left.value(row)))
        self.position += 1
        right = self.operand()
        if _NULL not in (left.type, right.type) and left.type != right.type:
            raise invalid_query(
                "A binary operator with incompatible types was detected. Found operand types "
                f"'{left.type}' and '{right.type}' for operator kind '{operator}'."
            )
        keys = None
        if operator == "eq" and left.field is not None and right.field is None:
            keys = (left.field, (right.value({}),))
        return Filter(lambda row: compare(left.value(row), right.value(row)), keys)

    def operand(self) -> _Operand:
        token = self._next()
        if token.startswith("'"):
            literal = token[1:-1].replace("''", "'")
            return _Operand(lambda _row: literal, STRING)
        if re.fullmatch(_TIME, token):
            moment = _time(token)
            return _Operand(lambda _row: moment, TIME)
        if re.fullmatch(r"-?\d+(\.\d+)?", token):
            number = float(token) if "." in token else int(token[:20])
            return _Operand(lambda _row: number, INT)
        if token in ("true", "false", _NULL):
            constant = {"true": True, "false": False, _NULL: None}[token]
            return _Operand(lambda _row: constant, _NULL if constant is None else BOOL)
        if self._take("("):
            return self._function(token.lower())
        known = self.entity.get(token)
        if known is None or not known.is_primitive:
            raise unknown_property(token)
        if known.type == TIME:
            return _Operand(lambda row: _time(row.get(token)), TIME, token)
        return _Operand(lambda row: row.get(token), known.type, token)

    def _function(self, name: str) -> _Operand:
        self._functions += 1
        if self._functions > _MAX_DEPTH:
            raise invalid_query("The node count limit has been exceeded.")
        if name == "tolower":
            inner = self._text()
            self._expect(")")
            field = f"tolower {inner.field}" if inner.field else None
            return _Operand(lambda row: str(inner.value(row) or "").lower(), STRING, field)
        test = _TEXT_TESTS.get(name)
        if test is None:
            raise invalid_query(f"An unknown function with name '{name[:60]}' was found.")
        text = self._text()
        self._expect(",")
        part = self._text()
        self._expect(")")
        return _Operand(lambda row: test(str(text.value(row) or ""), str(part.value(row) or "")), BOOL)

    def _text(self) -> _Operand:
        operand = self.operand()
        if operand.type != STRING:
            raise invalid_query("No function signature for these types was found.")
        return operand

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


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise invalid_query(f"'{text}' is no time.") from None


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: left is not None and right is not None and compare(left, right)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: bool(left == right),
    "ne": lambda left, right: bool(left != right),
    "gt": _ordered(lambda left, right: left > right),
    "ge": _ordered(lambda left, right: left >= right),
    "lt": _ordered(lambda left, right: left < right),
    "le": _ordered(lambda left, right: left <= right),
}
