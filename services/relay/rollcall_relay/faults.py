"""Points at which a test ends or freezes the relay's process, chosen by ``ROLLCALL_RELAY_FAULT``.

``kill@staged`` kills the process without warning when it gets there, ``stop@planned`` freezes it until
it is continued; ``kill@removing:3`` waits for the third time. Unset, as it always is in real use, a point
is one comparison.
"""

import os
import signal

VARIABLE = "ROLLCALL_RELAY_FAULT"

TRANSFER_POINTS = (
    "planned", "staging", "staged", "placing", "placed", "committing", "in_transaction", "in_doubt", "committed", "proven",
    "removing", "removed", "cleaned",
)  # fmt: skip
"""Every step of an archive or a restore, in order (a restore removes nothing, so it never gets to ``removing``)."""

BACKUP_POINTS = ("planned", "copying", "copied", "described", "published")

_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_passed: dict[str, int] = {}


def reach(point: str) -> None:
    """Say that the process got to ``point``."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    action, _, place = wanted.partition("@")
    name, _, count = place.partition(":")
    if name != point:
        return
    _passed[point] = _passed.get(point, 0) + 1
    if _passed[point] == int(count or 1):
        os.kill(os.getpid(), _SIGNALS[action])
