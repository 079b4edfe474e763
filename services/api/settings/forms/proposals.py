"""What the wizard offers for the extension number, and which of it is chosen already. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.api.settings.forms.fields import Values, put, value_at
from shared.language import declared, phrase
from shared.settings.documents import DirectorySettings
from shared.values.digits import whole_number

_OFFERED = 6
NUMBER, LAST_DIGITS = "attributes.number", "number_rule.last_digits"
# One value for both settings; no attribute and no expression ends like this.
_SHORTENED = re.compile(r"(?P<source>.+)#(?P<digits>[0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Offer:
    """One choice. ``value`` is what the form sends, ``shortens`` whether it sets the last digits of the number rule."""

    source: str
    last_digits: int | None
    shortens: bool
    is_chosen: bool
    numbers: int
    usable: int
    people: int
    examples: Sequence[Mapping[str, str]]

    @property
    def value(self) -> str:
        """The choice as one text."""
        return f"{self.source}#{self.last_digits}" if self.shortens else self.source


def offers(
    proposals: Sequence[Mapping[str, Any]],
    attributes: Sequence[Mapping[str, Any]],
    values: Values,
    chosen: Mapping[str, Any] | None = None,
    *,
    is_sent: bool = False,
) -> list[Offer]:
    """The best proposals, or attributes that people have when none gives a number, and what is set.

    What nobody has chosen yet is chosen for them when somebody gets a number of their own by it, and only then;
    ``is_sent`` says that somebody has chosen; ``chosen`` is what comes of that.
    """
    number, digits = value_at(values, NUMBER), value_at(values, LAST_DIGITS)
    rule = whole_number(str(digits or ""), 3)
    defaults = DirectorySettings()
    is_untouched = (number, rule) == (defaults.attributes.number, defaults.number_rule.last_digits)
    listed = [_of(item, rule) for item in proposals[:_OFFERED]]
    if not listed:
        listed = [_of(_without_numbers(item), rule) for item in attributes[:_OFFERED]]
    if is_untouched and not is_sent:
        best = next((place for place, item in enumerate(listed) if item.usable), None)
        return [_chosen(item) if place == best else item for place, item in enumerate(listed)]
    found = next(
        (place for place, item in enumerate(listed) if item.source == number and not item.shortens), None
    )
    if found is None and number:
        known = next(
            (
                item
                for item in (*proposals, *filter(None, [chosen]))
                if item["source"] == number and item["last_digits"] == rule
            ),
            None,
        )
        listed.append(_of(known or {"source": number, "last_digits": rule, "people": 0}, rule))
        found = len(listed) - 1
    return [_chosen(item) if place == found else item for place, item in enumerate(listed)]


def take(values: Values) -> None:
    """Put a choice that sets the last digits too into both settings."""
    shortened = _SHORTENED.fullmatch(str(value_at(values, NUMBER) or ""))
    if shortened is not None:
        put(values, NUMBER, shortened["source"])
        put(values, LAST_DIGITS, shortened["digits"])


def _of(item: Mapping[str, Any], rule: int | None) -> Offer:
    digits = item.get("last_digits")
    return Offer(
        item["source"],
        digits,
        digits is not None and digits != rule,
        False,
        item.get("numbers", 0),
        item.get("usable", 0),
        item.get("people", 0),
        item.get("examples", ()),
    )


def _chosen(item: Offer) -> Offer:
    return replace(item, is_chosen=True)


def _without_numbers(item: Mapping[str, Any]) -> Mapping[str, Any]:
    examples = [{"name": "", "text": text, "number": ""} for text in item["samples"]]
    return {"source": item["name"], "people": item["people"], "examples": examples}


def without_number(chosen: Mapping[str, Any]) -> str:
    """Why a source must not be taken by accident; empty where it gives somebody a number of their own."""
    if chosen["usable"]:
        return ""
    if not chosen["people"]:
        return declared("The selected OUs contain nobody, so no number can be checked.")
    if chosen["numbers"]:
        return phrase(
            "{attribute} gives nobody a number of their own: people share the same numbers. With it, no extension is "
            "created.",
            attribute=chosen["source"],
        )
    return phrase(
        "{attribute} gives none of {people} people an extension number. With it, no extension is created. Choose "
        "another attribute, or use the last digits of a phone number.",
        attribute=chosen["source"],
        people=chosen["people"],
    )
