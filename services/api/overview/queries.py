"""What the overview shows: where the site stands, what both ends said last, and what waits for a person or a worker."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.api.overview.facts import read_facts
from services.api.overview.trend import DAYS, Done
from services.api.overview.verdict import Facts
from shared.database.tables import (
    WHOLE_RUNS,
    CommandRow,
    FindingRow,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SettingsVersion,
    SnapshotPart,
)
from shared.database.watches import watch_statuses
from shared.domain.command import CommandState
from shared.domain.plan import Severity
from shared.domain.watching import WatchStatus, is_watched
from shared.errors import RollcallError
from shared.language import counted, declared, phrase
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.settings import store
from shared.settings.documents import ScheduleSettings, Section
from shared.work.due import due_messages
from shared.work.parts import advice_of
from shared.worker.context import Context

# A worker that lives takes work up at once, and what was lost is published again within this time by far.
_PATIENCE = timedelta(minutes=2)
# When a schedule is due next after a moment. The arithmetic is the collector's; whoever starts the process brings it.
_RECENT_RUNS = 30
CONFLICTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class End:
    """How one end answered when it was last read. ``is_well`` is ``None`` when it never was; ``advice`` is what should be
    mended in time although it answered.
    """

    is_well: bool | None
    message: str
    read_at: datetime | None
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """Since when work has been waiting that nobody takes up: of a run, or a run that the schedule should have started."""

    run: Run | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """``newest`` is of any kind but that for one person; ``history`` is in order of time; ``directories`` are by title, and
    the only one has none.
    """

    newest: Run | None
    active: Run | None
    waiting: Run | None
    last_good_at: datetime | None
    people: int
    people_read_at: datetime | None
    managed: int
    directories: Mapping[str, End]
    phone_system: End
    conflicts: Sequence[FindingRow]
    conflicts_total: int
    conflicts_run_id: int | None
    history: Sequence[Run]
    done: Sequence[Done]
    held: Sequence[tuple[datetime, int]]
    facts: Facts
    watches: Sequence[WatchStatus] = ()


def read_overview(context: Context, site_id: str) -> Overview:
    """The site as it stands."""
    of_site = Run.site_id == site_id
    with context.database.read() as session:
        history = session.scalars(
            select(Run)
            .where(of_site, Run.kind != RunKind.CHANGES.value)
            .order_by(Run.id.desc())
            .limit(_RECENT_RUNS)
        ).all()
        whole = [run for run in history if run.kind in WHOLE_RUNS]
        planned = next((run for run in whole if run.planned_at is not None), None)
        parts = _newest_parts(session, site_id)
        known = read_facts(session, [site_id])[site_id]
        return Overview(
            newest=whole[0] if whole else None,
            active=_newest_in(session, site_id, ACTIVE_STATES),
            waiting=_newest_in(session, site_id, WAITING_STATES),
            last_good_at=known.last_good_at,
            people=planned.people if planned is not None else 0,
            people_read_at=planned.planned_at if planned is not None else None,
            managed=known.facts.managed,
            directories=_directories(session, context, site_id, parts),
            phone_system=_end([part for part in parts if part.kind == PartKind.EXTENSIONS]),
            conflicts=_conflicts(session, planned),
            conflicts_total=known.facts.findings.get(Severity.CONFLICT, 0),
            conflicts_run_id=planned.id if planned is not None else None,
            history=history[::-1],
            **_trend(session, site_id),
            facts=known.facts,
            watches=watch_statuses(session, [site_id]).get(site_id, ()),
        )


def _trend(session: Session, site_id: str) -> dict[str, Any]:
    """What the runs of the last days applied, and how much of them needed approval. Most runs find nothing to do."""
    since = datetime.now(UTC) - timedelta(days=DAYS + 1)
    recent = (Run.site_id == site_id, Run.created_at >= since, Run.state != RunState.IN_STEP.value)
    done = session.execute(
        select(Run.created_at, CommandRow.kind, func.count())
        .join(CommandRow, CommandRow.run_id == Run.id)
        .where(*recent, CommandRow.state == CommandState.DONE.value)
        .group_by(Run.id, Run.created_at, CommandRow.kind)
    )
    held = session.execute(
        select(Run.created_at, Run.hold_reasons).where(*recent, Run.kind != RunKind.WHAT_IF.value)
    )
    return {
        "done": [Done(moment, kind, count) for moment, kind, count in done],
        "held": [
            (moment, sum(reasons["waiting"].values())) for moment, reasons in held if reasons.get("waiting")
        ],
    }


def _directories(
    session: Session, context: Context, site_id: str, parts: Sequence[SnapshotPart]
) -> dict[str, End]:
    units = [part for part in parts if part.kind == PartKind.UNIT]
    # Each directory has a part of its own that looks for people who were not found.
    if sum(part.kind == PartKind.ABSENT for part in parts) > 1:
        with suppress(RollcallError):
            settings = store.read(session, site_id, context.encryption).settings
            found = {
                title: [part for part in units if settings.key_of_unit(part.unit) == key]
                for key, title in settings.directory_titles.items()
            }
            if found:
                return {title: _end(read) for title, read in found.items()}
    return {"": _end(units)}


def find_stranded(context: Context, site_id: str, schedule: ScheduleSettings, now: datetime) -> Due | None:
    """What waits for a worker for too long, ``None`` when nothing does. From the database alone, so it costs nothing."""
    with context.database.read() as session:
        run = _newest_in(session, site_id, ACTIVE_STATES)
        if run is not None:
            since = _untouched_since(session, run, now) if run.state == RunState.COLLECTING else None
            return Due(run, since) if since is not None else None
        if not schedule.is_enabled:
            return None
        # As the schedule counts: a slot is due once no full run began since it and the schedule was saved before.
        last_run_at = session.scalar(
            select(func.max(Run.created_at)).where(Run.site_id == site_id, Run.kind == RunKind.FULL.value)
        )
        saved_at = session.scalar(
            select(func.max(SettingsVersion.created_at)).where(
                SettingsVersion.site_id == site_id, SettingsVersion.section == Section.SCHEDULE.value
            )
        )
        watches = watch_statuses(session, [site_id]).get(site_id, ())
    begun = [moment for moment in (last_run_at, saved_at) if moment is not None]
    due = schedule.next_run_at(max(begun), is_watched=is_watched(watches, now)) if begun else None
    return Due(None, due) if due is not None and due < now - _PATIENCE else None


def _untouched_since(session: Session, run: Run, now: datetime) -> datetime | None:
    if not due_messages(session, now - _PATIENCE, run.id):
        return None
    parts = session.scalars(select(SnapshotPart).where(SnapshotPart.run_id == run.id)).all()
    moments = [run.created_at]
    for part in parts:
        moments += [
            moment
            for moment in (part.completed_at, part.lease_expires_at, part.next_attempt_at)
            if moment is not None
        ]
    last = max(moments)
    return last if last < now - _PATIENCE else None


def _newest_in(session: Session, site_id: str, states: Sequence[str]) -> Run | None:
    return session.scalar(
        select(Run).where(Run.site_id == site_id, Run.state.in_(states)).order_by(Run.id.desc()).limit(1)
    )


def _newest_parts(session: Session, site_id: str) -> Sequence[SnapshotPart]:
    # A cancelled run may have been stopped before anything was asked.
    run_id = session.scalar(
        select(Run.id)
        .where(
            Run.site_id == site_id,
            Run.kind.not_in([RunKind.CHANGES.value, RunKind.UNDO.value]),
            Run.state.not_in([RunState.COLLECTING.value, RunState.CANCELLED.value]),
        )
        .order_by(Run.id.desc())
        .limit(1)
    )
    if run_id is None:
        return ()
    return session.scalars(
        select(SnapshotPart).where(SnapshotPart.run_id == run_id).order_by(SnapshotPart.position)
    ).all()


def _end(parts: Sequence[SnapshotPart]) -> End:
    if not parts:
        return End(None, declared("Not read yet."), None)
    read_at = max((part.completed_at for part in parts if part.completed_at is not None), default=None)
    failed = [part for part in parts if part.state != PartState.COMPLETE]
    if failed:
        return End(False, failed[0].error_message or declared("The last reading was not finished."), read_at)
    if parts[0].kind == PartKind.EXTENSIONS:
        read = counted(sum(part.item_count for part in parts), "extension", "extensions")
    else:
        read = counted(len(parts), "organizational unit", "organizational units")
    if parts[0].source:
        message = phrase("{read} from {source}.", read=read, source=parts[0].source)
    else:
        message = phrase("{read}.", read=read)
    return End(True, message, read_at, advice_of(parts))


def _conflicts(session: Session, run: Run | None) -> Sequence[FindingRow]:
    if run is None:
        return ()
    return session.scalars(
        select(FindingRow)
        .where(FindingRow.run_id == run.id, FindingRow.severity == Severity.CONFLICT.value)
        .order_by(FindingRow.id)
        .limit(CONFLICTS_SHOWN)
    ).all()
