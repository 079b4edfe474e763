"""Whether the broker answers, for health checks: looked at now and then, so that asking never takes long."""

import threading
import time

from services.api.operations.use_cases import doctor
from shared.worker.context import Context

_FRESH_SECONDS = 5.0
_PATIENCE_SECONDS = 1.0


class BrokerHealth:
    """The last known state of the broker of one process, renewed by whoever asks."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._looked_at = float("-inf")
        self._is_looking = False
        self._ok = False

    def answers(self) -> bool:
        """Whether it answers. One that is silent counts as away after a second, and the asker goes on."""
        with self._lock:
            if time.monotonic() - self._looked_at < _FRESH_SECONDS:
                return self._ok
            if not self._is_looking:
                self._is_looking = True
                self._ended.clear()
                threading.Thread(target=self._look, name="broker health", daemon=True).start()
        return self._ended.wait(_PATIENCE_SECONDS) and self._ok

    def _look(self) -> None:
        ok = False
        try:
            ok = doctor.broker(self._context).ok
        finally:
            with self._lock:
                self._ok, self._looked_at, self._is_looking = ok, time.monotonic(), False
            self._ended.set()
