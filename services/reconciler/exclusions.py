"""Who is left alone altogether, by name or by number. Pure."""

import fnmatch
import re
from collections.abc import Callable

from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import Exclusion, ExclusionKind

Matcher = Callable[[str, str], bool]


class Exclusions:
    """All exclusions of a site, compiled once. False in a boolean context when there is none."""

    def __init__(self, exclusions: tuple[Exclusion, ...]) -> None:
        self._matchers = [_matcher(exclusion) for exclusion in exclusions]

    def __bool__(self) -> bool:
        """Whether there is anything to exclude."""
        return bool(self._matchers)

    def hold_person(self, person: Person) -> bool:
        """Whether the person is left alone: by "First Last", by display name, or by number."""
        number = person.number or ""
        return self._any(person.name, number) or self._any(person.display_name, number)

    def hold_extension(self, extension: Extension) -> bool:
        """Whether the extension is left alone: by the name 3CX shows, or by number."""
        return self._any(f"{extension.first_name} {extension.last_name}".strip(), extension.number)

    def hold_name(self, name: str) -> bool:
        """Whether somebody is left alone of whom only the name is known any more."""
        return self._any(name, "")

    def _any(self, name: str, number: str) -> bool:
        return any(matches(name, number) for matches in self._matchers)


def _matcher(exclusion: Exclusion) -> Matcher:
    value = exclusion.value
    match exclusion.kind:
        case ExclusionKind.EXACT:
            return lambda name, _number: name.casefold() == value.casefold()
        case ExclusionKind.CONTAINS:
            return lambda name, _number: value.casefold() in name.casefold()
        case ExclusionKind.WILDCARD:
            pattern = re.compile(fnmatch.translate(value.casefold()))
            return lambda name, _number: pattern.match(name.casefold()) is not None
        case ExclusionKind.REGEX:
            expression = re.compile(value, re.IGNORECASE)
            return lambda name, _number: expression.search(name) is not None
        case ExclusionKind.NUMBERS:
            first, _dash, last = value.partition("-")
            low, high = int(first), int(last or first)
            return lambda _name, number: number.isdecimal() and low <= int(number) <= high
