"""Finds the extension number in a directory attribute, by the rule of docs/numbers.md. Pure.

Called by ``mapping``. It never guesses: what the rule does not cover, and what could be read in two ways, is a problem
in words for the administrator.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.collector.phone_numbers import FEWEST_DIGITS, PhoneNumber, read_phone_number
from shared.language import declared, phrase
from shared.values.digits import is_digits
from shared.values.text import as_seen


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


# "x204", "ext. 204", "Durchwahl: 204", "#204", ";ext=204" (RFC 3966 section 5.3), in the languages of the countries
# that docs/numbers.md names.
_WORDS = (
    "x", "ext", "extn", "extension",
    "dw", "durchwahl", "app", "apparat", "nst", "nebenstelle", "kl", "klappe",
    "poste", "int", "interne", "interno", "tst", "toestel", "ankn", "anknytning",
)  # fmt: skip
# No letter may stand directly before a word: "fax204" is no extension.
_MARK = re.compile(rf"(?:(?<![^\W\d_])(?:{'|'.join(_WORDS)})\.?|#) ?[:=-]? ?$", re.IGNORECASE)
_LAST_DIGITS = re.compile(r"[0-9]+$")
_LABEL = re.compile(r"(?:t[eé]l(?:efon|ephone|éphone)?|phone|fon)(?:\.? ?:|\.| ) ?(?=[^ ])", re.IGNORECASE)
_MOST_CHARACTERS = 255
_SHOWN_CHARACTERS = 40


def read_number(text: str, options: NumberOptions) -> NumberReading:
    """The extension number in one value."""
    text = as_seen(text)
    if not text:
        return NumberReading()
    if len(text) > _MOST_CHARACTERS:
        return _problem(
            text, phrase("is longer than {most_characters} characters.", most_characters=_MOST_CHARACTERS)
        )
    value = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
    if is_digits(value) and len(value) <= options.max_digits:
        return _of_length(value, text, options)
    last = _LAST_DIGITS.search(value)
    before = value[: last.start()] if last else ""
    mark = _MARK.search(before)
    if last is not None and mark is not None:
        return _marked(text, before[: mark.start()], last[0], options)
    full = read_phone_number(value, options.max_digits)
    if isinstance(full, str):
        return _problem(text, full)
    return _last_digits(text, full, options)


def read_numbers(texts: Sequence[str], options: NumberOptions) -> NumberReading:
    """The extension number in an attribute of any number of values, whose order a directory does not keep.

    Values that give no number do not matter as long as one does; two different numbers are a problem.
    """
    readings = [read_number(text, options) for text in sorted(texts)]
    text = "; ".join(reading.text for reading in readings if reading.text)[:_MOST_CHARACTERS]
    numbers = sorted({reading.number for reading in readings if reading.number is not None})
    if len(numbers) > 1:
        return NumberReading(
            problem=phrase(
                "The attribute holds several extension numbers ({numbers}); leave one.",
                numbers=", ".join(numbers[:5]),
            ),
            text=text,
        )
    if numbers:
        return NumberReading(numbers[0], text=text)
    problems = [reading.problem for reading in readings if reading.problem]
    return NumberReading(problem=problems[0] if problems else None, text=text)


def _marked(text: str, front: str, digits: str, options: NumberOptions) -> NumberReading:
    """An extension that a word marks, alone or behind a full phone number."""
    front = front.rstrip(" ,;")
    if front:
        # With "+" it is certainly no extension, however short.
        fewest = 1 if front.startswith("+") else FEWEST_DIGITS
        phone = read_phone_number(front, options.max_digits, fewest)
        if isinstance(phone, str):
            return _problem(
                text,
                declared(
                    "has more than a full phone number before the extension: enter the extension alone, as in "
                    "'x204'."
                ),
            )
        if options.last_digits not in (None, len(digits)):
            return _problem(
                text,
                phrase(
                    "marks an extension of {digits} digits behind a phone number that would give {last_digits} "
                    "(number_rule.last_digits): write the extension alone, as in 'x204'.",
                    digits=len(digits),
                    last_digits=options.last_digits,
                ),
            )
    return _of_length(digits, text, options)


def _last_digits(text: str, phone: PhoneNumber, options: NumberOptions) -> NumberReading:
    last = options.last_digits
    if last is None:
        return _problem(
            text,
            phrase(
                (
                    "is a phone number that contains no extension: extensions have {range} digits. Add 'x204' "
                    "after it, or set number_rule.last_digits."
                ),
                range=_range(options),
            ),
        )
    behind = phone.behind_hyphen
    if behind and not behind.strip("0"):
        return _problem(text, declared("is the number of a switchboard, not of an extension."))
    if behind and len(behind) <= options.max_digits and len(behind) != last:
        return _problem(
            text,
            phrase(
                "could mean {behind}, behind the hyphen, or {digits}, the last {count} digits: write the "
                "extension alone, as in 'x204'.",
                behind=behind,
                digits=phone.digits[-last:],
                count=last,
            ),
        )
    return NumberReading(phone.digits[-last:], text=text)


def _of_length(digits: str, text: str, options: NumberOptions) -> NumberReading:
    if len(digits) < options.min_digits:
        fault = declared("too short")
    elif len(digits) > options.max_digits:
        fault = declared("too long")
    else:
        return NumberReading(digits, text=text)
    return NumberReading(
        problem=phrase(
            "The extension number {value} is {fault}: {range} digits are allowed.",
            value=_shown(digits),
            fault=fault,
            range=_range(options),
        ),
        text=text,
    )


def _problem(text: str, fault: str) -> NumberReading:
    return NumberReading(
        problem=phrase("'{value}' {fault}", value=_shown(text), fault=fault), text=text[:_MOST_CHARACTERS]
    )


def _range(options: NumberOptions) -> str:
    if options.min_digits == options.max_digits:
        return str(options.min_digits)
    return phrase(
        "{min_digits} to {max_digits}", min_digits=options.min_digits, max_digits=options.max_digits
    )


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
