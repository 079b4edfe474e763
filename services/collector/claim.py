"""Takes a part of a run, keeps it while it is worked on, and notes how that ended. Called by ``snapshot`` and ``absent``.

A heartbeat renews the claim, because a directory may think about its first answer for longer than a lease lasts
(a nested group in a large domain): without it the next worker would begin again, and the one after it, for ever.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context

import structlog

from shared.database.tables import PartKind
from shared.errors import LeaseHeld, RollcallError
from shared.runs import parts
from shared.runs.doubtful import turn_of_part
from shared.settings import store
from shared.settings.documents import DirectorySettings
from shared.worker.context import Context

log = structlog.get_logger(__name__)

Work = Callable[[Context, parts.ClaimedPart, DirectorySettings], None]


def work_on(context: Context, part_id: int, kind: PartKind, work: Work) -> None:
    """Do the work if the part waits to be done, and publish what is due then.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    with turn_of_part(context, part_id) as has_turn:
        if has_turn:
            _take(context, part_id, kind, work)


def _take(context: Context, part_id: int, kind: PartKind, work: Work) -> None:
    part = parts.claim_part(context.database, part_id, kind, context.settings.lease_seconds)
    if part is None:
        return
    countdown: float | None = 0.0
    try:
        with context.database.read() as session:
            settings = store.read(session, part.site_id, context.encryption).settings.directory
        with _kept(context, part):
            work(context, part, settings)
    except LeaseHeld:
        raise
    except RollcallError as error:
        countdown = parts.fail_part(context.database, part, error)
    context.publish_after_part(part.run_id, part.id, countdown or 0.0)


@contextmanager
def _kept(context: Context, part: parts.ClaimedPart) -> Iterator[None]:
    ended = threading.Event()
    seconds = context.settings.lease_seconds

    def _heartbeat() -> None:
        while not ended.wait(seconds / 3):
            try:
                parts.renew_claim(context.database, part, seconds)
            except LeaseHeld:
                # The worker learns it when it stores its next page.
                return
            except RollcallError as error:
                log.warning("claim_not_renewed", part=part.id, error=error.message)

    # In a copy of our context, so that its lines carry the same ids.
    in_context = copy_context().run
    beating = threading.Thread(
        target=in_context, args=(_heartbeat,), name=f"claim of part {part.id}", daemon=True
    )
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
