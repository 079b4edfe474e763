"""Whether this process was asked to end: long work then hands back what it has not begun.

A worker's tasks run in forked children, which a supervisor's SIGTERM does not reach. One byte of memory that parent
and children share tells them.
"""

import mmap

from celery import Celery
from celery.signals import worker_shutting_down


class Stopping:
    """A flag that is set once, seen by every process forked after it was made."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    @property
    def is_asked(self) -> bool:
        """Whether the process is to end."""
        return self._byte[0] != 0

    def reset(self) -> None:
        """The worker begins anew: one of this process may follow another."""
        self._byte[0] = 0

    def ask(self, **_signal: object) -> None:
        """Let the process's tasks know. May be called by a signal's handler."""
        self._byte[0] = 1


def notice(app: Celery) -> None:
    """Give the app a flag that its worker sets when it begins to end."""
    app.rollcall_stopping = Stopping()
    # Weak, so that the flag goes with its app.
    worker_shutting_down.connect(app.rollcall_stopping.ask)


def is_stopping(app: Celery) -> bool:
    """Whether the worker of this app was asked to end."""
    flag: Stopping = app.rollcall_stopping
    return flag.is_asked
