"""E-mail addresses as they stand in directories. Pure."""

import re
from collections.abc import Iterable

from shared.values.text import clean

# Written before an address by mail programs (RFC 6068), by Exchange and by telephony.
_PREFIX = re.compile(r"(?:mailto|smtp|sips?):\s*", re.IGNORECASE)
_PRIMARY = "SMTP:"


def address(text: str) -> str:
    """The address in one value, without what is written before and around it. It may still be none."""
    text = clean(text)
    prefix = _PREFIX.match(text)
    if prefix is None:
        return text
    # A link may have a subject behind the address.
    return text[prefix.end() :].partition("?")[0].strip()


def one_address(texts: Iterable[str]) -> str:
    """The address in an attribute: the primary one where one is marked, else always the same of several."""
    values = [clean(text) for text in texts]
    primary = [value for value in values if value.startswith(_PRIMARY)]
    return min((address(value) for value in primary or values), default="")


def primary_address(texts: Iterable[str]) -> str:
    """The address in ``proxyAddresses``, where exactly one value is marked as primary ("SMTP:" in capitals, MS-OXOABK).

    Without exactly one, what mail values there are comes back as it is, which is no address: nobody can know which.
    """
    values = sorted(clean(text) for text in texts)
    primary = {address(value) for value in values if value.startswith(_PRIMARY)}
    if len(primary) == 1:
        return primary.pop()
    return clean("; ".join(value for value in values if value.lower().startswith("smtp:")))
