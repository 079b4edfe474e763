"""What the overview shows: where the site stands, what both ends said last, and what waits for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.database.tables import (
    BindingRow,
    FindingRow,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
)
from shared.domain.plan import Severity
from shared.runs.start import ACTIVE_STATES, GOOD_ENDS, WAITING_STATES
from shared.worker.context import Context

RUNS_IN_CHART = 30
CONFLICTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class End:
    """How one end answered when it was last read. ``is_well`` is ``None`` when it never was."""

    is_well: bool | None
    message: str
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """``newest`` is of any kind but that for one person; ``history`` is in order of time."""

    newest: Run | None
    active: Run | None
    waiting: Run | None
    last_good_at: datetime | None
    people: int
    managed: int
    directory: End
    phone_system: End
    conflicts: Sequence[FindingRow]
    conflicts_total: int
    conflicts_run_id: int | None
    history: Sequence[Run]


def read_overview(context: Context, site_id: str) -> Overview:
    """The site as it stands."""
    of_site = Run.site_id == site_id
    with context.database.read() as session:
        history = session.scalars(
            select(Run).where(of_site).order_by(Run.id.desc()).limit(RUNS_IN_CHART)
        ).all()
        whole = [run for run in history if run.kind != RunKind.PERSON]
        planned = next((run for run in whole if run.planned_at is not None), None)
        parts = _newest_parts(session, site_id)
        return Overview(
            newest=whole[0] if whole else None,
            active=_newest_in(session, site_id, ACTIVE_STATES),
            waiting=_newest_in(session, site_id, WAITING_STATES),
            last_good_at=session.scalar(
                select(func.max(Run.finished_at)).where(of_site, Run.state.in_(GOOD_ENDS))
            ),
            people=planned.people if planned is not None else 0,
            managed=session.scalar(
                select(func.count()).select_from(BindingRow).where(BindingRow.site_id == site_id)
            )
            or 0,
            directory=_end([part for part in parts if part.kind == PartKind.UNIT], "organizational units"),
            phone_system=_end([part for part in parts if part.kind == PartKind.EXTENSIONS], "extensions"),
            conflicts=_conflicts(session, planned),
            conflicts_total=_conflicts_total(session, planned),
            conflicts_run_id=planned.id if planned is not None else None,
            history=history[::-1],
        )


def _newest_in(session: Session, site_id: str, states: Sequence[str]) -> Run | None:
    return session.scalar(
        select(Run).where(Run.site_id == site_id, Run.state.in_(states)).order_by(Run.id.desc()).limit(1)
    )


def _newest_parts(session: Session, site_id: str) -> Sequence[SnapshotPart]:
    # A cancelled run may have been stopped before anything was asked.
    run_id = session.scalar(
        select(Run.id)
        .where(
            Run.site_id == site_id, Run.state.not_in([RunState.COLLECTING.value, RunState.CANCELLED.value])
        )
        .order_by(Run.id.desc())
        .limit(1)
    )
    if run_id is None:
        return ()
    return session.scalars(
        select(SnapshotPart).where(SnapshotPart.run_id == run_id).order_by(SnapshotPart.position)
    ).all()


def _end(parts: Sequence[SnapshotPart], what: str) -> End:
    if not parts:
        return End(None, "Not read yet.", None)
    read_at = max((part.completed_at for part in parts if part.completed_at is not None), default=None)
    failed = [part for part in parts if part.state != PartState.COMPLETE]
    if failed:
        return End(False, failed[0].error_message or "The last reading was not finished.", read_at)
    count = sum(part.item_count for part in parts) if parts[0].kind == PartKind.EXTENSIONS else len(parts)
    source = f" from {parts[0].source}" if parts[0].source else ""
    return End(True, f"{count:,} {what}{source}.", read_at)


def _conflicts(session: Session, run: Run | None) -> Sequence[FindingRow]:
    if run is None:
        return ()
    return session.scalars(
        select(FindingRow)
        .where(FindingRow.run_id == run.id, FindingRow.severity == Severity.CONFLICT.value)
        .order_by(FindingRow.id)
        .limit(CONFLICTS_SHOWN)
    ).all()


def _conflicts_total(session: Session, run: Run | None) -> int:
    if run is None:
        return 0
    return (
        session.scalar(
            select(func.count())
            .select_from(FindingRow)
            .where(FindingRow.run_id == run.id, FindingRow.severity == Severity.CONFLICT.value)
        )
        or 0
    )
