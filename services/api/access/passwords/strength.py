"""Is a password easily guessed? Compared with lists of the commonest passwords, names and words, in the ways people change
them (the package zxcvbn), and with the person's own names. Pure.
"""

import re
from collections.abc import Iterable, Iterator

from shared.language import declared, phrase

SHORTEST, LONGEST = 12, 200
_LEAST_DIFFERENT = 5
# Of 0 to 4: fewer than 100 million guesses would do (zxcvbn, "safely unguessable" is 3).
_LEAST_SCORE = 3
# All that zxcvbn looks at; what is longer is not easily guessed for its length.
_LOOKED_AT = 72
# A shorter part of a name is in too many words.
_SHORTEST_PART = 4
_OURS = ("rollcall",)


def weakness(password: str, own_names: Iterable[str]) -> str:
    """Why it cannot be the password of somebody with these names, in a sentence; empty when it can."""
    if not SHORTEST <= len(password) <= LONGEST:
        return phrase(
            "A password has {shortest} to {longest} characters. A passphrase of several words is easiest "
            "to remember.",
            shortest=SHORTEST,
            longest=LONGEST,
        )
    if len(set(password)) < _LEAST_DIFFERENT:
        return declared(
            "This password is too easily guessed: it repeats a few characters. Use several words."
        )
    folded = password.casefold()
    names = [*own_names, *_OURS]
    if any(part in folded for part in _parts(names)):
        return declared(
            "This password is too easily guessed: it contains the name of the account or of its owner. "
            "Use other words."
        )
    # Its lists take a fifth of a second to load, which only who sets a password waits for.
    from zxcvbn import zxcvbn

    if zxcvbn(password[:_LOOKED_AT], user_inputs=names)["score"] < _LEAST_SCORE:
        return declared(
            "This password is too easily guessed: it is similar to a common password. Use several words "
            "that do not belong together."
        )
    return ""


def _parts(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        folded = name.casefold().strip()
        if folded:
            yield from {
                folded,
                *(part for part in re.split(r"[^\w]|_", folded) if len(part) >= _SHORTEST_PART),
            }
