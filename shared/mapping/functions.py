"""The functions of expressions: one table, from which expressions are checked, run and documented. Pure.

Each takes a text first. Of an attribute with several values it takes every one, unless it says otherwise.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shared.language import declared
from shared.values.e164 import e164, is_country
from shared.values.email import primary_address
from shared.values.text import MOST_CHARACTERS


class Kind(Enum):
    """What a part of an expression is; the value is what people read."""

    TEXT = declared("a text")
    NUMBER = declared("a number")
    TRUTH = declared("true or false")
    TABLE = declared("a table")


@dataclass(frozen=True, slots=True)
class Function:
    """A function: how it is written, what it is for, and what it does with one text and the other arguments.

    ``takes`` are the kinds of the arguments after the first text, the last ``optional`` of which may be left out.
    ``digits_from`` are the places of the arguments after the first text whose digits may come into the result, ``None``
    when others may too. ``takes_all``: it takes all values of the first text together, as a tuple. ``cost`` is what it takes, measured in simple functions.
    """

    name: str
    usage: str
    help: str
    run: Callable[..., Any]
    takes: tuple[Kind, ...] = ()
    optional: int = 0
    result: Kind = Kind.TEXT
    digits_from: tuple[int, ...] | None = ()
    takes_all: bool = False
    cost: int = 1


class TooLong(ValueError):
    """The result would be longer than any value may be."""


_WORD = re.compile(r"[^\W\d_]+")
_OTHER_THAN_DIGITS = re.compile(r"[^0-9]+")


def _last(text: str, count: int) -> str:
    return text[-count:]


def _title(text: str) -> str:
    """Capitals at the beginning of each word: Jean-Pierre, O'Neil, but it's."""

    def _word(found: re.Match[str]) -> str:
        word = found[0]
        is_ending = len(word) == 1 and found.start() > 0 and text[found.start() - 1] in "'’"
        return word.lower() if is_ending else word[0].upper() + word[1:].lower()

    return _WORD.sub(_word, text)


def _digits(text: str) -> str:
    return _OTHER_THAN_DIGITS.sub("", text)


def _replace(text: str, what: str, put: str) -> str:
    """:raises TooLong: it would be."""
    if not what:
        return text
    if len(text) + text.count(what) * (len(put) - len(what)) > MOST_CHARACTERS:
        raise TooLong
    return text.replace(what, put)


def _e164(text: str, country: str) -> str:
    """As it is when it is no number of the country's plan: the planner tells of what cannot be dialled."""
    country = country.strip().upper()
    return (is_country(country) and e164(text, country)) or text


def _table(text: str, entries: Mapping[str, str], otherwise: str | None = None) -> str:
    return entries.get(text.casefold(), text if otherwise is None else otherwise)


FUNCTIONS: Mapping[str, Function] = {
    function.name: function
    for function in (
        # Takes any number of texts, so it is put together in compiling.py.
        Function("first", "first(a, b, …)", "The first that is not empty; of several values always the same one.", str),
        Function("last", "last(text, n)", "The last n characters.", _last, (Kind.NUMBER,)),
        Function("lower", "lower(text)", "In small letters.", str.lower),
        Function("upper", "upper(text)", "In capitals.", str.upper),
        Function("title", "title(text)", "Each word with a capital: JEAN-PIERRE becomes Jean-Pierre.", _title),
        Function("trim", "trim(text)", "Without surrounding spaces.", str.strip),
        Function("digits", "digits(text)", "Only the digits 0 to 9.", _digits),
        Function(
            "replace", "replace(text, what, with)", "With every 'what' replaced.", _replace, (Kind.TEXT, Kind.TEXT),
            digits_from=(1,),
        ),
        Function(
            "e164", "e164(text, country)", "A phone number in the international form (+49…), by a country's numbering "
            "plan; unchanged if it is none.", _e164, (Kind.TEXT,), digits_from=None, cost=20,
        ),
        Function(
            "table", "table(text, {…}, otherwise)", "The table's value for the text (case is ignored); "
            "otherwise 'otherwise', or the text itself if that is omitted.", _table, (Kind.TABLE, Kind.TEXT), optional=1,
            digits_from=(0, 1),
        ),
        Function(
            "primary", "primary(proxyAddresses)", "The primary e-mail address of several (SMTP: in capitals).",
            primary_address, takes_all=True,
        ),
        Function(
            "contains", "contains(text, part)", "Whether the text has the part in it.", str.__contains__,
            (Kind.TEXT,), result=Kind.TRUTH,
        ),
        Function(
            "startsWith", "startsWith(text, part)", "Whether the text begins with the part.", str.startswith,
            (Kind.TEXT,), result=Kind.TRUTH,
        ),
        Function(
            "endsWith", "endsWith(text, part)", "Whether the text ends with the part.", str.endswith, (Kind.TEXT,),
            result=Kind.TRUTH,
        ),
    )
}  # fmt: skip
