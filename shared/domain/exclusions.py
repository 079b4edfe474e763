"""Who is left alone altogether, by name or by number. Pure."""

import fnmatch
import re
from collections.abc import Callable, Mapping

from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import Exclusion, ExclusionKind
from shared.language import declared, phrase
from shared.values.digits import is_digits
from shared.values.expression import Expression, UnsupportedExpression
from shared.values.text import as_seen

Matcher = Callable[[str, str], bool]


class Exclusions:
    """All exclusions of a site, compiled once. False in a boolean context when there is none.

    Names are compared as they are seen: without invisible marks, in one spelling of each character.
    """

    def __init__(self, exclusions: tuple[Exclusion, ...]) -> None:
        """Compile them.

        :raises UnsupportedExpression: one of them cannot be evaluated (``why_unusable`` says it in a sentence).
        """
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
        return self._any(
            f"{extension.first_name} {extension.last_name}".strip(),
            extension.number,
        )

    def hold_number(self, number: str) -> bool:
        """Whether whoever has the number is left alone."""
        return self._any("", number)

    def hold_name(self, name: str) -> bool:
        """Whether somebody is left alone of whom only the name is known any more."""
        return self._any(name, "")

    def hold_command(self, number: str, person_name: str, before: Mapping[str, object]) -> bool:
        """Whether whoever a command is about is left alone: by number, by name, or by the name that 3CX showed before it."""
        shown = f"{before.get('first_name') or ''} {before.get('last_name') or ''}".strip()
        by_number = bool(number) and self.hold_number(number)
        return by_number or any(map(self.hold_name, filter(None, (person_name, shown))))

    def _any(self, name: str, number: str) -> bool:
        name = as_seen(name)
        return any(matches(name, number) for matches in self._matchers)


def why_excluded(name: str) -> str:
    """What is said of somebody of this name who is left alone; of an extension alone without one."""
    if not name:
        return declared("Excluded by the rules.")
    return phrase("{name} is excluded by the rules. Nothing is changed.", name=name)


def why_unusable(exclusions: tuple[Exclusion, ...]) -> str | None:
    """Why a site's people cannot be told from those to be left alone; ``None`` when all exclusions can be evaluated.

    An earlier release accepted expressions that cannot be matched in bounded time. Such an exclusion was meant to
    protect somebody, so nothing may be planned as if it were not there.
    """
    for exclusion in exclusions:
        try:
            _matcher(exclusion)
        except UnsupportedExpression as error:
            return phrase(
                "The exclusion '{exclusion}' cannot be evaluated: {error}. Nothing is planned, because the "
                "exclusion would protect nobody. Correct it in the settings under Exclude extensions.",
                exclusion=exclusion.value,
                error=error,
            )
    return None


def _matcher(exclusion: Exclusion) -> Matcher:
    value = exclusion.value if exclusion.kind is ExclusionKind.REGEX else as_seen(exclusion.value)
    match exclusion.kind:
        case ExclusionKind.EXACT:
            return lambda name, _number: name.casefold() == value.casefold()
        case ExclusionKind.CONTAINS:
            return lambda name, _number: value.casefold() in name.casefold()
        case ExclusionKind.WILDCARD:
            # Without nested repetition and never tried twice: what fnmatch makes is linear (tests show it).
            pattern = re.compile(fnmatch.translate(value.casefold()))
            return lambda name, _number: pattern.match(name.casefold()) is not None
        case ExclusionKind.REGEX:
            expression = Expression(value)
            return lambda name, _number: expression.is_in(name)
        case ExclusionKind.NUMBERS:
            first, _dash, last = value.partition("-")
            low, high = int(first), int(last or first)
            return lambda _name, number: is_digits(number) and low <= int(number) <= high
