"""Checks the tree of an expression and makes a function of it: compiled once, run for every person. Pure.

Every wrong type is found here, before anybody is read. What is left for a person are an attribute with several values
where one is needed, and a text that gets too long: a ``MappingError`` again.

A value is one text (empty when there is none) or a tuple of several. Nothing in an expression is repeated, every text
in between has a limit, and so has the number of values worked on: what one person can cost is bounded.
"""

import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.language import counted, declared, phrase
from shared.mapping import tree
from shared.mapping.errors import MappingError
from shared.mapping.functions import FUNCTIONS, Function, Kind, TooLong
from shared.mapping.tree import Node
from shared.values.e164 import is_country
from shared.values.text import MOST_CHARACTERS

Value = str | tuple[str, ...]
_MOST_WORK = 1000
_MOST_SHOWN = 30
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Work:
    """One person's values by the attribute's name in lower case, and how much may still be done with lists of them."""

    __slots__ = ("left", "values")

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values
        self.left = _MOST_WORK


Run = Callable[[Work], Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expression, checked.

    ``is_one`` says that it never has several values. ``digits_of`` are the attributes of which one holds all digits of
    its value in their order, ``None`` when it may have others.
    """

    kind: Kind
    at: int
    run: Run
    attributes: tuple[str, ...] = ()
    is_one: bool = False
    digits_of: frozenset[str] | None = frozenset()


def several(values: Mapping[str, None]) -> Value:
    """Distinct texts as a value: nothing is an empty text, and one is itself."""
    kept = tuple(text for text in values if text)
    return kept if len(kept) > 1 else kept[0] if kept else ""


def each_once(names: Iterable[str]) -> tuple[str, ...]:
    """Names of attributes, which differ by more than capitals, as they are written first."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(name.lower(), name)
    return tuple(found.values())


class Compiler:
    """Makes parts of the nodes of one expression."""

    def __init__(self, expression: str) -> None:
        self._expression = expression

    def part(self, node: Node) -> Part:
        """The part of a node.

        :raises MappingError: types do not fit, or there is no such function.
        """
        match node:
            case tree.Attribute(at, name):
                key = name.lower()
                return Part(
                    Kind.TEXT, at, lambda work: work.values.get(key, ""), (name,), digits_of=frozenset((key,))
                )
            case tree.Text(at, value):
                digits = None if any(map(str.isdigit, value)) else frozenset[str]()
                return Part(Kind.TEXT, at, lambda _work: value, is_one=True, digits_of=digits)
            case tree.Number(at, value):
                return Part(Kind.NUMBER, at, lambda _work: value)
            case tree.Truth(at, value):
                return Part(Kind.TRUTH, at, lambda _work: value)
            case tree.Table(at, entries):
                table = {key.value.casefold(): value.value for key, value in entries}
                has_digits = any(character.isdigit() for value in table.values() for character in value)
                return Part(
                    Kind.TABLE, at, lambda _work: table, digits_of=None if has_digits else frozenset[str]()
                )
            case tree.Items(at, items):
                return self._list(at, items)
            case tree.Not(at, operand):
                part = self._of_kind(
                    self.part(operand), Kind.TRUTH, declared("'!' turns true and false round")
                )
                return Part(Kind.TRUTH, at, lambda work: not part.run(work), part.attributes)
            case tree.Either():
                return self._either(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Call():
                return self._call(node)

    def _list(self, at: int, items: tuple[Node, ...]) -> Part:
        parts = [self._of_kind(self.part(item), Kind.TEXT, declared("A list has texts")) for item in items]

        def run(work: Work) -> Value:
            found: dict[str, None] = {}
            for part in parts:
                value = part.run(work)
                for text in (value,) if value.__class__ is str else value:
                    found[text] = None
            return several(found)

        return Part(Kind.TEXT, at, run, _together(parts), digits_of=_any_digits(parts))

    def _either(self, node: tree.Either) -> Part:
        condition = self._of_kind(
            self.part(node.condition),
            Kind.TRUTH,
            declared("'?' needs a comparison before it, as in co == \"DE\""),
            node.condition.at,
        )
        then, otherwise = self.part(node.then), self.part(node.otherwise)
        if then.kind is not otherwise.kind:
            raise self._wrong(
                phrase(
                    "Both values must be of one kind, but this is {found_kind} and the one before ':' {kind_value}.",
                    found_kind=otherwise.kind.value,
                    kind_value=then.kind.value,
                ),
                node.otherwise.at,
            )
        asks, gives, else_gives = condition.run, then.run, otherwise.run
        return Part(
            then.kind,
            node.at,
            lambda work: gives(work) if asks(work) else else_gives(work),
            _together([condition, then, otherwise]),
            then.is_one and otherwise.is_one,
            _any_digits([then, otherwise]),
        )

    def _binary(self, node: tree.Binary) -> Part:
        left, right = self.part(node.left), self.part(node.right)
        attributes = _together([left, right])
        match node.operator:
            case "&&" | "||":
                word = phrase("'{operator}' needs comparisons on both sides", operator=node.operator)
                one, other = (self._of_kind(part, Kind.TRUTH, word).run for part in (left, right))
                if node.operator == "&&":
                    return Part(Kind.TRUTH, node.at, lambda work: one(work) and other(work), attributes)
                return Part(Kind.TRUTH, node.at, lambda work: one(work) or other(work), attributes)
            case "+":
                return self._joined(node.at, left, right)
            case "in":
                what = self._one(self._of_kind(left, Kind.TEXT, declared("'in' looks for a text")), "in")
                among = self._of_kind(right, Kind.TEXT, declared("'in' looks in a list or an attribute")).run

                def is_in(work: Work) -> bool:
                    values = among(work)
                    return bool(what(work) == values if values.__class__ is str else what(work) in values)

                return Part(Kind.TRUTH, node.at, is_in, attributes)
        return self._compared(node, left, right)

    def _joined(self, at: int, left: Part, right: Part) -> Part:
        one, other = (
            self._one(self._of_kind(part, Kind.TEXT, declared("'+' joins texts")), "+")
            for part in (left, right)
        )

        def join(work: Work) -> str:
            text: str = one(work) + other(work)
            if len(text) > MOST_CHARACTERS:
                raise self._too_long(at)
            return text

        digits = left.digits_of
        if right.digits_of != frozenset():
            digits = right.digits_of if digits == frozenset() else None
        return Part(Kind.TEXT, at, join, _together([left, right]), True, digits)

    def _compared(self, node: tree.Binary, left: Part, right: Part) -> Part:
        compare = _COMPARISONS[node.operator]
        for part in (left, right):
            if part.kind is Kind.NUMBER:
                raise self._wrong(
                    phrase(
                        "'{operator}' compares texts, and this is a number. Put it in quotes: \"204\".",
                        operator=node.operator,
                    ),
                    part.at,
                )
            self._of_kind(part, Kind.TEXT, phrase("'{operator}' compares texts", operator=node.operator))
        one, other = (self._one(part, node.operator) for part in (left, right))
        return Part(
            Kind.TRUTH, node.at, lambda work: compare(one(work), other(work)), _together([left, right])
        )

    def _call(self, node: tree.Call) -> Part:
        function = FUNCTIONS.get(node.name)
        if function is None:
            like = difflib.get_close_matches(node.name, FUNCTIONS, n=1, cutoff=0.5)
            hint = (
                phrase("Did you mean '{like}'?", like=like[0])
                if like
                else phrase("There are: {functions}.", functions=", ".join(FUNCTIONS))
            )
            raise self._wrong(
                phrase("There is no function '{name}'. {hint}", name=node.name, hint=hint), node.at
            )
        parts = [self.part(argument) for argument in node.arguments]
        if not parts:
            raise self._wrong(
                phrase("{name} needs at least one value: {usage}.", name=function.name, usage=function.usage),
                node.at,
            )
        if function.name == "first":
            return self._first(node.at, parts)
        most = 1 + len(function.takes)
        if not most - function.optional <= len(parts) <= most:
            count = (
                phrase("{fewest} or {count} values", fewest=most - function.optional, count=most)
                if function.optional
                else counted(most, "value", "values")
            )
            raise self._wrong(
                phrase(
                    "{name} takes {values}, not {given}: {usage}.",
                    name=function.name,
                    values=count,
                    given=len(parts),
                    usage=function.usage,
                ),
                node.at,
            )
        for place, (part, kind) in enumerate(zip(parts, (Kind.TEXT, *function.takes), strict=False), start=1):
            which = ("first", "second", "third")[place - 1]
            self._of_kind(
                part,
                kind,
                phrase(
                    "The {which} value of {usage} is {found_kind}",
                    which=which,
                    usage=function.usage,
                    found_kind=kind.value,
                ),
            )
        self._check_literals(function, node)
        return self._applied(function, node.at, parts)

    def _check_literals(self, function: Function, node: tree.Call) -> None:
        """What can be told of an argument before anybody is read."""
        for argument in node.arguments[1:]:
            match argument:
                case tree.Number(at, value) if not 0 < value <= MOST_CHARACTERS:
                    raise self._wrong(
                        phrase(
                            "{name} takes 1 to {most_characters:,} characters.",
                            name=function.name,
                            most_characters=MOST_CHARACTERS,
                        ),
                        at,
                    )
                case tree.Text(at, value) if function.name == "e164" and not is_country(
                    value.strip().upper()
                ):
                    raise self._wrong(
                        phrase(
                            "'{value}' is not the code of a country. Use its two letters, e.g. \"DE\".",
                            value=value,
                        ),
                        at,
                    )
                case tree.Text(at, "") if function.name == "replace" and argument is node.arguments[1]:
                    raise self._wrong(declared("An empty text cannot be replaced."), at)

    def _first(self, at: int, parts: list[Part]) -> Part:
        runs = [self._of_kind(part, Kind.TEXT, declared("first takes texts")).run for part in parts]

        def run(work: Work) -> str:
            for each in runs:
                value: Value = each(work)
                if value:
                    return value if isinstance(value, str) else value[0]
            return ""

        return Part(Kind.TEXT, at, run, _together(parts), True, _any_digits(parts))

    def _applied(self, function: Function, at: int, parts: list[Part]) -> Part:
        text, *others = parts
        more = [part.run if part.kind is not Kind.TEXT else self._one(part, function.name) for part in others]
        apply, is_truth = function.run, function.result is Kind.TRUTH
        takes_all, cost = function.takes_all, function.cost
        takes_text = text.run

        def apply_to(value: Value, given: list[Any]) -> Any:
            try:
                found = apply(value, *given)
            except TooLong as error:
                raise self._too_long(at) from error
            if not is_truth and len(found) > MOST_CHARACTERS:
                raise self._too_long(at)
            return found

        def run(work: Work) -> Any:
            value = takes_text(work)
            if takes_all:
                return apply_to((value,) if value.__class__ is str else value, [])
            given = [each(work) for each in more]
            if value.__class__ is str:
                return apply_to(value, given)
            work.left -= cost * len(value)
            if work.left < 0:
                raise self._wrong(
                    declared("An attribute has too many values here for what is done with them."), at
                )
            if is_truth:
                return any(apply_to(each, given) for each in value)
            return several(dict.fromkeys(apply_to(each, given) for each in value))

        digits = text.digits_of
        if function.digits_from is None or any(
            others[place].digits_of != frozenset() for place in function.digits_from if place < len(others)
        ):
            digits = None
        return Part(function.result, at, run, _together(parts), text.is_one or takes_all, digits)

    def _of_kind(self, part: Part, kind: Kind, sentence: str, at: int | None = None) -> Part:
        if part.kind is not kind:
            raise self._wrong(
                phrase(
                    "{sentence}, but this is {found_kind}.", sentence=sentence, found_kind=part.kind.value
                ),
                part.at if at is None else at,
            )
        return part

    def _one(self, part: Part, taker: str) -> Run:
        """The part's value where it must be one text."""
        run = part.run
        if part.is_one:
            return run

        def one(work: Work) -> str:
            value: Value = run(work)
            if isinstance(value, str):
                return value
            shown = ", ".join(f"'{text[:_MOST_SHOWN]}'" for text in value[:2])
            raise self._wrong(
                phrase(
                    "There are {count} values here ({values}), and '{taker}' takes one. Choose one with "
                    "first(…), or ask with 'in' whether one is among them.",
                    count=len(value),
                    values=f"{shown}, …" if len(value) > 2 else shown,
                    taker=taker,
                ),
                part.at,
            )

        return one

    def _too_long(self, at: int) -> MappingError:
        return self._wrong(
            phrase(
                "This gives a text of more than {most_characters:,} characters.",
                most_characters=MOST_CHARACTERS,
            ),
            at,
        )

    def _wrong(self, sentence: str, at: int) -> MappingError:
        return MappingError(sentence, self._expression, at)


def _together(parts: list[Part]) -> tuple[str, ...]:
    return each_once(name for part in parts for name in part.attributes)


def _any_digits(parts: list[Part]) -> frozenset[str] | None:
    found: set[str] = set()
    for part in parts:
        if part.digits_of is None:
            return None
        found |= part.digits_of
    return frozenset(found)
