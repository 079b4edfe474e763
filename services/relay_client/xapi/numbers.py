"""What 3CX says of numbers, as plain values: lengths of extensions, emergency numbers, dial codes. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from shared.values.digits import is_digits

DIAL_CODES = (
    "DialCodeBillingCode", "DialCodeHideCallerID", "DialCodeHotdesking", "DialCodeHotelAccess", "DialCodeIntercom",
    "DialCodeLoggedInQueue", "DialCodeLoggedOutQueue", "DialCodeOutOffice", "DialCodePark", "DialCodePickup",
    "DialCodeProfileStatus", "DialCodeUnpark", "DialCodeVMail",
)  # fmt: skip
# Longer ones are none that 3CX has.
_LONGEST = 10


def lengths(parameters: Mapping[str, Any]) -> tuple[int, ...]:
    """How many digits an extension may have, by the system parameters: ``ENLRange``, or ``ENL`` where there is one only.

    Empty for what cannot be meant.
    """
    found = parameters.get("ENLRange") or {"From": parameters.get("ENL"), "To": parameters.get("ENL")}
    first, last = found.get("From"), found.get("To")
    if not isinstance(first, int) or not isinstance(last, int) or not 1 <= first <= last <= _LONGEST:
        return ()
    return tuple(range(first, last + 1))


def prefixes(rules: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The numbers that rules are for: a prefix may name several, with commas or semicolons between them."""
    named = (re.split(r"[,;\s]+", str(rule.get("Prefix") or "")) for rule in rules)
    return tuple(sorted({number for numbers in named for number in numbers if is_digits(number)}))


def codes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Dial codes that consist of digits alone, so that an extension could have them."""
    found = (settings.get(name) for name in DIAL_CODES)
    return tuple(sorted({code for code in found if isinstance(code, str) and is_digits(code)}))
