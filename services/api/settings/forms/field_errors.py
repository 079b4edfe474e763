"""What is wrong with which field of a form, said to the person who filled it in."""

import re
from collections.abc import Mapping

from pydantic import ValidationError

from services.api.settings.forms.tabs import tab_title
from shared.errors import SettingsInvalid
from shared.settings.documents import Section
from shared.settings.fields import Field, fields_of, label_of
from shared.settings.sentences import problems_by_place

_A_PLACE = re.compile(rf"\b({'|'.join(Section)})\.([a-z_]+(?:\.[a-z_]+)*)")


def errors_by_field(error: SettingsInvalid, section: Section, fields: Mapping[str, Field]) -> dict[str, str]:
    """A sentence for each wrong field; under an empty name what belongs to none of these fields."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        document, _, name = str(error.details.get("place", "")).partition(".")
        if document == section and name in fields:
            return {name: with_form_names(str(error.details["why"]), section)}
        return {"": with_form_names(error.message, section)}
    messages: dict[str, str] = {}
    for place, sentence in problems_by_place(cause).items():
        name = next((name for name in fields if place == name or place.startswith(f"{name}.")), "")
        if name and fields[name].kind == "rows":
            messages.setdefault(place, sentence)
        elif name == place:
            messages.setdefault(name, sentence)
        else:
            # A line of a field with many, or a setting that another form shows.
            messages.setdefault(name, f"{label_of(section, place)}: {sentence}")
    return messages


def with_form_names(message: str, section: Section) -> str:
    """A message with settings such as ``relay.host`` called as the forms call them: “Host”, on which tab if another."""

    def _named(found: re.Match[str]) -> str:
        named = Section(found[1])
        if found[2] not in fields_of(named):
            return found[0]
        where = "" if named is section else f" ({tab_title(named, found[2])})"
        return f"“{label_of(named, found[2])}”{where}"

    return _A_PLACE.sub(_named, message)
