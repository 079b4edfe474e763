"""Proposes what may give the extension number, by what a sample of people has. Pure; called by ``questions``.

Ranked by how many people get a number that nobody else gets: an attribute with the same switchboard number for all gives
numbers, but none that anybody could have.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.collector.numbers import NumberOptions, read_numbers
from services.collector.phone_numbers import FEWEST_DIGITS
from shared.mapping.compiling import several
from shared.mapping.mapping import compile_mapping

# With fewer, people who are not in the sample would soon share a number.
_FEWEST_LAST_DIGITS = 3
_MOST_LAST_DIGITS = 5
_EXAMPLES_SHOWN = 3
# Of the attributes that give numbers, so many are put together with another for people who lack it.
_COMBINED = 3
# Numbers of their own that are no extensions: proposed, but after everything else, and never shortened.
_PRIVATE = frozenset(
    {
        "mobile",
        "othermobile",
        "homephone",
        "otherhomephone",
        "pager",
        "otherpager",
        "employeeid",
        "employeenumber",
    }
)
_NAMES = ("displayname", "cn", "name")

# The texts of one person by attribute in lower case.
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Example:
    """A real person: what their attributes hold, and the number that comes of it."""

    name: str
    text: str
    number: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """An attribute or expression, with the last digits of the number rule, and what comes of it.

    ``numbers`` people get a number, ``usable`` of them one that nobody else gets; ``examples`` are some of these.
    """

    source: str
    last_digits: int | None
    people: int
    numbers: int
    usable: int
    examples: tuple[Example, ...] = ()


def propose(people: Sequence[Texts], names: Mapping[str, str], options: NumberOptions) -> list[Proposal]:
    """The proposals that give somebody a number, best first; of equal ones the simplest.

    :param names: how the schema writes the attributes that are to be looked at.
    """
    alone = [found for source in names.values() if (found := tried(source, people, options)).numbers]
    shortened = [
        found
        for key, source in names.items()
        if key not in _PRIVATE
        and any(_is_phone_number(text) for texts in people for text in texts.get(key, ()))
        for found in _by_last_digits(source, people, options)
    ]
    best = sorted(alone, key=_rank)[:_COMBINED]
    together = [
        found
        for one in best
        for other in best
        if one.source != other.source
        and (found := tried(f"first({one.source}, {other.source})", people, options)).usable
        > max(one.usable, other.usable)
    ]
    # Sorting keeps the order of what is equal: attributes, last digits, two attributes.
    return sorted([*alone, *shortened, *together], key=_rank)


def _rank(proposal: Proposal) -> tuple[bool, int, int]:
    return proposal.source.lower() in _PRIVATE, -proposal.usable, -proposal.numbers


def _by_last_digits(source: str, people: Sequence[Texts], options: NumberOptions) -> Iterator[Proposal]:
    """The fewest digits that tell most people apart, unless the settings say how many."""
    if options.last_digits is not None:
        return
    longest = min(options.max_digits, _MOST_LAST_DIGITS)
    lengths = range(min(longest, max(options.min_digits, _FEWEST_LAST_DIGITS)), longest + 1)
    found = [tried(source, people, replace(options, last_digits=digits)) for digits in lengths]
    best = min(found, key=_rank, default=None)
    if best is not None and best.usable > tried(source, people, options).usable:
        yield best


def tried(source: str, people: Sequence[Texts], options: NumberOptions) -> Proposal:
    """What comes of one attribute or expression, which must compile.

    :raises MappingError: it does not.
    """
    mapping = compile_mapping(source)
    numbers: Counter[str] = Counter()
    found: list[Example] = []
    for person in people:
        values = {
            name.lower(): several(dict.fromkeys(sorted(person.get(name.lower(), ()))))
            for name in mapping.attributes
        }
        reading = read_numbers(mapping.texts(values), options)
        if reading.number is not None:
            numbers[reading.number] += 1
            name = next((texts[0] for key in _NAMES if (texts := person.get(key))), "")
            found.append(Example(name, reading.text, reading.number))
    own = [example for example in found if numbers[example.number] == 1]
    return Proposal(
        source,
        options.last_digits,
        len(people),
        len(found),
        len(own),
        tuple((own or found)[:_EXAMPLES_SHOWN]),
    )


def _is_phone_number(text: str) -> bool:
    return sum(character.isdigit() for character in text) >= FEWEST_DIGITS
