"""How somebody likes dates written: stored with their account. Pure."""

from enum import StrEnum


class DateFormat(StrEnum):
    """The ways of writing that somebody can choose from; the first is what the Log of the phone system's world has."""

    BRITISH = "dd/mm/yyyy"
    AMERICAN = "mm/dd/yyyy"
    GERMAN = "dd.mm.yyyy"
    ISO = "yyyy-mm-dd"


def format_of(text: str | None) -> DateFormat:
    """The format that an account has chosen; the first one for somebody who has not, or not one of these."""
    return next((item for item in DateFormat if item == text), DateFormat.BRITISH)
