"""What gives one field its value: an attribute's name, or an expression over attributes. Pure.

One rule tells them apart: a text of letters, digits and hyphens that begins with a letter is an attribute's name.
Everything else is an expression (grammar.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from shared.language import phrase
from shared.mapping.compiling import Compiler, Run, Value, Work, several
from shared.mapping.errors import MappingError
from shared.mapping.functions import Kind
from shared.mapping.grammar import ATTRIBUTE_NAME, parse
from shared.mapping.tree import literals_of
from shared.values.text import clean

_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """A mapping, ready to be run for every person.

    ``attributes`` are those it reads, as written. ``digits_of`` are the attributes of which one holds the digits of
    the value in their order, in lower case; ``None`` when the value may have other digits. ``literals`` are the texts
    in it that may be its value.
    """

    text: str
    attributes: tuple[str, ...]
    digits_of: tuple[str, ...] | None
    is_expression: bool
    literals: tuple[str, ...]
    _run: Run = field(repr=False, compare=False)

    def value(self, values: Mapping[str, Value]) -> Value:
        """The field's value, cleaned; ``values`` are the person's by attribute in lower case, cleaned.

        :raises MappingError: the expression does not work for this person.
        """
        value: Value = self._run(Work(values))
        if not self.is_expression:
            return value
        if isinstance(value, str):
            return clean(value)
        return several(dict.fromkeys(sorted(map(clean, value))))

    def texts(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """The same as none, one or several texts."""
        value = self.value(values)
        return value if isinstance(value, tuple) else (value,) if value else ()


@lru_cache(maxsize=256)
def compile_mapping(text: str) -> FieldMapping:
    """The mapping that a person typed.

    :raises MappingError: it is none, with the place.
    """
    text = text.strip()
    if ATTRIBUTE_NAME.fullmatch(text):
        if len(text) > _LONGEST_NAME:
            raise MappingError(
                phrase(
                    "An attribute's name has at most {longest_name} characters.", longest_name=_LONGEST_NAME
                ),
                text,
                _LONGEST_NAME,
            )
        key = text.lower()
        return FieldMapping(text, (text,), (key,), False, (), lambda work: work.values.get(key, ""))
    node = parse(text)
    part = Compiler(text).part(node)
    if part.kind is not Kind.TEXT:
        hint = {
            Kind.TRUTH: ' Choose a text by it: … ? "one" : "other".',
            Kind.NUMBER: " Put it in quotes, if it is meant.",
        }.get(part.kind, " Look it up with table(…).")
        raise MappingError(
            phrase(
                "The expression must give a text, and this is {found_kind}.{hint}",
                found_kind=part.kind.value,
                hint=hint,
            ),
            text,
            part.at,
        )
    digits = None if part.digits_of is None else tuple(sorted(part.digits_of))
    return FieldMapping(
        text, part.attributes, digits, True, tuple(dict.fromkeys(literals_of(node))), part.run
    )
