"""Keeps a claim alive while somebody works: renews it at a third of its time, in a thread of its own.

A claim that was not renewed in time counts as lost, whatever the reason: an error proves nothing about who holds it.
Only a renewal that succeeds proves otherwise.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import structlog

from shared.errors import RollcallError
from shared.work.deadline import Deadline

log = structlog.get_logger(__name__)


class Heartbeat:
    """Whether what is being renewed can still be ours. By the wall clock, as the expiry in the database is."""

    def __init__(self, seconds: float) -> None:
        self._good_for = timedelta(seconds=seconds * 2 / 3)
        self._renewed_at = datetime.now(UTC)
        self._is_gone = threading.Event()

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may hold it now, or soon: begin nothing more."""
        # Either way: after the clock was set back others may take it, until it is renewed.
        return self._is_gone.is_set() or abs(datetime.now(UTC) - self._renewed_at) >= self._good_for

    def note_renewed(self, at: datetime) -> None:
        """It was ours at this moment."""
        self._renewed_at = at

    def mark_lost(self) -> None:
        """It is somebody else's for good."""
        self._is_gone.set()


@contextmanager
def beating(
    renew: Callable[[], bool], seconds: float, name: str, deadline: Deadline | None = None
) -> Iterator[Heartbeat]:
    """Renew for the time of the block; ``renew`` says ``False`` when the claim is not ours any more. Whoever hangs past
    the hard limit loses it: else a thread that never ends would keep its work for ever.
    """
    heartbeat = Heartbeat(seconds)
    ended = threading.Event()

    def _beat() -> None:
        while not ended.wait(seconds / 3):
            if deadline is not None and deadline.is_past_the_hard_limit:
                log.error("work_hangs", claim=name)
                heartbeat.mark_lost()
                return
            began = datetime.now(UTC)
            try:
                if not renew():
                    heartbeat.mark_lost()
                    return
                heartbeat.note_renewed(began)
            except Exception as error:
                # The text of an error that is not ours may hold what no log should.
                reason = error.message if isinstance(error, RollcallError) else type(error).__name__
                log.warning("claim_not_renewed", claim=name, error=reason)

    # In a copy of our context, so that its lines carry the same ids.
    thread = threading.Thread(
        target=copy_context().run, args=(_beat,), name=f"heartbeat of {name}", daemon=True
    )
    thread.start()
    try:
        yield heartbeat
    finally:
        ended.set()
        thread.join()
