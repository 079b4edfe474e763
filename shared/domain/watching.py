"""What is known of a watch of a directory, and of what it notices. Pure."""

from enum import StrEnum


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
