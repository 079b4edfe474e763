"""How somebody likes dates written: stored with their account. Pure."""

from enum import StrEnum

from shared import language


class DateFormat(StrEnum):
    """The ways of writing that somebody can choose from; the first is what the Log of the phone system's world has."""

    BRITISH = "dd/mm/yyyy"
    AMERICAN = "mm/dd/yyyy"
    GERMAN = "dd.mm.yyyy"
    ISO = "yyyy-mm-dd"


_USUAL = {"de": DateFormat.GERMAN}


def usual_format() -> DateFormat:
    """The format of somebody who has not chosen one: that of the language of the page."""
    return _USUAL.get(language.current(), DateFormat.BRITISH)


def format_of(text: str | None) -> DateFormat:
    """The format that an account has chosen; the usual one for somebody who has not, or not one of these."""
    return next((item for item in DateFormat if item == text), usual_format())
