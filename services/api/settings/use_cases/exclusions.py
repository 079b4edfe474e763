"""People and extensions that are never to be changed: turns whom somebody points at into exclusions of the rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.api.settings.use_cases.sections import read_section, replace_section
from shared.domain.rules import ExclusionKind
from shared.errors import Conflict
from shared.language import phrase
from shared.settings.documents import Section
from shared.values.digits import is_digits
from shared.worker.context import Context

# As many as an address of a page has room for.
MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom somebody points at: an extension's number, a person's name, or both."""

    number: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """As an address has it: ``204:Ada Lovelace``."""
        return f"{self.number}:{self.name}"

    @classmethod
    def of(cls, text: str) -> "Subject":
        """What ``text`` says."""
        number, _colon, name = text.partition(":")
        number = number.strip()
        return cls(number if is_digits(number) and len(number) <= 10 else "", name.strip())

    def exclusion(self, by_name: bool) -> dict[str, str]:
        """The exclusion: by number or name as wanted, as far as there is one."""
        if self.name and (by_name or not self.number):
            return {"kind": ExclusionKind.EXACT.value, "value": self.name}
        return {"kind": ExclusionKind.NUMBERS.value, "value": self.number}


def subjects_of(texts: Iterable[str]) -> list[Subject]:
    """Whom the texts mean, each once; those that say nothing are left out.

    :raises Conflict: there are more than can be excluded at once.
    """
    found = [subject for text in dict.fromkeys(texts) if (subject := Subject.of(text)) != Subject()]
    if len(found) > MOST_AT_ONCE:
        raise Conflict(
            phrase(
                "{count} rows were selected. Select at most {maximum} at a time, or add a pattern or a "
                "range of numbers in the settings under Exclude extensions.",
                count=len(found),
                maximum=MOST_AT_ONCE,
            )
        )
    return found


def exclude(
    context: Context, site_id: str, subjects: Sequence[Subject], *, by_name: bool, actor: str
) -> tuple[int, int]:
    """Add them to the exclusions of the rules; how many are new, and the version of the rules after it.

    :raises SettingsInvalid: a name cannot be used; nothing was saved.
    :raises Conflict: the rules were changed meanwhile; nothing was saved.
    """
    values, version = read_section(context, site_id, Section.RULES)
    known = [dict(item) for item in values["exclusions"]]
    added: list[dict[str, str]] = []
    for subject in subjects:
        exclusion = subject.exclusion(by_name)
        if exclusion not in known and exclusion not in added:
            added.append(exclusion)
    if not added:
        return 0, version
    wanted = {**values, "exclusions": [*known, *added]}
    return len(added), replace_section(context, site_id, Section.RULES, wanted, actor, version)
