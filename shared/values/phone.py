"""How phone numbers are written, and what of them is dialled. Pure.

Forms: digits in groups, with blanks, hyphens and dots between them, one group in brackets near the front, a slash
behind an area code, "+" or "00" for abroad (ITU-T E.123; RFC 3966 for separators).
"""

import re

from shared.values.text import clean

# ITU-T E.164: a number with its country code has at most 15 digits.
MOST_DIGITS = 15
DASHES = re.compile(r" ?[-\u2010-\u2015\u2212] ?")

_BRACKETS = r"\([0-9]{1,6}\)"
_ONE_NUMBER = re.compile(
    rf"(?:\+ ?[1-9][0-9]*(?:[ .-]?{_BRACKETS}[ .-]?[0-9]+)?"  # +49 (0)30 ..., +49 30
    rf"|[0-9]+(?:[ .-]?{_BRACKETS}[ .-]?[0-9]+)?"  # 0049 (30) ..., 030
    rf"|{_BRACKETS}[ .-]?[0-9]+)"  # (030) ...
    r"(?:[ .-][0-9]+)*"
)
# "030/1234567", "+49 30/1234567", "(030)/1234567": the slash ends the area code.
_AREA_CODE = re.compile(
    r"^((?:(?:\+ ?|00)[1-9][0-9]{0,2}[ .-]?(?:\(0\) ?)?)?\(?0?[0-9]{1,5}\)?) ?/ ?(?=[0-9])"
)
# The trunk prefix in "+49 (0)30", which is not dialled from abroad.
_TRUNK = re.compile(r"((?:\+ ?|00)[1-9][0-9]{0,2}[ .-]?)\(0\)")


def in_plain_form(text: str) -> str:
    """One line with plain hyphens, and a blank for the slash behind an area code."""
    text = DASHES.sub("-", clean(text))
    return _AREA_CODE.sub(r"\1 ", text, count=1) if text.count("/") == 1 else text


def is_one_number(text: str) -> bool:
    """Whether a text in plain form is digits in the forms of one phone number, of whatever length."""
    return _ONE_NUMBER.fullmatch(text) is not None


def dialled(text: str) -> str | None:
    """What is dialled: digits, "+" at the front at most; ``None`` when the text is no single phone number."""
    plain = in_plain_form(text)
    if len(plain) > 4 * MOST_DIGITS or not is_one_number(plain):
        return None
    number = re.sub(r"[^0-9+]", "", _TRUNK.sub(r"\1", plain))
    return number if len(number.removeprefix("+").removeprefix("00")) <= MOST_DIGITS else None


def is_dialled_alike(one: str, other: str) -> bool:
    """Whether two texts are the same number written in two ways that a phone system dials as they stand."""
    if not (one.isascii() and other.isascii()):
        return False
    return dialled(one) is not None and dialled(one) == dialled(other)
