"""How many commands may be at the phone system at once: fewer when it says it is busy, more as it recovers."""

import threading
import time

_RECOVERY_SUCCESSES = 20


class AdaptiveConcurrency:
    """A gate for threads. Busy answers halve it and close it for a while; successes widen it one by one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._width = most
        self._inside = 0
        self._successes = 0
        self._closed_until = 0.0
        self._condition = threading.Condition()

    @property
    def width(self) -> int:
        """How many may be inside now."""
        return self._width

    def enter(self) -> None:
        """Wait for a place."""
        with self._condition:
            while True:
                pause = self._closed_until - time.monotonic()
                if pause <= 0 and self._inside < self._width:
                    self._inside += 1
                    return
                self._condition.wait(pause if pause > 0 else None)

    def leave(self, *, succeeded: bool) -> None:
        """Give the place back."""
        with self._condition:
            self._inside -= 1
            if succeeded and self._width < self._most:
                self._successes += 1
                if self._successes >= _RECOVERY_SUCCESSES:
                    self._successes = 0
                    self._width += 1
            self._condition.notify_all()

    def slow_down(self, seconds: float) -> None:
        """The phone system is busy: let nobody in for ``seconds``, and half as many after that."""
        with self._condition:
            now = time.monotonic()
            # Many threads are told the same at once; they count as one.
            if now >= self._closed_until:
                self._width = max(1, self._width // 2)
                self._successes = 0
            self._closed_until = max(self._closed_until, now + seconds)
            self._condition.notify_all()
