"""What is wrong with which setting, in a sentence each. None repeats a secret. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from shared.settings.declaration import POINTED
from shared.settings.documents import Section
from shared.settings.fields import label_of

_SENTENCES: Mapping[str, str] = {
    "missing": "This field is required.",
    "string_type": "This field is required.",
    "extra_forbidden": "Unknown setting.",
    "int_parsing": "Enter a whole number.",
    "int_from_float": "Enter a whole number.",
    "float_parsing": "Enter a number.",
    "finite_number": "Enter a number.",
    "greater_than_equal": "Enter at least {ge}.",
    "greater_than": "Enter more than {gt}.",
    "less_than_equal": "Enter at most {le}.",
    "less_than": "Enter less than {lt}.",
    "string_too_short": "Enter at least {min_length} characters.",
    "string_too_long": "Enter at most {max_length} characters.",
    "enum": "Choose one of {expected}.",
}


def problems_by_place(error: ValidationError) -> dict[str, str]:
    """A sentence for each wrong setting by its place in the document, empty where the document itself is wrong."""
    problems: dict[str, str] = {}
    for item in error.errors(include_input=False, include_url=False):
        context = item.get("ctx", {})
        parts = [*map(str, item["loc"]), *([context["place"]] if "place" in context else [])]
        problems.setdefault(".".join(parts), _sentence(item["type"], item["msg"], context))
    return problems


def problems_in_words(error: ValidationError, section: Section) -> str:
    """All of it in one line."""
    return " ".join(
        f"{called(section, place)}: {sentence}" if place else sentence
        for place, sentence in problems_by_place(error).items()
    )


def called(section: Section, place: str) -> str:
    """A setting by its label, and by the name that files and the API have for it."""
    label = label_of(section, place)
    return place if label == place else f"{label} ({place})"


def _sentence(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind == POINTED:
        return message
    if kind not in _SENTENCES:
        text = message.removeprefix("Value error, ")
        return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
    # 100.0 reads as 100.
    plain = {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
    return _SENTENCES[kind].format(**plain)
