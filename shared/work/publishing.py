"""Publishes what of a run waits for a worker, after the commit that made it due."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared.database.tables import ChangeRow, Run, RunState
from shared.messages import Message, TakeChanges
from shared.work.due import due_messages, follow_ups
from shared.worker.context import Context


def publish_due(context: Context, run_id: int) -> None:
    """Publish whatever of the run waits for a worker now; after its end, that changes which have waited for it may be taken up."""
    with context.database.read() as session:
        messages: list[Message] = [*due_messages(session, datetime.now(UTC), run_id)]
        if not messages:
            messages += _changes_waiting(session, run_id)
    context.publish(messages)


def _changes_waiting(session: Session, run_id: int) -> Iterator[Message]:
    run = session.get(Run, run_id)
    if run is None or run.state in (RunState.COLLECTING.value, RunState.EXECUTING.value):
        return
    which = ChangeRow.site_id == run.site_id, or_(ChangeRow.run_id.is_(None), ChangeRow.run_id == run_id)
    if session.scalar(select(ChangeRow.id).where(*which).limit(1)) is not None:
        yield TakeChanges(site_id=run.site_id)


def publish_after_part(context: Context, run_id: int, part_id: int, seconds: float) -> None:
    """Publish what the end of an attempt at a part makes due in so many seconds, and nothing else: the run's other
    parts were published when it started.
    """
    with context.database.read() as session:
        messages = due_messages(session, datetime.now(UTC) + timedelta(seconds=seconds), run_id)
    context.publish(follow_ups(messages, part_id), countdown=seconds)
