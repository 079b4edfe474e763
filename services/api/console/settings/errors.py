"""What is wrong with which field, said to the person who filled it in."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.api.console.settings.fields import Field, fields_of
from services.api.console.settings.tabs import label, tab_title
from shared.errors import SettingsInvalid
from shared.settings.documents import Section

# What no single field can be blamed for is said at the one that mends it.
_WHOLE: Mapping[Section, str] = {
    Section.DIRECTORY: "security",
    Section.ARCHIVE: "voicemails",
    Section.SCHEDULE: "times",
}
_A_NAME = re.compile(r"\b[A-Za-z]+(?:_[A-Za-z]+)+\b")
_A_PLACE = re.compile(rf"\b({'|'.join(Section)})\.([a-z_]+(?:\.[a-z_]+)*)")
_PATTERNS = (
    ("[0-9]{2,10}", "An extension number has 2 to 10 digits."),
    ("[0-5][0-9]", "A time is written HH:MM, such as 07:30."),
    ("[A-Za-z]", "An attribute's name has letters, digits and hyphens, such as ipPhone."),
)
_SENTENCES: Mapping[str, str] = {
    "missing": "Fill this in.",
    "int_parsing": "Enter a whole number.",
    "int_from_float": "Enter a whole number.",
    "float_parsing": "Enter a number.",
    "finite_number": "Enter a number.",
    "greater_than_equal": "At least {ge}.",
    "greater_than": "More than {gt}.",
    "less_than_equal": "At most {le}.",
    "less_than": "Less than {lt}.",
    "string_too_short": "At least {min_length} characters.",
    "string_too_long": "At most {max_length} characters.",
    "enum": "Choose one of the list.",
    "literal_error": "Choose one of the list.",
    "string_type": "Fill this in.",
}


def errors_by_field(error: SettingsInvalid, section: Section, fields: Mapping[str, Field]) -> dict[str, str]:
    """A sentence for each wrong field; under an empty name what belongs to none of these fields."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        document, _, name = str(error.details.get("place", "")).partition(".")
        if document == section and name in fields:
            return {name: with_form_names(_as_sentence(str(error.details["why"])), section)}
        return {"": with_form_names(error.message, section)}
    said: dict[str, str] = {}
    for item in cause.errors(include_input=False, include_url=False):
        place = _place(item["loc"], section, fields)
        said.setdefault(place, _with_labels(_sentence(item), section, fields))
    return said


def with_form_names(message: str, section: Section) -> str:
    """A message with settings such as ``relay.host`` called as the forms call them: “Host”, on which tab if another."""

    def _named(found: re.Match[str]) -> str:
        named = Section(found[1])
        if found[2] not in fields_of(named):
            return found[0]
        where = "" if named is section else f" ({tab_title(named, found[2])})"
        return f"“{label(named, found[2])}”{where}"

    return _A_PLACE.sub(_named, message)


def _with_labels(sentence: str, section: Section, fields: Mapping[str, Field]) -> str:
    """The sentence with the fields called as the form calls them."""
    names = {name.rpartition(".")[2]: name for name in fields if "_" in name.rpartition(".")[2]}
    return _A_NAME.sub(
        lambda found: f"“{label(section, names[word])}”" if (word := found[0].lower()) in names else found[0],
        sentence,
    )


def _place(location: Sequence[int | str], section: Section, fields: Mapping[str, Field]) -> str:
    parts = [str(part) for part in location]
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in fields:
            # Of a list the cell, of lines the whole.
            return ".".join(parts) if fields[name].kind == "rows" else name
    inside = next((name for name in fields if parts and name.startswith(f"{parts[0]}.")), None)
    if inside is not None:
        return inside
    whole = _WHOLE.get(section, "")
    return whole if not parts and whole in fields else ""


def _sentence(item: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return next((said for part, said in _PATTERNS if part in context["pattern"]), "This cannot be used.")
    if kind in _SENTENCES:
        # 100.0 reads as 100.
        plain = {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
        return _SENTENCES[kind].format(**plain)
    return _as_sentence(str(item["msg"]).removeprefix("Value error, "))


def _as_sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith('.') else '.'}"
