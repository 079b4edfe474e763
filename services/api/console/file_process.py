"""What a process does that makes one file: the order comes as JSON on the standard input, the file goes to the descriptor that is
named. Whatever it takes, the API goes on answering.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Iterable
from typing import Any

from shared.database.engine import Database
from shared.language import each_spoken

# A larger file fails: the disk is others' too.
_LARGEST_BYTES = 1 << 30
_NICE = 10


def make(pieces_of: Callable[[Database, dict[str, Any]], Iterable[bytes]]) -> None:
    """Write the pieces of the order that stands on the standard input, with low priority and within a size."""
    told: dict[str, Any] = json.loads(sys.stdin.read())
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_BYTES, _LARGEST_BYTES))
    database = Database(told["database_url"], 1)
    try:
        with os.fdopen(int(sys.argv[1]), "wb") as file:
            for piece in each_spoken(told["language"], pieces_of(database, told)):
                file.write(piece)
    finally:
        database.close()
