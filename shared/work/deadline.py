"""How long an attempt at a piece of work may take. Celery ends what runs in a process of its own; what runs on a thread, as
all does in ``rollcall up``, can only end itself: its loops look here once a page or so.
"""

import time
from collections.abc import Callable

from shared.errors import TookTooLong
from shared.language import phrase

# A loop that looks ends before Celery's soft limit would come in the middle of something.
_COOPERATIVE = 0.8


class Deadline:
    """Begins when it is made. ``task_seconds`` is the hard limit."""

    def __init__(self, task_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = task_seconds, clock
        self._began = clock()

    @property
    def spent_seconds(self) -> float:
        """How long it has gone on."""
        return self._clock() - self._began

    @property
    def is_past_the_hard_limit(self) -> bool:
        """Whether it has gone on for so long that it must be taken for hung."""
        return self.spent_seconds >= self._seconds

    def check(self) -> None:
        """Called by loops.

        :raises TookTooLong: end this attempt now.
        """
        if self.spent_seconds >= self._seconds * _COOPERATIVE:
            raise self.exceeded()

    def exceeded(self) -> TookTooLong:
        """The error that such an attempt ends with."""
        return TookTooLong(
            phrase(
                (
                    "It was stopped because it took longer than {seconds:.3g} minutes. Check what is slow: "
                    "directory, phone system or database. If it needs that much time, increase "
                    "ROLLCALL_TASK_SECONDS."
                ),
                seconds=self._seconds * _COOPERATIVE / 60,
            )
        )
