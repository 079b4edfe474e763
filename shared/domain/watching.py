"""What is known of a watch of a directory, and of what it notices. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# A watch asks every second, and notes every fifteen that it was answered.
_LIVE_FOR = timedelta(seconds=90)


class WatchState(StrEnum):
    """How a watch of a directory stands."""

    STARTING = "starting"
    LIVE = "live"
    FAILING = "failing"


class WatchMethod(StrEnum):
    """How a controller is asked what has changed."""

    DIRSYNC = "dirsync"
    USN = "usn"


class Hint(StrEnum):
    """What a change looked like. A run reads what it is."""

    CHANGED = "changed"
    MOVED = "moved"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """The state of the watch of a directory; ``directory`` is its key in the settings."""

    directory: str
    state: WatchState
    method: str = ""
    error_message: str = ""
    last_answer_at: datetime | None = None
    last_change_at: datetime | None = None
    needs_full_reading: str = ""

    def is_live(self, now: datetime) -> bool:
        """Whether changes are noticed: reconnecting does not matter yet."""
        return self.last_answer_at is not None and now - self.last_answer_at < _LIVE_FOR


def is_watched(statuses: Iterable[WatchStatus], now: datetime) -> bool:
    """Whether changes of a site are noticed: in each of its directories."""
    found = list(statuses)
    return bool(found) and all(status.is_live(now) for status in found)
