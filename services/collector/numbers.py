"""Finds the extension number in a directory attribute, by the rule of docs/numbers.md. Pure.

Called by ``mapping``. It never guesses: what the rule does not cover is a problem in words for the administrator.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NumberOptions:
    """How many digits an extension number has, and whether a full phone number ends in one (else ``None``)."""

    min_digits: int = 2
    max_digits: int = 5
    last_digits: int | None = None


@dataclass(frozen=True, slots=True)
class NumberReading:
    """What the attribute gave: a number, a problem, or (empty) neither. ``text`` is the attribute as it stands."""

    number: str | None = None
    problem: str | None = None
    text: str = ""


# "x204", "ext. 204", "Extension: 204", ";ext=204" (RFC 3966 section 5.3), "#204"; no letter may stand before a word.
_MARKED = re.compile(r"(?:(?:(?<![^\W\d_])(?:extension|ext\.?|x)\s*[:=]?)|#)\s*([0-9]+)$", re.IGNORECASE)
_PREFIX = re.compile(r"^tel:", re.IGNORECASE)
# Between digits: blanks, dots, brackets, slashes, and hyphens and dashes of every length.
_SEPARATORS = re.compile(r"[\s.()/\-\u2010-\u2015\u2212]+")
_PHONE_NUMBER = re.compile(r"\+?[0-9]+")
_SHOWN_CHARACTERS = 40


def read_number(text: str, options: NumberOptions) -> NumberReading:
    """The extension number in one value."""
    text = _visible(text)
    if not text:
        return NumberReading()
    marked = _MARKED.search(text)
    if marked:
        return _of_length(marked[1], text, options)
    bare = _SEPARATORS.sub("", _PREFIX.sub("", text))
    if not _PHONE_NUMBER.fullmatch(bare):
        return NumberReading(
            problem=f"'{_shown(text)}' is not a number: use the digits 0 to 9, or mark the extension as in 'x204'.",
            text=text,
        )
    digits = bare.removeprefix("+")
    if bare == digits and len(digits) <= options.max_digits:
        return _of_length(digits, text, options)
    if options.last_digits is None:
        return NumberReading(
            problem=f"'{_shown(text)}' is a phone number that names no extension: extensions have "
            f"{_range(options)} digits. Write 'x204' behind it, or set number_rule.last_digits.",
            text=text,
        )
    if len(digits) < options.last_digits:
        return NumberReading(
            problem=f"'{_shown(text)}' is too short: it has fewer than {options.last_digits} digits.",
            text=text,
        )
    return NumberReading(digits[-options.last_digits :], text=text)


def read_numbers(texts: Sequence[str], options: NumberOptions) -> NumberReading:
    """The extension number in an attribute of any number of values, whose order a directory does not keep.

    Values that give no number do not matter as long as one does; two different numbers are a problem.
    """
    readings = [read_number(text, options) for text in sorted(texts)]
    text = "; ".join(reading.text for reading in readings if reading.text)
    numbers = sorted({reading.number for reading in readings if reading.number is not None})
    if len(numbers) > 1:
        return NumberReading(
            problem=f"The attribute holds several extension numbers ({', '.join(numbers[:5])}); leave one.",
            text=text,
        )
    if numbers:
        return NumberReading(numbers[0], text=text)
    problems = [reading.problem for reading in readings if reading.problem]
    return NumberReading(problem=problems[0] if problems else None, text=text)


def _visible(text: str) -> str:
    """Without format characters: Windows wraps copied phone numbers in marks of direction that nobody can see."""
    if text.isascii():
        return text.strip()
    return "".join(character for character in text if unicodedata.category(character) != "Cf").strip()


def _of_length(digits: str, text: str, options: NumberOptions) -> NumberReading:
    if len(digits) < options.min_digits:
        fault = "too short"
    elif len(digits) > options.max_digits:
        fault = "too long"
    else:
        return NumberReading(digits, text=text)
    return NumberReading(
        problem=f"The extension number {_shown(digits)} is {fault}: {_range(options)} digits are allowed.",
        text=text,
    )


def _range(options: NumberOptions) -> str:
    if options.min_digits == options.max_digits:
        return str(options.min_digits)
    return f"{options.min_digits} to {options.max_digits}"


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
