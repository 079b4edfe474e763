"""Does the operations that requests ask for, one after the other, in a thread of its own.

Nothing is lost with the process: what was begun stands in a journal, and a new worker goes on with it first.
"""

import logging
import queue
import threading
import time

from rollcall_relay.errors import TryAgain
from rollcall_relay.operations import Answer, Operations, failed

_LOG = logging.getLogger("rollcall.relay")


class Worker:
    """Runs while the process does. Ids given to it must have been accepted by ``operations``."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._queue: queue.Queue[str] = queue.Queue()
        self._states: dict[str, str] = {}
        self._interrupted: dict[str, Answer] = {}
        self._changed = threading.Condition()

    def start(self) -> None:
        """Begin, with the operations that a former process left half done."""
        for operation in self._operations.half_done():
            self.ask(operation)
        # Ending the process in the middle of an operation is no different from a crash, and as safe.
        threading.Thread(target=self._work, name="relay-worker", daemon=True).start()

    def ask(self, operation: str) -> None:
        """Queue it, unless it is waiting or being done already."""
        with self._changed:
            if operation in self._states:
                return
            self._states[operation] = "queued"
            self._interrupted.pop(operation, None)
        self._queue.put(operation)

    def state(self, operation: str, wait_seconds: float = 0) -> Answer:
        """The answer, or how far it is; waits for the answer as long as it is told.

        :raises RelayError: for an id that was never asked for.
        """
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while (state := self._states.get(operation)) is not None:
                if not self._changed.wait(deadline - time.monotonic()):
                    return {"state": state}
            interrupted = self._interrupted.get(operation)
        return (
            interrupted or self._operations.answer(operation) or {"state": "interrupted", "verified": False}
        )

    def waiting(self) -> int:
        """How many operations are queued or being done."""
        with self._changed:
            return len(self._states)

    def _work(self) -> None:
        while True:
            operation = self._queue.get()
            with self._changed:
                self._states[operation] = "running"
            answer = self._run(operation)
            _LOG.info("operation %s: %s", operation, answer["state"])
            with self._changed:
                if answer["state"] == "interrupted":
                    self._interrupted[operation] = answer
                del self._states[operation]
                self._changed.notify_all()

    def _run(self, operation: str) -> Answer:
        try:
            return self._operations.run(operation)
        except Exception:
            # One operation that meets a fault of the program must not keep the others from being done.
            _LOG.exception("operation %s stopped on a fault of the relay", operation)
            message = (
                "The relay met a fault of its own. Nothing is lost; its log on the host has the details."
            )
            return failed("interrupted", TryAgain("relay_fault", message))
