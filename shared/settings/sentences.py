"""What is wrong with which setting, in a sentence each. None repeats a secret. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from shared.language import declared, listed, phrase
from shared.settings.declaration import POINTED
from shared.settings.documents import Section
from shared.settings.fields import label_of

_SENTENCES: Mapping[str, str] = {
    "missing": declared("This field is required."),
    "string_type": declared("This field is required."),
    "extra_forbidden": declared("Unknown setting."),
    "int_parsing": declared("Enter a whole number."),
    "int_from_float": declared("Enter a whole number."),
    "float_parsing": declared("Enter a number."),
    "finite_number": declared("Enter a number."),
    "greater_than_equal": declared("Enter at least {ge}."),
    "greater_than": declared("Enter more than {gt}."),
    "less_than_equal": declared("Enter at most {le}."),
    "less_than": declared("Enter less than {lt}."),
    "string_too_short": declared("Enter at least {min_length} characters."),
    "string_too_long": declared("Enter at most {max_length} characters."),
    "enum": declared("Choose one of {expected}."),
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
    return listed(
        (
            phrase("{setting}: {problem}", setting=called(section, place), problem=sentence)
            if place
            else sentence
            for place, sentence in problems_by_place(error).items()
        ),
        " ",
    )


def called(section: Section, place: str) -> str:
    """A setting by its label, and by the name that files and the API have for it."""
    label = label_of(section, place)
    return place if label == place else phrase("{label} ({place})", label=label, place=place)


def _sentence(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind not in _SENTENCES:
        text = _given(message, context)
        if kind == POINTED or (text[:1].isupper() and text.endswith(".")):
            return text
        return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
    # 100.0 reads as 100.
    plain = {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
    return _SENTENCES[kind].format(**plain)


def _given(message: str, context: Mapping[str, Any]) -> str:
    """The text that the setting's own check raised, as the sentence it was; pydantic's ``message`` is its English."""
    error = context.get("error")
    for text in (
        context.get("words"),
        error.args[0] if isinstance(error, ValueError) and error.args else None,
    ):
        if isinstance(text, str):
            return text
    return declared(message.removeprefix("Value error, "))
