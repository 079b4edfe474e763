"""Identifiers a domain controller hands out: GUIDs, security identifiers and update sequence numbers.

All follow from the seed, so that a directory built twice is the same directory.
"""

import itertools
import random
import struct
import uuid


class Identifiers:
    """One domain's counters."""

    def __init__(self, seed: int) -> None:
        # Not for secrets: the sandbox wants the same identifiers each time.
        self._random = random.Random(f"identifiers {seed}")  # noqa: S311
        self._domain = tuple(self._random.getrandbits(32) for _ in range(3))
        # Windows gives the first account made by an administrator a number above 1100; below are built-in ones.
        self._relative = itertools.count(1103)
        self.usn = 12_288

    def guid(self) -> uuid.UUID:
        """A new objectGUID."""
        return uuid.UUID(int=self._random.getrandbits(128), version=4)

    def sid(self, relative: int | None = None) -> bytes:
        """A new objectSid of this domain (MS-DTYP 2.4.2.2: the packet form)."""
        number = next(self._relative) if relative is None else relative
        return (
            struct.pack("<BB", 1, 5)
            + struct.pack(">HI", 0, 5)
            + struct.pack("<5I", 21, *self._domain, number)
        )

    def next_usn(self) -> int:
        """The number of the next change on this domain controller."""
        self.usn += 1
        return self.usn
