"""What an expression is made of: the nodes of its tree. ``at`` is where in the expression a node begins. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value of an attribute."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotes."""

    at: int
    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number; only functions take one."""

    at: int
    value: int


@dataclass(frozen=True, slots=True)
class Truth:
    """``true`` or ``false``."""

    at: int
    value: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    at: int
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A map of texts; its entries are literals."""

    at: int
    entries: tuple[tuple[Text, Text], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    at: int
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """Two sides with an operator between them: ``+``, ``==``, ``in``, ``&&``, ..."""

    at: int
    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    at: int
    operand: "Node"


@dataclass(frozen=True, slots=True)
class Either:
    """One of two values, by a condition."""

    at: int
    condition: "Node"
    then: "Node"
    otherwise: "Node"


Node = Attribute | Text | Number | Truth | Items | Table | Call | Binary | Not | Either


def literals_of(node: Node) -> Iterator[str]:
    """Every text in quotes that stands in the tree, keys of tables excepted."""
    match node:
        case Text():
            yield node.value
        case Table():
            yield from (value.value for _, value in node.entries)
        case Items():
            for item in node.items:
                yield from literals_of(item)
        case Call():
            for argument in node.arguments:
                yield from literals_of(argument)
        case Binary():
            yield from literals_of(node.left)
            yield from literals_of(node.right)
        case Not():
            yield from literals_of(node.operand)
        case Either():
            for part in (node.condition, node.then, node.otherwise):
                yield from literals_of(part)
