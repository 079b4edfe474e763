"""Whether a text is one full phone number beyond doubt, for the number rule (docs/numbers.md). Pure.

Only such a number may be cut to its last digits, or stand before a marked extension.
"""

import re
from dataclasses import dataclass

from shared.language import declared, phrase
from shared.values.phone import MOST_DIGITS, in_plain_form, is_one_number

# The shortest that anybody dials from elsewhere.
FEWEST_DIGITS = 7
# "00", "011" or "(0)" may come to a number's own digits.
_PREFIX_DIGITS = 3
# Numbering plans of one fixed length, whose hyphens and dots are mere groups: North America (NANPA), France, Switzerland.
_FIXED_PLANS = re.compile(
    r"(?:\+?1[ .-]?(?:\([2-9][0-9]{2}\)|[2-9][0-9]{2})[ .-]?|\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[.-])"
    r"[2-9][0-9]{2}[ .-]?[0-9]{4}"
    r"|(?:\+33[ .-]?(?:\(0\) ?)?|0)[1-9]([ .-])[0-9]{2}(?:\1[0-9]{2}){3}"
    r"|(?:\+41([ .-])(?:\(0\) ?)?|0)[0-9]{2}([ .-])[0-9]{3}\3[0-9]{2}\3[0-9]{2}"
)
_DATE = re.compile(
    r"(?:[0-9]{1,2}[ ./-][0-9]{1,2}[ ./-](?:19|20)?[0-9]{2}|(?:19|20)[0-9]{2}[ ./-][0-9]{1,2}[ ./-][0-9]{1,2})"
)
_DECIMAL = re.compile(r"[+-]?[0-9]+[.,][0-9]+")
_SEVERAL = re.compile(r"[0-9)] ?(?:[/,;|&\\]| [^\W\d_]+ )")
_DIGITS = re.compile(r"[0-9]+")

_NO_NUMBER = declared("is not a number: use the digits 0 to 9, or mark the extension as in 'x204'.")
_SEVERAL_NUMBERS = declared("could be several numbers: leave one, as digits without anything between them.")


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A full phone number: its digits, and those behind a hyphen that may set an extension apart (else empty)."""

    digits: str
    behind_hyphen: str = ""


def read_phone_number(
    text: str, longest_extension: int, fewest_digits: int = FEWEST_DIGITS
) -> PhoneNumber | str:
    """The number, or what is the matter with the text, as the end of a sentence that begins with it."""
    plain = in_plain_form(text)
    digits = "".join(_DIGITS.findall(plain))
    if _DATE.fullmatch(plain.removeprefix("+")):
        return declared("looks like a date, not like a number.")
    if _DECIMAL.fullmatch(plain):
        return declared("looks like a decimal number: remove the point and what follows it.")
    if "/" in text and len("".join(_DIGITS.findall(text.rpartition("/")[2]))) <= longest_extension:
        # Behind an area code stands more than an extension.
        return _SEVERAL_NUMBERS
    if not is_one_number(plain):
        return _SEVERAL_NUMBERS if _SEVERAL.search(plain) else _NO_NUMBER
    if not fewest_digits <= len(digits) <= MOST_DIGITS + _PREFIX_DIGITS:
        if digits == plain or plain.startswith("+"):
            return phrase(
                "is neither an extension number nor a full phone number, which has {fewest_digits} or more "
                "digits.",
                fewest_digits=fewest_digits,
            )
        return _SEVERAL_NUMBERS
    if _FIXED_PLANS.fullmatch(plain):
        return PhoneNumber(digits)
    groups = _DIGITS.findall(plain)
    if not plain.startswith("+"):
        problem = _doubt(plain, groups, longest_extension)
        if problem:
            return problem
    if len(groups) > 1 and len(groups[-1]) == 1 and not plain.endswith(f"-{groups[-1]}"):
        return _SEVERAL_NUMBERS
    behind = "".join(_DIGITS.findall(plain.rpartition("-")[2])) if "-" in plain else ""
    return PhoneNumber(digits, behind)


def _doubt(plain: str, groups: list[str], longest_extension: int) -> str | None:
    """Why groups of digits without "+" may be several numbers: only an area code tells that they are one."""
    if len(groups) == 1:
        return None
    if not plain.lstrip("(").startswith("0"):
        return _SEVERAL_NUMBERS
    if "." in plain:
        return declared("has points between its digits: use spaces instead.")
    is_bracketed = "(" in plain
    if not is_bracketed and sum(map(len, groups[1:])) <= longest_extension:
        return _SEVERAL_NUMBERS
    if not is_bracketed and len({len(group) for group in groups}) == 1:
        return _SEVERAL_NUMBERS
    return None
