"""A digest of what a reading of the directory shows, alike for two controllers that show the same. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from operator import attrgetter

from shared.domain.person import AbsentPerson, Person

# The update sequence number of an entry is each controller's own count.
_OF_PERSON = attrgetter(*(field.name for field in fields(Person) if field.name != "usn"))
_OF_ABSENT = attrgetter("guid", "found")
_BITS = 128


def digest_of(shown: Iterable[Person | AbsentPerson], so_far: int = 0) -> int:
    """The digest with these added; their order does not matter."""
    for item in shown:
        encoded = repr(_OF_PERSON(item) if isinstance(item, Person) else _OF_ABSENT(item)).encode(
            errors="surrogatepass"
        )
        so_far += int.from_bytes(hashlib.blake2b(encoded, digest_size=_BITS // 8).digest())
    return so_far % (1 << _BITS)


def together(digests: Iterable[int]) -> int:
    """The digest of several parts."""
    return sum(digests) % (1 << _BITS)


def written(digest: int) -> str:
    """As it is stored."""
    return f"{digest:032x}"
