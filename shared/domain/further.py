"""Fields of an extension that are managed only where the settings say what gives them their value. Pure."""

import re

from shared.language import phrase
from shared.values.phone import dialled, is_dialled_alike

# A new one is a setting of ``directory.attributes`` of the same name, and 3CX's name of it in ``relay_client.further``.
FURTHER = ("caller_id", "language", "emergency_info")
# Fields with their values, in the order of ``FURTHER``; what is not named is not managed, or was not read.
Further = tuple[tuple[str, str], ...]

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z]{2,4})?")


def cannot_be_set(name: str, value: str) -> str:
    """Why a field cannot have the value, in a sentence; empty when it can."""
    if name == "caller_id" and dialled(value) is None:
        return phrase(
            "'{value}' cannot be dialled: it must be one number, digits only, with + for abroad.",
            value=value[:80],
        )
    if name == "language" and not _LANGUAGE.fullmatch(value):
        return phrase("'{value}' is not the code of a language, such as EN or DE.", value=value[:80])
    return ""


def means_the_same(name: str, one: str, other: str) -> bool:
    """Whether two values of a field differ in form at most, so that 3CX keeps its own."""
    if name == "language":
        return one.casefold() == other.casefold()
    return one == other or (name == "caller_id" and is_dialled_alike(one, other))
