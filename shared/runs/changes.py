"""The changes that watches have noticed, on their way through change runs. Called by the reconciler, and by what ends a run.

A change waits while any run of its site is active: one phone system has one executor. It is gone when the change run that took
it up has come to its end, or when a full run whose reading began after it was noticed has read everything from the same
controller and did not fail; a run that failed, was cancelled or left the changes to a full run gives them back.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from shared.database.tables import (
    WHOLE_RUNS,
    ChangeRow,
    CommandRow,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
    WatchRow,
)
from shared.domain.command import Command, CommandState
from shared.domain.reading import Reading
from shared.errors import DirectoryUnavailable
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.work.moves import NOT_BEGUN

# Of a change run that ended because only a full run can tell what there is to do.
LEFT_TO_FULL_RUN = "left_to_full_run"
# Of a run of which everything was tried. What 3CX refused is tried again by a full run, which knows it for a refusal then.
COMMANDS_FAILED = "commands_failed"
# So many changes are taken up at once.
AT_ONCE = 500
# Until changes whose run has failed are tried again.
_TRY_AGAIN = timedelta(minutes=5)
# Whoever's change is older than this has been tried again.
_ONCE_MORE = timedelta(minutes=1)
_ENDED = (RunState.IN_STEP.value, RunState.DONE.value, RunState.FAILED.value, RunState.CANCELLED.value)
_IDS_AT_ONCE = 500


def sites_with_pending(session: Session) -> Sequence[str]:
    """The sites with changes that no run has taken up, or whose run has ended."""
    is_over = select(Run.id).where(Run.id == ChangeRow.run_id, Run.state.in_(_ENDED)).exists()
    rows = select(ChangeRow.site_id).where(ChangeRow.run_id.is_(None) | is_over)
    return session.scalars(rows.distinct().order_by(ChangeRow.site_id)).all()


def is_active(session: Session, site_id: str) -> bool:
    """Whether any run of the site is reading or executing."""
    which = Run.site_id == site_id, Run.state.in_(ACTIVE_STATES)
    return session.scalar(select(Run.id).where(*which).limit(1)) is not None


def plan_waiting(session: Session, site_id: str) -> int | None:
    """The run whose plan for everybody waits for an approval, if one does."""
    which = Run.site_id == site_id, Run.state.in_(WAITING_STATES), Run.kind.in_(WHOLE_RUNS)
    return session.scalar(select(Run.id).where(*which).order_by(Run.id.desc()).limit(1))


def is_in_plan(session: Session, run_id: int, commands: Iterable[Command]) -> bool:
    """Whether one of these commands is about somebody, an extension or a number of which that plan has yet to do something."""
    guids, ids, numbers = set[str](), set[int](), set[str]()
    for command in commands:
        guids.add(command.person_guid or "")
        ids.add(command.extension_id or 0)
        numbers |= {command.number, str(command.before.get("number") or "")}
    for column, wanted in (
        (CommandRow.person_guid, guids - {""}),
        (CommandRow.extension_id, ids - {0}),
        (CommandRow.number, numbers - {""}),
    ):
        # A change run has at most some hundred commands.
        values = sorted(wanted, key=str)
        for first in range(0, len(values), _IDS_AT_ONCE):
            chosen = column.in_(values[first : first + _IDS_AT_ONCE])
            open_ = CommandRow.run_id == run_id, CommandRow.state.in_(NOT_BEGUN)
            if session.scalar(select(CommandRow.id).where(*open_, chosen).limit(1)) is not None:
                return True
    return False


def settle(session: Session, site_id: str) -> None:
    """Forget the changes that runs have dealt with, and give back those of runs that came to nothing."""
    taken = session.execute(
        select(ChangeRow.run_id, Run.state, Run.error_code)
        .join(Run, Run.id == ChangeRow.run_id, isouter=True)
        .where(ChangeRow.site_id == site_id, ChangeRow.run_id.is_not(None))
        .distinct()
    ).all()
    for run_id, state, code in taken:
        mine = ChangeRow.site_id == site_id, ChangeRow.run_id == run_id
        if state == RunState.DONE.value and code != LEFT_TO_FULL_RUN:
            dealt_with = [ChangeRow.directory.not_in(_unread(session, run_id)), *_not_again(session, run_id)]
            session.execute(
                delete(ChangeRow).where(*mine, *dealt_with).execution_options(synchronize_session=False)
            )
            session.execute(
                update(ChangeRow)
                .where(*mine)
                .values(run_id=None)
                .execution_options(synchronize_session=False)
            )
        elif state is None or state in _ENDED:
            session.execute(
                update(ChangeRow)
                .where(*mine)
                .values(run_id=None)
                .execution_options(synchronize_session=False)
            )
    _forget_covered(session, site_id)


def _unread(session: Session, run_id: int | None) -> list[str]:
    """The directories that did not answer the run."""
    failed = SnapshotPart.kind == PartKind.PEOPLE.value, SnapshotPart.state == PartState.FAILED.value
    return list(session.scalars(select(SnapshotPart.unit).where(SnapshotPart.run_id == run_id, *failed)))


def _not_again(session: Session, run_id: int | None) -> list[ColumnElement[bool]]:
    """Where something had changed between the plan and the deed, or the directory did not confirm it any more, what was noticed
    a moment before is taken up once more.
    """
    undone = or_(
        CommandRow.state == CommandState.OUTDATED.value,
        and_(
            CommandRow.state == CommandState.SKIPPED.value,
            CommandRow.error_code == DirectoryUnavailable.code,
        ),
    )
    if session.scalar(select(CommandRow.id).where(CommandRow.run_id == run_id, undone).limit(1)) is None:
        return []
    begun = session.scalar(select(Run.created_at).where(Run.id == run_id))
    return [ChangeRow.noticed_at < begun - _ONCE_MORE] if begun is not None else []


def unanswered_lately(session: Session, site_id: str, now: datetime) -> set[str]:
    """The directories that did not answer a change run a moment ago: their changes wait, those of others do not."""
    found = session.execute(
        select(SnapshotPart.unit, SnapshotPart.state)
        .join(Run, Run.id == SnapshotPart.run_id)
        .where(
            Run.site_id == site_id,
            Run.kind == RunKind.CHANGES.value,
            Run.finished_at > now - _TRY_AGAIN,
            SnapshotPart.kind == PartKind.PEOPLE.value,
        )
        .order_by(SnapshotPart.id)
    )
    last = {row.unit: row.state for row in found}
    return {unit for unit, state in last.items() if state == PartState.FAILED.value}


def waits_until(session: Session, site_id: str) -> datetime | None:
    """Until when changes wait because the last change run failed or was cancelled; ``None`` when it did not, or was to make way
    for another run.
    """
    last = _newest(session, site_id, RunKind.CHANGES.value)
    if last is None or last.state not in (RunState.FAILED.value, RunState.CANCELLED.value):
        return None
    if last.error_code == COMMANDS_FAILED:
        # That is left to a full run (``reason_left``).
        return None
    later = select(Run.id).where(Run.site_id == site_id, Run.id > last.id).limit(1)
    if last.state == RunState.CANCELLED.value and session.scalar(later) is not None:
        return None
    # Where a directory did not answer, its changes alone wait.
    if last.finished_at is None or _unread(session, last.id):
        return None
    return last.finished_at + _TRY_AGAIN


def reason_left(session: Session, site_id: str) -> str | None:
    """Why the newest change run left its changes to a full run, if none has been planned since."""
    last = _newest(session, site_id, RunKind.CHANGES.value)
    if last is None or last.error_code not in (LEFT_TO_FULL_RUN, COMMANDS_FAILED):
        return None
    since = select(Run.id).where(
        Run.site_id == site_id, Run.id > last.id, Run.kind.in_(WHOLE_RUNS), Run.planned_at.is_not(None)
    )
    return None if session.scalar(since.limit(1)) is not None else last.error_message


def pending(
    session: Session, site_id: str, silent: Collection[str] = (), plan: int | None = None
) -> list[ChangeRow]:
    """What waits to be taken up, the oldest first, but for that of ``silent`` directories and of people for whom the ``plan``
    that waits for an approval has something to do; one more than is taken up at once if there are more.
    """
    decided = select(CommandRow.id).where(
        CommandRow.run_id == plan,
        CommandRow.person_guid == ChangeRow.guid,
        CommandRow.state.in_(NOT_BEGUN),
    )
    return list(
        session.scalars(
            select(ChangeRow)
            .where(
                ChangeRow.site_id == site_id,
                ChangeRow.run_id.is_(None),
                *([ChangeRow.directory.not_in(silent)] if silent else []),
                *([~decided.exists()] if plan is not None else []),
            )
            .order_by(ChangeRow.id)
            .limit(AT_ONCE + 1)
        )
    )


def take(session: Session, rows: Sequence[ChangeRow], run_id: int) -> None:
    """The run takes these up."""
    ids = [row.id for row in rows]
    for first in range(0, len(ids), _IDS_AT_ONCE):
        session.execute(
            update(ChangeRow)
            .where(ChangeRow.id.in_(ids[first : first + _IDS_AT_ONCE]))
            .values(run_id=run_id)
            .execution_options(synchronize_session=False)
        )


def watched(session: Session, site_id: str) -> dict[str, dict[str, Any]]:
    """By directory, which controller the watch asks and what it was told of, as readings are stored."""
    rows = session.scalars(select(WatchRow).where(WatchRow.site_id == site_id))
    return {
        row.directory: Reading(
            controller="",
            server=row.server,
            service="",
            invocation_id=row.invocation_id,
            usn=row.usn,
            usn_after=row.usn_after,
            host=row.host or "",
            directory=row.directory,
        ).to_document()
        for row in rows
        if row.server
    }


def was_stopped(run: Run) -> bool:
    """Whether the run failed before it had tried everything that it planned."""
    return run.state == RunState.FAILED and run.error_code != COMMANDS_FAILED


def _newest(session: Session, site_id: str, kind: str) -> Run | None:
    return session.scalars(
        select(Run).where(Run.site_id == site_id, Run.kind == kind).order_by(Run.id.desc()).limit(1)
    ).first()


def _forget_covered(session: Session, site_id: str) -> None:
    """Changes that were noticed before the newest full run began to read, from the same controller, are in its plan; when it
    was stopped, that was not done.
    """
    run = session.scalars(
        select(Run)
        .where(Run.site_id == site_id, Run.kind == RunKind.FULL.value, Run.planned_at.is_not(None))
        .order_by(Run.id.desc())
        .limit(1)
    ).first()
    if run is None or was_stopped(run):
        return
    units = session.scalars(
        select(SnapshotPart).where(SnapshotPart.run_id == run.id, SnapshotPart.kind == PartKind.UNIT.value)
    ).all()
    if any(part.state != PartState.COMPLETE for part in units):
        return
    readings = [Reading.from_document(part.proof.get("controller") or {}) for part in units]
    for key, document in watched(session, site_id).items():
        asked = Reading.from_document(document)
        own = [reading for reading in readings if reading.directory == key]
        if own and all(_is_same_controller(reading, asked) for reading in own):
            session.execute(
                delete(ChangeRow)
                .where(
                    ChangeRow.site_id == site_id,
                    ChangeRow.directory == key,
                    ChangeRow.run_id.is_(None),
                    ChangeRow.full_run_id == run.id,
                )
                .execution_options(synchronize_session=False)
            )


def _is_same_controller(reading: Reading, asked: Reading) -> bool:
    if reading.invocation_id and asked.invocation_id:
        return reading.invocation_id == asked.invocation_id
    return reading.server == asked.server
