"""What a filter means: a filter becomes a function from an entry to true, false or undefined (None).

The three values are those of RFC 4511 section 4.5.1.7; only "true" lets an entry through, and the
negation of "undefined" stays undefined.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from services.sandbox.directory import filters, names, syntax
from services.sandbox.directory.entry import Entry

Predicate = Callable[[Entry], bool | None]

BIT_AND = "1.2.840.113556.1.4.803"
BIT_OR = "1.2.840.113556.1.4.804"
IN_CHAIN = "1.2.840.113556.1.4.1941"
RULES = (BIT_AND, BIT_OR, IN_CHAIN)


def compile_filter(part: filters.Filter, entries: Iterable[Entry], base_dn: str) -> Predicate:
    """The function for a filter; ``entries`` are where chains of group membership are followed."""
    match part:
        case filters.And(parts=parts):
            return _all([compile_filter(each, entries, base_dn) for each in parts])
        case filters.Or(parts=parts):
            return _any([compile_filter(each, entries, base_dn) for each in parts])
        case filters.Not(part=inner):
            return _not(compile_filter(inner, entries, base_dn))
        case filters.Presence(attribute=attribute):
            return lambda entry: attribute in entry.attributes
        case filters.Comparison():
            return _comparison(part, base_dn)
        case filters.Substrings():
            return _substrings(part)
        case filters.Extensible():
            return _extensible(part, entries)


def _all(parts: list[Predicate]) -> Predicate:
    def decide(entry: Entry) -> bool | None:
        verdict: bool | None = True
        for part in parts:
            answer = part(entry)
            if answer is False:
                return False
            if answer is None:
                verdict = None
        return verdict

    return decide


def _any(parts: list[Predicate]) -> Predicate:
    def decide(entry: Entry) -> bool | None:
        verdict: bool | None = False
        for part in parts:
            answer = part(entry)
            if answer:
                return True
            if answer is None:
                verdict = None
        return verdict

    return decide


def _not(part: Predicate) -> Predicate:
    def decide(entry: Entry) -> bool | None:
        answer = part(entry)
        return None if answer is None else not answer

    return decide


def _undefined(_entry: Entry) -> None:
    return None


def _comparison(part: filters.Comparison, base_dn: str) -> Predicate:
    attribute, value = part.attribute, part.value
    if attribute == "objectcategory" and b"=" not in value:
        value = syntax.category(value.decode(errors="replace"), base_dn).encode()
    wanted = syntax.comparable(attribute, value)
    if wanted is None:
        return _undefined
    if part.operator == "=":
        return lambda entry: wanted in entry.comparables(attribute)
    return _ordered(part, wanted)


def _ordered(part: filters.Comparison, wanted: syntax.Comparable) -> Predicate:
    at_least = part.operator == ">="

    def holds(value: syntax.Comparable) -> bool:
        if isinstance(value, int) and isinstance(wanted, int):
            return value >= wanted if at_least else value <= wanted
        if isinstance(value, str) and isinstance(wanted, str):
            return value >= wanted if at_least else value <= wanted
        return False

    return lambda entry: any(holds(value) for value in entry.comparables(part.attribute))


def _substrings(part: filters.Substrings) -> Predicate:
    initial = part.initial.decode(errors="replace").casefold()
    inner = [piece.decode(errors="replace").casefold() for piece in part.inner]
    final = part.final.decode(errors="replace").casefold()

    def fits(text: str) -> bool:
        if len(text) < len(initial) + len(final) or not (text.startswith(initial) and text.endswith(final)):
            return False
        position, end = len(initial), len(text) - len(final)
        for piece in inner:
            found = text.find(piece, position, end)
            if found < 0:
                return False
            position = found + len(piece)
        return True

    # Names are the one syntax that AD compares only as a whole (MS-ADTS 3.1.1.3.1.3).
    if part.attribute in syntax.NAMES:
        return _undefined
    return lambda entry: any(
        fits(value.decode(errors="replace").casefold()) for value in entry.values(part.attribute)
    )


def _extensible(part: filters.Extensible, entries: Iterable[Entry]) -> Predicate:
    if part.rule in (BIT_AND, BIT_OR):
        return _bits(part)
    if part.rule == IN_CHAIN and part.attribute in syntax.NAMES:
        return _chain(part, entries)
    return _undefined


def _bits(part: filters.Extensible) -> Predicate:
    mask = syntax.comparable(part.attribute, part.value)
    if not isinstance(mask, int):
        return _undefined
    wanted = mask

    def decide(entry: Entry) -> bool:
        values = [value & wanted for value in entry.comparables(part.attribute) if isinstance(value, int)]
        return any(value == wanted for value in values) if part.rule == BIT_AND else any(values)

    return decide


def _chain(part: filters.Extensible, entries: Iterable[Entry]) -> Predicate:
    """Everything that reaches the target by following the attribute (MS-ADTS 3.1.1.3.4.4.3), found from the target."""
    target = syntax.comparable(part.attribute, part.value)
    pointing: dict[syntax.Comparable, list[names.Key]] = defaultdict(list)
    for entry in entries:
        for value in entry.comparables(part.attribute):
            pointing[value].append(entry.key)
    reached: set[syntax.Comparable] = set()
    waiting: list[syntax.Comparable] = [] if target is None else [target]
    while waiting:
        for source in pointing.get(waiting.pop(), ()):
            if source not in reached:
                reached.add(source)
                waiting.append(source)
    return lambda entry: entry.key in reached
