"""Keeps ends that do not answer from holding up the others (a bulkhead).

Waiting for a directory or a phone system that hangs holds a worker for as long as the time-outs allow, and a few such
sites would hold them all. So a site whose end did not answer last time waits for its turn: one of them at a time holds
a worker, in the whole deployment, and the others' runs go on beside it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared.database.tables import PartKind, PartState, Run, SnapshotPart
from shared.errors import DirectoryUnavailable, PhoneSystemUnavailable
from shared.work import leases
from shared.worker.context import Context

TURN = "turn of those who did not answer"
# Longer than the usual time-outs: of those that hang, one holds a worker.
TURN_SECONDS = 60.0
# How soon one that has to wait asks again.
ASK_AGAIN_SECONDS = 5.0
_UNANSWERED = (DirectoryUnavailable.code, PhoneSystemUnavailable.code)
_RECENT_RUNS = 5
_DIRECTORY = (
    PartKind.UNIT.value, PartKind.ABSENT.value, PartKind.LOOKUP.value, PartKind.PEOPLE.value,
)  # fmt: skip
_PHONE_SYSTEM = (PartKind.EXTENSIONS.value, PartKind.SOME_EXTENSIONS.value)


@contextmanager
def turn(context: Context, *, is_suspect: bool) -> Iterator[bool]:
    """Whether the work may begin now, for the block: at once, or when it is its turn."""
    if not is_suspect:
        yield True
        return
    # Not renewed: one that answers again, and then has much to do, must not keep the others waiting.
    holder = leases.new_holder()
    seconds = min(TURN_SECONDS, context.settings.lease_seconds)
    has_turn = leases.take(context.database, TURN, holder, seconds)
    try:
        yield has_turn
    finally:
        if has_turn:
            leases.give_back(context.database, TURN, holder)


def did_not_answer(session: Session, site_id: str, kind: str, unit: str = "") -> bool:
    """Whether this end of the site left the newest reading that was tried without an answer.

    Of a site with several directories it is the one that a part of this ``kind`` and ``unit`` is read from.
    """
    kinds = _DIRECTORY if kind in _DIRECTORY else _PHONE_SYSTEM
    recent = session.scalars(
        select(Run.id).where(Run.site_id == site_id).order_by(Run.id.desc()).limit(_RECENT_RUNS)
    ).all()
    tried = session.execute(
        select(SnapshotPart.run_id, SnapshotPart.error_code, SnapshotPart.kind, SnapshotPart.unit)
        .where(
            SnapshotPart.run_id.in_(recent),
            SnapshotPart.kind.in_(kinds),
            or_(SnapshotPart.state == PartState.COMPLETE.value, SnapshotPart.error_code.is_not(None)),
        )
        .order_by(SnapshotPart.run_id.desc())
    ).all()
    newest = [row for row in tried if row.run_id == tried[0].run_id]
    # A part that looks for the absent has the key of its directory as its unit.
    if any(row.unit for row in newest if row.kind == PartKind.ABSENT.value) and kind != PartKind.LOOKUP.value:
        newest = [row for row in newest if (row.kind, row.unit) == (kind, unit)]
    return any(row.error_code in _UNANSWERED for row in newest)
